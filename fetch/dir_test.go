package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"infuse/fetch"
)

func ExampleDirSource() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	_ = os.WriteFile(filepath.Join(dir, "dev.env"), []byte("HOST=db\nURL='postgres://${HOST}/app'\n"), 0o600)
	source, _ := fetch.OpenDir(dir)
	snapshot, _ := source.Fetch(context.Background(), fetch.Scope{Environment: "dev", Expand: true})
	for _, s := range snapshot.Secrets {
		fmt.Println(s.Key, s.Origin, s.Value, s.Value.Reveal())
	}
	// Output:
	// HOST dev:/ [redacted] db
	// URL dev:/ [redacted] postgres://db/app
}

func directory(t *testing.T, files map[string]string) *fetch.DirSource {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := fetch.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDirectory(t *testing.T) {
	d := directory(t, map[string]string{
		"dev.env":            "A=root\nB='${prod.A}'\nC='${NOPE}'\n",
		"dev/backend.env":    "A=backend\nD='${A}'\n",
		"dev/backend/db.env": "A=db\nE=deep\n",
		"prod.env":           "A=production\n",
	})
	for name, c := range map[string]struct {
		scope fetch.Scope
		want  []string
	}{
		"root":        {fetch.Scope{Environment: "dev", Expand: true}, []string{"A=root from dev:/", "B=production from dev:/", "C=${NOPE} from dev:/ unresolved"}},
		"as written":  {fetch.Scope{Environment: "dev"}, []string{"A=root from dev:/", "B=${prod.A} from dev:/ unresolved", "C=${NOPE} from dev:/ unresolved"}},
		"folder":      {fetch.Scope{Environment: "dev", Paths: []string{"backend/"}, Expand: true}, []string{"A=backend from dev:/backend", "D=backend from dev:/backend"}},
		"recursive":   {fetch.Scope{Environment: "dev", Paths: []string{"/backend"}, Recursive: true}, []string{"A=backend from dev:/backend over [dev:/backend/db] conflict", "D=${A} from dev:/backend unresolved", "E=deep from dev:/backend/db"}},
		"later paths": {fetch.Scope{Environment: "prod", Paths: []string{"/"}, ProjectID: "whatever"}, []string{"A=production from prod:/"}},
		"two paths":   {fetch.Scope{Environment: "dev", Paths: []string{"/backend", "/backend/db"}, Expand: true}, []string{"A=db from dev:/backend/db over [dev:/backend]", "D=backend from dev:/backend", "E=deep from dev:/backend/db"}},
	} {
		snapshot, err := d.Fetch(t.Context(), c.scope)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, lines(snapshot.Secrets)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !strings.HasPrefix(snapshot.Source, "file:") || snapshot.FetchedAt.IsZero() {
			t.Errorf("%s: %q %s", name, snapshot.Source, snapshot.FetchedAt)
		}
	}
	files, err := d.Files("dev")
	if err != nil || !slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, "db.env") }) {
		t.Errorf("files: %v, %v", files, err)
	}
}

func TestDirectoryRefuses(t *testing.T) {
	d := directory(t, map[string]string{"dev.env": "A=1\n", "dev/backend/db.env": "A=2\n", "bad.env": "'hunter2"})
	for words, scope := range map[string]fetch.Scope{
		"no environment is given":   {},
		"no such environment: nope": {Environment: "nope"},
		"there is bad, dev":         {Environment: "nope"},
		"no such folder: /nope":     {Environment: "dev", Paths: []string{"nope"}},
		"there is /, /backend":      {Environment: "dev", Paths: []string{"nope"}},
		"has no tags":               {Environment: "dev", Tags: []string{"a"}},
		`".." segment`:              {Environment: "dev", Paths: []string{"../../etc"}},
		"bad.env":                   {Environment: "bad"},
	} {
		_, err := d.Fetch(t.Context(), scope)
		if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v, want %q", scope, err, words)
		}
	}
	if _, err := d.Fetch(t.Context(), fetch.Scope{Environment: "dev", Paths: []string{"/backend"}}); err != nil {
		t.Errorf("a folder that only holds folders: %v", err)
	}
	if _, err := fetch.OpenDir(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a directory that is not there is opened")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Fetch(ctx, fetch.Scope{Environment: "dev"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
