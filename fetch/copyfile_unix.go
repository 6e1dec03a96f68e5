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
