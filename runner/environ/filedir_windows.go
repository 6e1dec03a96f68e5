package environ

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// write replaces file by file: links need a privilege here.
func (d *Dir) write(files []Entry) (bool, error) {
	if err := os.MkdirAll(d.Path, 0o700); err != nil {
		return false, err
	}
	changed := false
	var names []string
	for i := range files {
		names = append(names, files[i].Name)
		path := filepath.Join(d.Path, files[i].Name)
		if old, err := os.ReadFile(path); err == nil && string(old) == files[i].Value.Reveal() {
			continue
		}
		if err := d.replace(path, files[i].Value.Reveal()); err != nil {
			return changed, err
		}
		changed = true
	}
	for _, name := range d.written {
		if !slices.Contains(names, name) {
			changed = true
			if err := os.Remove(filepath.Join(d.Path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return changed, err
			}
		}
	}
	return changed, nil
}

func (d *Dir) replace(path, content string) error {
	f, err := os.CreateTemp(d.Path, generationPrefix)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Close()); err == nil {
		_ = os.Chmod(path, 0o600) // a read-only file cannot be replaced
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Chmod(path, 0o400)
}
