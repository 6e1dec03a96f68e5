package main

import (
	"os"

	"infuse/runner/envfile"
)

// saveFile replaces a small file of ours atomically.
func saveFile(name string, body []byte, mode os.FileMode) error {
	_, err := envfile.Save(envfile.SaveConfig{Path: name, Mode: mode}, body)
	return err
}
