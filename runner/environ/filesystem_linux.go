package environ

import (
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OnDisk reports whether a directory lies, or would be made, on a file system
// that outlives the machine's memory: anything but tmpfs and ramfs (statfs(2)).
// What cannot be asked is not said to be.
func OnDisk(dir string) bool {
	var fs unix.Statfs_t
	err := unix.Statfs(dir, &fs)
	if up := filepath.Dir(dir); errors.Is(err, unix.ENOENT) && up != dir {
		return OnDisk(up)
	}
	return err == nil && fs.Type != unix.TMPFS_MAGIC && fs.Type != unix.RAMFS_MAGIC
}
