//go:build unix

package environ

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

func (d *Dir) write(files []Entry) (bool, error) {
	unlock, err := d.open()
	if err != nil {
		return false, err
	}
	defer unlock()
	if d.holds(files) {
		return false, nil
	}
	for i := range files {
		if err := d.free(files[i].Name); err != nil {
			return false, err
		}
	}
	generation, err := d.newGeneration(files)
	if err != nil {
		return false, err
	}
	if err := d.swap(generation); err != nil {
		return false, errors.Join(err, os.RemoveAll(filepath.Join(d.Path, generation)))
	}
	for i := range files {
		name := files[i].Name
		err := os.Symlink(filepath.Join(dataLink, name), filepath.Join(d.Path, name))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return true, err
		}
	}
	return true, d.sweep(generation, files)
}

// open makes the directory and takes its lock, which ends with the process at
// the latest (flock(2)).
func (d *Dir) open() (unlock func(), err error) {
	if err := os.MkdirAll(d.Path, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Open(d.Path)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// holds reports whether the present generation is exactly files.
func (d *Dir) holds(files []Entry) bool {
	current := filepath.Join(d.Path, dataLink)
	present, err := os.ReadDir(current)
	if err != nil || len(present) != len(files) {
		return false
	}
	for i := range files {
		name := files[i].Name
		if target, err := os.Readlink(filepath.Join(d.Path, name)); err != nil || target != filepath.Join(dataLink, name) {
			return false
		}
		info, err := os.Lstat(filepath.Join(current, name))
		if err != nil || info.Mode() != 0o400 || info.Size() != int64(files[i].Value.Len()) {
			return false
		}
		content, err := os.ReadFile(filepath.Join(current, name))
		if err != nil || string(content) != files[i].Value.Reveal() {
			return false
		}
	}
	return true
}

// free wants name to be missing, or a link of ours.
func (d *Dir) free(name string) error {
	path := filepath.Join(d.Path, name)
	target, err := os.Readlink(path)
	if err == nil && target == filepath.Join(dataLink, name) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%s is in the way: it is not one of our links", Display(name))
}

func (d *Dir) newGeneration(files []Entry) (name string, err error) {
	dir, err := os.MkdirTemp(d.Path, generationPrefix)
	if err != nil {
		return "", err
	}
	for i := range files {
		if err := writeOnce(filepath.Join(dir, files[i].Name), files[i].Value.Reveal()); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	return filepath.Base(dir), nil
}

func writeOnce(path, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return err
	}
	// The umask may have taken bits away from 0400.
	_, err = f.WriteString(content)
	return errors.Join(err, f.Chmod(0o400), f.Close())
}

// swap points ..data at generation with one rename.
func (d *Dir) swap(generation string) error {
	next := filepath.Join(d.Path, generation+".link")
	if err := os.Symlink(generation, next); err != nil {
		return err
	}
	if err := os.Rename(next, filepath.Join(d.Path, dataLink)); err != nil {
		return errors.Join(err, os.Remove(next))
	}
	return nil
}

// sweep removes links of names that are gone, old generations, and what a
// killed writer left.
func (d *Dir) sweep(generation string, files []Entry) error {
	keep := make(map[string]bool, len(files))
	for i := range files {
		keep[files[i].Name] = true
	}
	entries, err := os.ReadDir(d.Path)
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		name := entry.Name()
		path := filepath.Join(d.Path, name)
		switch {
		case strings.HasPrefix(name, generationPrefix):
			if name != generation {
				errs = append(errs, os.RemoveAll(path))
			}
		case !keep[name] && entry.Type()&fs.ModeSymlink != 0:
			if target, err := os.Readlink(path); err == nil && target == filepath.Join(dataLink, name) {
				errs = append(errs, os.Remove(path))
			}
		}
	}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, fs.ErrNotExist) })...)
}
