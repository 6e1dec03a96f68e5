package envfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// SaveConfig says where a file goes.
type SaveConfig struct {
	Path string
	Mode fs.FileMode // of a new file; 0600 if zero. An existing file keeps its mode
}

// Save replaces the file at c.Path by data, at once: a reader sees the old file
// or the new one, and on any error the old one stays. A symbolic link is
// followed, and the file it leads to is replaced. Save reports whether it wrote:
// a file that holds data already is left untouched. Whatever is not a regular
// file (a directory, a device, a FIFO) is refused. Of two writers at once the
// last one wins, with a whole file.
func Save(c SaveConfig, data []byte) (changed bool, err error) {
	path, info, err := follow(c.Path)
	if err != nil {
		return false, fmt.Errorf("writing %s: %w", c.Path, inWords(err))
	}
	mode := c.Mode.Perm()
	if mode == 0 {
		mode = 0o600
	}
	if info != nil {
		mode = info.Mode().Perm()
		if info.Size() == int64(len(data)) {
			if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
				return false, nil
			}
		}
	}
	if err := replace(path, data, mode, info); err != nil {
		return false, fmt.Errorf("writing %s: %w", c.Path, inWords(err))
	}
	return true, nil
}

// follow resolves links by hand, because the file at their end may not exist
// yet. info is nil if it does not.
func follow(path string) (target string, info fs.FileInfo, err error) {
	if path == "" {
		return "", nil, errors.New("no file name")
	}
	for range 40 {
		info, err := os.Lstat(path)
		switch {
		case isDescriptor(path):
			return "", nil, errors.New("it is an open file of a process, whose place nothing else can take; - is standard output")
		case errors.Is(err, fs.ErrNotExist):
			return path, nil, wantDirectory(filepath.Dir(path))
		case err != nil:
			return "", nil, err
		case info.Mode().IsRegular():
			return path, info, nil
		case info.Mode()&fs.ModeSymlink == 0:
			return "", nil, errors.New(kind(info.Mode()) + ", not a file")
		}
		next, err := os.Readlink(path)
		if err != nil {
			return "", nil, err
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return "", nil, errors.New("too many symbolic links")
}

// isDescriptor knows the links of proc_pid_fd(5), at the end of /dev/stdout too:
// to replace the file behind one loses what its owner writes from then on.
func isDescriptor(path string) bool {
	dir := filepath.Dir(path)
	return dir == "/dev/fd" || strings.HasPrefix(dir, "/proc/") && filepath.Base(dir) == "fd"
}

func wantDirectory(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no directory %s", dir)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	}
	return nil
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "it is a directory"
	case mode&fs.ModeDevice != 0:
		return "it is a device"
	case mode&fs.ModeNamedPipe != 0:
		return "it is a FIFO"
	case mode&fs.ModeSocket != 0:
		return "it is a socket"
	}
	return "it is special"
}

// inWords puts the common failures into words; the names of temporary files that
// the originals carry help nobody.
func inWords(err error) error {
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	switch {
	case errors.Is(err, syscall.EBUSY):
		return errors.New("it is a mount point, which cannot be replaced at once: mount its directory instead, or write to standard output")
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("its directory is not writable: %w", fs.ErrPermission)
	case errors.As(err, &pathErr):
		return pathErr.Err
	case errors.As(err, &linkErr):
		return linkErr.Err
	}
	return err
}
