package fetch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"infuse/fetch/api"
	"infuse/fetch/store"
)

// DirSource is a directory of dotenv files, in the place of a server: the same
// scopes, precedence and references, without credentials or a project. It has
// no imports, no personal secrets and no tags.
type DirSource struct {
	store store.Store
	Now   func() time.Time // nil: time.Now
}

// OpenDir names the directory, which has to exist.
func OpenDir(dir string) (*DirSource, error) {
	s, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	return &DirSource{store: s}, nil
}

// Store gives the directory behind the source.
func (d *DirSource) Store() store.Store { return d.store }

// Files lists the files and directories an environment was read from, for a watcher.
func (d *DirSource) Files(environment string) ([]string, error) { return d.store.Files(environment) }

// Fetch reads the files again.
func (d *DirSource) Fetch(ctx context.Context, scope Scope) (*Snapshot, error) {
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case scope.Environment == "":
		return nil, missing("environment", "--env", "INFISICAL_ENVIRONMENT", "defaultEnvironment")
	case len(scope.Tags) > 0:
		return nil, &ScopeError{Reason: "a directory of dotenv files has no tags to select by"}
	}
	scope, err := scope.normalize()
	if err != nil {
		return nil, err
	}
	tree, err := d.tree(scope)
	if err != nil {
		return nil, err
	}
	lists := make([]*api.SecretList, len(scope.Paths))
	for i, path := range scope.Paths {
		if lists[i], err = dirList(scope, tree, path); err != nil {
			return nil, err
		}
	}
	secrets, err := Merge(scope, lists)
	if err != nil {
		return nil, err
	}
	now := time.Now
	if d.Now != nil {
		now = d.Now
	}
	return &Snapshot{Secrets: secrets, Source: "file:" + d.store.Dir(), FetchedAt: now()}, nil
}

func (d *DirSource) tree(scope Scope) (store.Tree, error) {
	tree, err := d.store.Tree(scope.Environment)
	if errors.Is(err, store.ErrNoEnvironment) {
		known, _ := d.store.Environments()
		return nil, &NotFoundError{What: "environment", Name: scope.Environment, In: d.store.Dir(), Known: known, Err: err}
	}
	if err != nil || !scope.Expand {
		return tree, err
	}
	return d.store.Expand(scope.Environment, tree)
}

// dirList is what a server would answer for one path.
func dirList(scope Scope, tree store.Tree, path string) (*api.SecretList, error) {
	below := strings.TrimSuffix(path, "/") + "/"
	list := new(api.SecretList)
	found := false
	for folder, entries := range tree {
		inside := strings.HasPrefix(folder, below)
		found = found || folder == path || inside
		if folder != path && !(scope.Recursive && inside) {
			continue
		}
		for _, e := range entries {
			value := e.Value.Reveal()
			list.Secrets = append(list.Secrets, api.Secret{Key: e.Key, Value: &value, Type: "shared", Path: folder, Environment: scope.Environment})
		}
	}
	if !found {
		known := make([]string, 0, len(tree))
		for folder := range tree {
			known = append(known, folder)
		}
		slices.Sort(known)
		return nil, &NotFoundError{What: "folder", Name: path, In: "environment " + scope.Environment, Known: known}
	}
	return list, nil
}
