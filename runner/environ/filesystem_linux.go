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
	kind := uint32(fs.Type) // signed on most systems, where the magic of ramfs does not fit 32 bits
	return err == nil && kind != unix.TMPFS_MAGIC && kind != unix.RAMFS_MAGIC
}
