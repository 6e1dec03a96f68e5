package envfile

import (
	"testing"

	"golang.org/x/sys/unix"
)

func mountSmall(dir string) error {
	return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k")
}

func unmount(t *testing.T, dir string) {
	if err := unix.Unmount(dir, 0); err != nil {
		t.Error(err)
	}
}
