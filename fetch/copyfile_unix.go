//go:build unix

package fetch

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// checkPrivate refuses what somebody else owns or may write.
func checkPrivate(info fs.FileInfo) error {
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return errors.New("belongs to another user")
	}
	if info.Mode().Perm()&0o022 != 0 {
		return errors.New("can be written by others (chmod go-w)")
	}
	return nil
}

// openNoFollow opens a file for reading, and neither follows a link nor waits
// for the other end of a pipe.
func openNoFollow(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK) { // FreeBSD says EMLINK
		return nil, errNotRegular
	}
	return f, err
}
