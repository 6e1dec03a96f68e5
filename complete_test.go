package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"infuse/fetch/devserver"
)

// completer asks what a completion script asks, without its limit of a second.
type completer struct {
	t       *testing.T
	environ []string
	now     time.Time
}

func (c *completer) ask(what, prefix string, words ...string) []string {
	c.t.Helper()
	p := &program{environ: c.environ, stdout: io.Discard, stderr: failing{c.t}, now: func() time.Time { return c.now }}
	names, _ := completion{what: what, prefix: prefix, words: words}.find(c.t.Context(), p)
	return strings.Fields(strings.Join(names, ""))
}

func (c *completer) check(want []string, what, prefix string, words ...string) {
	c.t.Helper()
	if got := c.ask(what, prefix, words...); !slices.Equal(got, want) {
		c.t.Errorf("%s of %q, prefix %q: %q, want %q", what, words, prefix, got, want)
	}
}

// failing is a stream that nothing may be written to.
type failing struct{ t *testing.T }

func (f failing) Write(p []byte) (int, error) {
	f.t.Errorf("completion said: %s", p)
	return len(p), nil
}

func TestCompleteDirectory(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"store/dev.env", "store/prod.env", "store/dev/backend.env", "store/dev/backend/db.env", "store/dev/backend/cache.env", "a b/spaced.env"} {
		writeFile(t, filepath.Join(dir, name), "")
	}
	c := &completer{t: t}
	store := "file:" + filepath.Join(dir, "store")
	both := []string{"dev", "prod"}

	c.check(both, "environments", "", "run", "--url", store)
	c.check(both, "environments", "", "run", "--domain="+store, "-r", "--watch-interval", "5", "-e")
	c.check([]string{"prod"}, "environments", "p", "diff", "--url", store, "--against")
	c.check([]string{"spaced"}, "environments", "", "export", "--url", "file:"+filepath.Join(dir, "a b"))
	c.check(both, "environments", "", "dev", filepath.Join(dir, "store"), "-e")
	c.check(nil, "environments", "", "run", "npm", "--url", store)             // COMMAND's own flag
	c.check(both, "environments", "", "run", "--mode", "exec", "--url", store) // exec is a value here
	c.check(nil, "environments", "", "nonsense", "--url", store)
	c.check(nil, "nonsense", "", "run", "--url", store)

	c.check([]string{"/backend"}, "paths", "", "run", "--url", store, "-edev")
	c.check([]string{"/backend"}, "paths", "/", "run", "--url", store, "--env=dev", "--path")
	c.check([]string{"backend"}, "paths", "b", "run", "--url", store, "-e", "dev")
	c.check([]string{"/backend/cache", "/backend/db"}, "paths", "/backend/", "run", "--url", store, "-e", "dev")
	c.check([]string{"/backend/db"}, "paths", "/backend/d", "run", "--url", store, "-e", "dev")
	c.check(nil, "paths", "/", "run", "--url", store) // in no environment

	c.environ = []string{"INFUSE_URL=" + store, "INFISICAL_ENVIRONMENT=dev"}
	c.check(both, "environments", "", "run")
	c.check([]string{"/backend"}, "paths", "", "run")
}

func TestCompleteServer(t *testing.T) {
	s := devserver.New(devserver.Config{Seed: 1})
	project := s.AddProject(devserver.ProjectConfig{Slug: "shop", Name: "Shop"})
	identity := s.AddIdentity(devserver.Identity{Name: "ci"})
	web := httptest.NewServer(s)
	defer web.Close()
	project.Set("prod", "/", "A", "1")
	project.Set("dev", "/backend/db", "B", "1")
	project.Folder("dev", "/$(touch hacked)")
	project.Folder("dev", "/with blank")
	project.Folder("dev", "/esc\x1b[2J")

	home := t.TempDir()
	c := &completer{t: t, now: time.Now(), environ: []string{
		"HOME=" + home, "INFISICAL_URL=" + web.URL, "INFISICAL_PROJECT_ID=" + project.ID(), "INFISICAL_ENVIRONMENT=dev",
		"INFISICAL_CLIENT_ID=" + identity.ClientID, "INFISICAL_CLIENT_SECRET=" + identity.ClientSecret,
	}}
	const login = "POST /api/v1/auth/universal-auth/login"
	all := c.ask("environments", "", "run")
	if !slices.Contains(all, "dev") || !slices.Contains(all, "prod") {
		t.Errorf("environments: %q", all)
	}
	c.check([]string{"/backend"}, "paths", "", "run") // and no name that is more than a name
	c.check([]string{"/backend/db"}, "paths", "/backend/", "run")
	c.check([]string{"/backend"}, "paths", "", "run", "--project-slug", "shop")

	// A minute of key presses costs no further login, and leaves no secret on disk.
	before := s.Count(login)
	c.check([]string{"prod"}, "environments", "pr", "export")
	c.check([]string{"/backend"}, "paths", "/b", "export")
	if n := s.Count(login) - before; n != 0 {
		t.Errorf("%d logins for what was just asked", n)
	}
	for _, body := range readTree(t, home) {
		if strings.Contains(body, identity.ClientSecret) || strings.Contains(body, "eyJ") {
			t.Errorf("a credential was left in the cache: %s", body)
		}
	}
	c.now = c.now.Add(memoryAge + time.Second)
	c.check([]string{"/backend"}, "paths", "/b", "export")
	if n := s.Count(login) - before; n != 1 {
		t.Errorf("%d logins after a minute, want one", n)
	}

	// Three refused logins would lock the identity: a refusal counts for a minute too.
	c.environ = append([]string{"INFISICAL_CLIENT_SECRET=wrong", "INFISICAL_ENVIRONMENT="}, c.environ...)
	c.now = c.now.Add(memoryAge + time.Second)
	before = s.Count(login)
	for range 5 {
		c.check(nil, "environments", "", "run")
	}
	if n := s.Count(login) - before; n != 1 {
		t.Errorf("%d logins with a wrong secret, want one", n)
	}
}

// TestCompleteTouchesNothing: a key press runs no program, asks nobody and
// remembers no decision.
func TestCompleteTouchesNothing(t *testing.T) {
	s := devserver.New(devserver.Config{Seed: 1})
	project := s.AddProject(devserver.ProjectConfig{Slug: "shop"})
	identity := s.AddIdentity(devserver.Identity{Name: "ci"})
	web := httptest.NewServer(s)
	defer web.Close()
	token := s.IssueToken(identity.ID)
	dir := t.TempDir()
	marker := filepath.Join(dir, "marker")
	home := []string{"HOME=" + dir}
	c := &completer{t: t, now: time.Now(), environ: home}

	ok := []string{"run", "--url", web.URL, "--project-id", project.ID(), "--token", token}
	if got := c.ask("environments", "", ok...); !slices.Contains(got, "dev") {
		t.Fatalf("environments: %q", got)
	}
	c.environ = append(home, "INFISICAL_CREDENTIAL_PROCESS=touch "+marker)
	c.check(nil, "environments", "", ok...)
	c.environ = home
	c.check(nil, "environments", "", "run", "--url", web.URL, "--project-id", project.ID(), "--credential-process", "touch "+marker)
	if _, err := os.Stat(marker); err == nil {
		t.Error("the credential process ran")
	}

	// The domain of a checked-in file is not followed, let alone remembered.
	s.ResetLog()
	checkout := filepath.Join(dir, "checkout")
	writeFile(t, filepath.Join(checkout, ".infisical.json"), `{"workspaceId":"`+project.ID()+`","defaultEnvironment":"dev","domain":"`+web.URL+`"}`)
	c.check(nil, "environments", "", "run", "--config-dir", checkout, "--token", token, "--trust-project-domain")
	if n := s.Total(); n != 0 {
		t.Errorf("%d requests to a domain that was never allowed", n)
	}
	if _, err := os.Stat(filepath.Join(dir, ".config")); err == nil {
		t.Error("a key press remembered a trusted domain")
	}

	// A login in the system keyring is left alone: opening it could ask the user.
	writeFile(t, filepath.Join(dir, ".infisical", "infisical-config.json"), `{"loggedInUserEmail":"a@b.c","vaultBackendType":"auto"}`)
	c.check(nil, "environments", "", "run", "--url", web.URL, "--project-id", project.ID())
}

// TestCompleteIsBounded: a server that never answers costs a second, not a
// timeout, and says nothing.
func TestCompleteIsBounded(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		select {
		case <-arrived:
		default:
			close(arrived)
		}
		<-release
	}))
	defer web.Close()
	defer close(release)
	var out bytes.Buffer
	p := &program{environ: []string{"HOME=" + t.TempDir()}, stdout: &out, stderr: failing{t}, now: time.Now}
	command := &completeCommand{Args: []string{"environments", "zsh", "", "run", "--url", web.URL, "--project-id", "p", "--token", "a.b.c"}}
	start := time.Now()
	if err := command.run(t.Context(), p); err != nil {
		t.Errorf("it failed: %v", err)
	}
	// Without the limit the client would try for 30 seconds. A look that does not
	// fit into what is left of the second is not begun.
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("it took %s", took)
	}
	select {
	case <-arrived:
	default:
		t.Error("the server was never asked")
	}
	if out.Len() > 0 {
		t.Errorf("it said %q", out.String())
	}
}

func TestTypeable(t *testing.T) {
	for name, want := range map[string]bool{
		"dev": true, "/backend/db-1.2_x": true, "": false, "-e": false, "a b": false, "a;b": false, "$(x)": false,
		"a\nb": false, "`x`": false, "a'b": false, "é": false, "a\x1b[2J": false, "a|b": false, "~root": false, "a*": false,
	} {
		if typeable(name) != want {
			t.Errorf("typeable(%q) = %v", name, !want)
		}
	}
}

func writeFile(t *testing.T, name, body string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
}

// readTree reads every file below dir.
func readTree(t *testing.T, dir string) (bodies []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := os.ReadFile(name)
		bodies = append(bodies, string(body))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bodies
}
