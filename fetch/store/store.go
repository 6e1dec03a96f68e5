package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"infuse/fetch/secret"
)

// ErrNoEnvironment is what Tree wraps for an environment that is not there.
var ErrNoEnvironment = errors.New("no such environment")

// maxDepth bounds nested folders, so that a symbolic link to one of its own
// parents ends in an error instead of a walk without end.
const maxDepth = 24

// Store is a directory of dotenv files. Make one with Open.
type Store struct{ dir string }

// Entry is one secret of a folder.
type Entry struct {
	Key   string
	Value secret.Value
	File  string // the file it was read from, for messages
}

// Tree is one environment: every folder, by its path ("/", "/backend/db"),
// with its entries sorted by key. A folder without a file is there and empty.
type Tree map[string][]Entry

// Open names the directory of a store. It has to exist; what is in it is read later.
func Open(dir string) (Store, error) {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return Store{}, fmt.Errorf("opening the store: %w", err)
	case !info.IsDir():
		return Store{}, fmt.Errorf("opening the store: %s is not a directory", dir)
	}
	return Store{dir: dir}, nil
}

// Dir is the directory given to Open.
func (s Store) Dir() string { return s.dir }

// Environments lists the environments, sorted.
func (s Store) Environments() ([]string, error) {
	children, err := readDir(s.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range children {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// Tree reads one environment. The error for one that is not there wraps
// ErrNoEnvironment and names those that are.
func (s Store) Tree(env string) (Tree, error) {
	children, err := readDir(s.dir)
	if err != nil {
		return nil, err
	}
	root, ok := children[env]
	if !ok {
		return nil, s.missing(env, children)
	}
	tree := Tree{}
	if err := tree.read("/", root, 0); err != nil {
		return nil, err
	}
	return tree, nil
}

func (s Store) missing(env string, have map[string]child) error {
	var names []string
	for name := range have {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return fmt.Errorf("%w %q: %s has no NAME.env file", ErrNoEnvironment, env, s.dir)
	}
	return fmt.Errorf("%w %q: %s has %s", ErrNoEnvironment, env, s.dir, strings.Join(names, ", "))
}

// read adds the folder that c is, and those below it, to the tree.
func (t Tree) read(folder string, c child, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: folders nested more than %d deep (a symbolic link in a circle?)", c.dir, maxDepth)
	}
	t[folder] = []Entry{}
	if c.file != "" {
		entries, err := readFile(c.file)
		if err != nil {
			return err
		}
		t[folder] = entries
	}
	if c.dir == "" {
		return nil
	}
	children, err := readDir(c.dir)
	if err != nil {
		return err
	}
	for name, sub := range children {
		if err := t.read(strings.TrimSuffix(folder, "/")+"/"+name, sub, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// Files lists every directory and file that was looked at for one
// environment, or for all of them if env is empty: what a watcher has to watch.
func (s Store) Files(env string) ([]string, error) {
	children, err := readDir(s.dir)
	if err != nil {
		return nil, err
	}
	files := []string{s.dir}
	for name, c := range children {
		if env == "" || name == env {
			if err := c.list(&files, 0); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(files)
	return files, nil
}

// child is what makes one folder: NAME.env, the directory NAME, or both.
type child struct{ file, dir string }

func (c child) list(files *[]string, depth int) error {
	if c.file != "" {
		*files = append(*files, c.file)
	}
	if c.dir == "" || depth > maxDepth {
		return nil
	}
	*files = append(*files, c.dir)
	children, err := readDir(c.dir)
	if err != nil {
		return err
	}
	for _, sub := range children {
		if err := sub.list(files, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// readDir pairs the NAME.env files and NAME directories of dir by name.
// Entries that vanish while it looks, and dangling links, are not there.
func readDir(dir string) (map[string]child, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the store: %w", err)
	}
	children := map[string]child{}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") {
			continue
		}
		path := filepath.Join(dir, name)
		info, err := os.Stat(path) // follows links; entry.Type does not
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the store: %w", err)
		}
		base, isEnv := strings.CutSuffix(name, ".env")
		switch {
		case info.IsDir():
			c := children[name]
			c.dir = path
			children[name] = c
		case isEnv:
			c := children[base]
			c.file = path
			children[base] = c
		}
	}
	return children, nil
}
