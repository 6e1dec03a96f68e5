package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// installCommand is `infuse install DIR`: in a container image of scratch there
// is no cp, so an init container that shares a volume copies itself.
type installCommand struct {
	messageFlags
	Dir string `arg:"" help:"Directory that gets the binary, as DIR/infuse."`
}

func (c *installCommand) messages() *messageFlags { return &c.messageFlags }

// run copies the running binary, atomically and with mode 0755, so that a pod
// that starts meanwhile never finds half of it.
func (c *installCommand) run(_ context.Context, p *program) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding the running binary: %w", err)
	}
	source, err := os.Open(self)
	if err != nil {
		return fmt.Errorf("reading the running binary: %w", err)
	}
	defer source.Close()
	if info, err := os.Stat(c.Dir); err != nil || !info.IsDir() {
		return hinted(fmt.Errorf("%s is not a directory", c.Dir), "make the directory or mount the volume first")
	}
	target := filepath.Join(c.Dir, "infuse")
	if err := copyBinary(source, target); err != nil {
		return fmt.Errorf("installing %s: %w", target, err)
	}
	p.log.Info("installed", "file", target)
	return nil
}

func copyBinary(source io.Reader, target string) error {
	tmp, err := os.CreateTemp(filepath.Dir(target), ".infuse-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already when the rename worked
	if _, err = io.Copy(tmp, source); err == nil {
		err = tmp.Chmod(0o755)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), target)
}
