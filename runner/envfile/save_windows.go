package envfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// replace writes a temporary file beside path and moves it over path.
func replace(path string, data []byte, mode fs.FileMode, _ fs.FileInfo) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".infuse-*")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Chmod(file.Name(), mode)
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
