package devserver_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"infuse/fetch/devserver"
)

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFillFromDemo(t *testing.T) {
	s := devserver.New(devserver.Config{})
	p, err := s.FillFrom("../../testdata/demo")
	if err != nil {
		t.Fatal(err)
	}
	id := s.AddIdentity(devserver.Identity{})
	w := &world{Server: s, p: p, id: id, token: s.IssueToken(id.ID)}
	got := w.list(t, "environment=dev&recursive=true").values(t)
	if got["/ DATABASE_URL"] != "postgres://app:correct horse battery staple@127.0.0.1:5432/app" || got["/ API_KEY"] != "demo-backend-key" || strings.Count(got["/ TLS_CERT"], "\n") != 4 {
		t.Errorf("got %q", got)
	}
	if p.Slug() != "demo" || !slices.Equal(p.Environments(), []string{"dev", "prod"}) {
		t.Errorf("slug %q, environments %q", p.Slug(), p.Environments())
	}
	again, err := devserver.New(devserver.Config{}).FillFrom("../../testdata/demo")
	if err != nil || again.ID() != p.ID() {
		t.Errorf("another server gives the directory another id: %v", err)
	}
	if same, err := s.FillFrom("../../testdata/demo"); err != nil || same != p {
		t.Errorf("filling twice made two projects: %v", err)
	}
}

func changes(list []devserver.Change) string {
	var out []string
	for _, c := range list {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s:%s %s", c.Kind, c.Environment, c.Path, c.Key)))
	}
	return strings.Join(out, ", ")
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		put(t, dir, "dev.env", "A=1\nB=2\nC=3\n")
		put(t, dir, "dev/sub.env", "D=4\n")
		put(t, dir, "old/x.env", "E=5\n")
		s := devserver.New(devserver.Config{})
		p, err := s.FillFrom(dir)
		if err != nil {
			t.Fatal(err)
		}
		id := s.AddIdentity(devserver.Identity{})
		w := &world{Server: s, p: p, id: id, token: s.IssueToken(id.ID)}
		if got, err := s.Reload(); err != nil || len(got) != 0 {
			t.Errorf("nothing changed: %s, %v", changes(got), err)
		}
		// What the API writes stays until the line in the file changes.
		w.ask(t, "PATCH", "/api/v4/secrets/C", `{"projectId":"PROJECT","environment":"dev","secretValue":"by the API"}`)
		w.ask(t, "POST", "/api/v4/secrets/NEW", `{"projectId":"PROJECT","environment":"dev","secretValue":"by the API"}`)
		events := w.subscribe(t, everything)
		defer events.close()

		put(t, dir, "dev.env", "A=changed\nC=3\nF=6\n")
		if err := os.Remove(filepath.Join(dir, "dev", "sub.env")); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(dir, "old")); err != nil {
			t.Fatal(err)
		}
		got, err := s.Reload()
		if want := "changed dev:/ A, added dev:/ F, removed old:/x E, removed old:/x, removed old:/, removed dev:/sub D, removed dev:/sub, removed dev:/ B"; err != nil || changes(got) != want {
			t.Errorf("got  %s, %v\nwant %s", changes(got), err, want)
		}
		if got := fmt.Sprint(w.list(t, "environment=dev&recursive=true").values(t)); got != "map[/ A:changed / C:by the API / F:6 / NEW:by the API]" {
			t.Errorf("after the reload: %s", got)
		}
		if !slices.Equal(p.Environments(), []string{"dev"}) {
			t.Errorf("environments %q", p.Environments())
		}
		for _, want := range []string{"secret:update", "secret:create", "secret:delete", "secret:delete", "secret:delete"} {
			if got := events.next(); !strings.HasPrefix(got, want) {
				t.Errorf("event %s, want %s", got, want)
			}
		}

		put(t, dir, "dev.env", "A=again\nnot a line\n")
		if _, err := s.Reload(); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("a broken file: %v", err)
		}
		if got := w.list(t, "environment=dev").values(t)["/ A"]; got != "changed" {
			t.Errorf("a broken file was applied: A is %q", got)
		}
		put(t, dir, "dev.env", "A=mended\n")
		if _, err := s.Reload(); err != nil || w.list(t, "environment=dev").values(t)["/ A"] != "mended" {
			t.Errorf("a mended file: %v", err)
		}
	})
}

func TestFillErrors(t *testing.T) {
	s := devserver.New(devserver.Config{})
	if _, err := s.FillFrom(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a missing directory fills")
	}
	dir := t.TempDir()
	put(t, dir, "dev.env", "broken line\n")
	if _, err := s.FillFrom(dir); err == nil || !strings.Contains(err.Error(), "dev.env: line 1") {
		t.Errorf("got %v", err)
	}
	id := s.AddIdentity(devserver.Identity{})
	put(t, dir, "dev.env", "A=1\n")
	p, err := s.FillFrom(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Server: s, p: p, id: id, token: s.IssueToken(id.ID)}
	if r := w.ask(t, "GET", "/api/v1/projects", ""); strings.Count(r.body, `"slug":"`+p.Slug()+`"`) != 1 {
		t.Errorf("the failed fill left a project: %s", r.body)
	}
}
