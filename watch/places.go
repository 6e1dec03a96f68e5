package watch

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	envSuffix = ".env"
	treeDepth = 16
	treeMost  = 1000     // directories
	fileMost  = 16 << 20 // bytes of a file that count
	linksMost = 40       // as the kernel's own limit for symbolic links
	anyName   = ""
)

// place is a name in a directory whose coming, going or changing may change
// what a path leads to.
type place struct{ dir, name string }

// addPlaces adds the places a path depends on: the last component, every
// symbolic link on the way (Kubernetes mounts name -> ..data/name, and replaces
// ..data), and, where the way ends early, the first component that is missing.
func addPlaces(places map[place]bool, path string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return
	}
	root := filepath.VolumeName(path) + string(filepath.Separator)
	dir, rest := root, strings.TrimPrefix(path, root)
	for links := 0; ; {
		var name string
		name, rest, _ = strings.Cut(rest, string(filepath.Separator))
		switch name {
		case "", ".":
			if rest == "" {
				return
			}
			continue
		case "..":
			dir = filepath.Dir(dir)
			if rest == "" {
				return
			}
			continue
		}
		full := filepath.Join(dir, name)
		info, err := os.Lstat(full)
		switch {
		case err != nil:
			places[place{dir, name}] = true
			return
		case info.Mode()&fs.ModeSymlink != 0:
			places[place{dir, name}] = true
			target, err := os.Readlink(full)
			if links++; err != nil || links > linksMost {
				return
			}
			if filepath.IsAbs(target) {
				dir = filepath.VolumeName(target) + string(filepath.Separator)
				target = strings.TrimPrefix(target, dir)
			}
			rest = strings.TrimSuffix(target+string(filepath.Separator)+rest, string(filepath.Separator))
		case rest == "":
			places[place{dir, name}] = true
			return
		default:
			dir = full
		}
		if rest == "" {
			return
		}
	}
}

// treeDirs are the directories of a tree, links followed, each by its clean
// absolute path.
func treeDirs(root string) []string {
	var dirs []string
	walkTree(root, func(path string, dir bool) {
		if dir {
			if abs, err := filepath.Abs(path); err == nil {
				dirs = append(dirs, abs)
			}
		}
	})
	return dirs
}

// treeFiles are the *.env files of a tree.
func treeFiles(root string) []string {
	var paths []string
	walkTree(root, func(path string, dir bool) {
		if !dir && strings.HasSuffix(path, envSuffix) {
			paths = append(paths, path)
		}
	})
	return paths
}

func walkTree(root string, visit func(path string, dir bool)) {
	count := 0
	var walk func(dir string, depth int)
	walk = func(dir string, depth int) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return
		}
		if count++; count > treeMost {
			return
		}
		visit(dir, true)
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			info, err := os.Stat(path)
			switch {
			case err != nil || strings.HasPrefix(e.Name(), ".."): // Kubernetes' own
			case info.IsDir() && depth < treeDepth:
				walk(path, depth+1)
			case !info.IsDir():
				visit(path, false)
			}
		}
	}
	walk(root, 0)
}

// digest stands for the content of a file, or for why there is none.
type digest struct {
	sum   [sha256.Size]byte
	state string
}

// contentOf reads a regular file. Anything else is left alone: opening a pipe
// would wait for its writer, and take what was meant for another reader.
func contentOf(path string) digest {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return failed(err)
	case !info.Mode().IsRegular():
		return digest{state: "not a regular file"}
	}
	file, err := os.Open(path)
	if err != nil {
		return failed(err)
	}
	defer file.Close()
	var d digest
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(file, fileMost)); err != nil {
		return failed(err)
	}
	h.Sum(d.sum[:0])
	return d
}

func failed(err error) digest {
	if missing(err) {
		return digest{state: "missing"}
	}
	return digest{state: "unreadable"}
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
