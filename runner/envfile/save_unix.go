//go:build !windows

package envfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

// replace writes a temporary file beside path, syncs it and renames it over
// path. The owner of an existing file is kept where the system lets us.
func replace(path string, data []byte, mode fs.FileMode, old fs.FileInfo) (err error) {
	file, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)),
		renameio.WithPermissions(mode), renameio.IgnoreUmask())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Cleanup()) }()
	if _, err := file.Write(data); err != nil {
		return err
	}
	if old != nil {
		if err := keepOwner(file.File, old); err != nil {
			return err
		}
	}
	return file.CloseAtomicallyReplace()
}

func keepOwner(file *os.File, old fs.FileInfo) error {
	stat, ok := old.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() && int(stat.Gid) == os.Getegid() {
		return nil
	}
	err := file.Chown(int(stat.Uid), int(stat.Gid))
	if errors.Is(err, fs.ErrPermission) {
		return nil // the file becomes ours, as with every editor that renames
	}
	return err
}
