package devserver_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"infuse/fetch/devserver"
)

// program finds an outside program, or skips the test by the program's name; where
// INFUSE_TEST_REQUIRE is 1 a missing program fails it.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is not installed")
	}
	return path
}

func missing(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("INFUSE_TEST_REQUIRE") == "1" {
		t.Fatal(reason + ", and INFUSE_TEST_REQUIRE=1 wants it")
	}
	t.Skip(reason)
}

// sdk is a directory with the pinned official SDK, which takes npm a minute to unpack: it is
// installed once for each lock file, into the user's cache.
func sdk(t *testing.T) string {
	t.Helper()
	npm := program(t, "npm")
	lock, err := os.ReadFile("../../testdata/sdk/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(lock, []byte(`"resolved"`)) {
		t.Error("the lock file names a registry")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	modules := filepath.Join(cache, "infuse-test", fmt.Sprintf("sdk-%x", sha256.Sum256(lock)))
	if _, err := os.Stat(modules); err != nil {
		install(t, npm, modules)
	}
	dir := t.TempDir()
	copyFile(t, "drive.mjs", dir)
	if err := os.Symlink(filepath.Join(modules, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		missing(t, "no symbolic links: "+err.Error())
	}
	return dir
}

// install fills a directory that is there only when it is whole.
func install(t *testing.T, npm, target string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(target), "sdk-new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		copyFile(t, name, dir)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		if bytes.Contains(out, []byte("EINTEGRITY")) {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		missing(t, "npm ci cannot install @infisical/sdk: "+err.Error())
	}
	if err := os.Rename(dir, target); err != nil {
		if _, statErr := os.Stat(target); statErr != nil { // else another run was faster
			t.Fatal(err)
		}
	}
}

func copyFile(t *testing.T, name, dir string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "sdk", name))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestOfficialSDK drives both eras with the official npm SDK: it logs in, lists with imports,
// recursion and references, reads one secret, writes, renews, and reads the errors.
func TestOfficialSDK(t *testing.T) {
	node := program(t, "node")
	dir := sdk(t)
	for name, era := range map[string]devserver.Era{"current": devserver.Current, "2024": devserver.Era2024} {
		t.Run(name, func(t *testing.T) {
			s := devserver.New(devserver.Config{Era: era})
			p := s.AddProject(devserver.ProjectConfig{Name: "app"})
			p.Set("dev", "/", "HOST", "db.local")
			p.Set("dev", "/", "URL", "postgres://${HOST}/${prod.shared.NAME}")
			p.Set("dev", "/backend", "KEY", "k1")
			p.Set("prod", "/shared", "NAME", "app")
			p.Set("prod", "/shared", "HOST", "hidden by the direct one")
			p.AddImport(devserver.Import{Environment: "dev", FromEnvironment: "prod", FromPath: "/shared"})
			// A server of 2024 renews no token whose TTL is its max TTL, the default: it deletes it.
			id := s.AddIdentity(devserver.Identity{TTL: 2 * time.Hour, MaxTTL: 24 * time.Hour})
			later := s.AddIdentity(devserver.Identity{})
			socket := httptest.NewServer(s)
			defer socket.Close()

			cmd := exec.CommandContext(t.Context(), node, "drive.mjs")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "SITE_URL="+socket.URL, "PROJECT_ID="+p.ID(), "CLIENT_ID="+id.ClientID, "CLIENT_SECRET="+id.ClientSecret, "LATER_CLIENT_ID="+later.ClientID)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			checkSDK(t, out)
		})
	}
}

type sdkSecret struct{ SecretKey, SecretValue, SecretPath, Type string }

func checkSDK(t *testing.T, out []byte) {
	var seen struct {
		Secrets, Merged []sdkSecret
		Imports         []struct {
			SecretPath, Environment string
			Keys                    []string
		}
		One                                sdkSecret
		Written, Deleted                   string
		Folders                            []string
		Renewed                            int
		WrongSecret, WrongProject, NoToken string
	}
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	pairs := func(list []sdkSecret) []string {
		var out []string
		for _, sec := range list {
			out = append(out, sec.SecretPath+" "+sec.SecretKey+"="+sec.SecretValue)
		}
		sort.Strings(out)
		return out
	}
	if want := []string{"/ HOST=db.local", "/ URL=postgres://db.local/app", "/backend KEY=k1"}; !slices.Equal(pairs(seen.Secrets), want) {
		t.Errorf("listed %q, want %q", pairs(seen.Secrets), want)
	}
	if len(seen.Imports) != 1 || seen.Imports[0].SecretPath != "/shared" || seen.Imports[0].Environment != "prod" || len(seen.Imports[0].Keys) != 2 {
		t.Errorf("imports %+v", seen.Imports)
	}
	merged := map[string]string{}
	for _, sec := range seen.Merged {
		merged[sec.SecretKey] = sec.SecretValue
	}
	if want := map[string]string{"HOST": "db.local", "URL": "postgres://db.local/app", "NAME": "app"}; !reflect.DeepEqual(merged, want) {
		t.Errorf("merged %v, want %v", merged, want)
	}
	if seen.One.SecretValue != "postgres://db.local/app" || seen.One.Type != "shared" {
		t.Errorf("one %+v", seen.One)
	}
	if seen.Written != "changed" || seen.Renewed != 2 || !slices.Equal(seen.Folders, []string{"backend"}) {
		t.Errorf("written %q, after the renewal %d secrets, folders %q", seen.Written, seen.Renewed, seen.Folders)
	}
	for got, want := range map[string]string{seen.Deleted: "404", seen.WrongSecret: "401", seen.WrongProject: "404", seen.NoToken: "401"} {
		if !strings.Contains(got, want) {
			t.Errorf("error %q does not hold %s", got, want)
		}
	}
	if !strings.Contains(seen.WrongSecret, "Invalid credentials") {
		t.Errorf("a wrong secret: %q", seen.WrongSecret)
	}
}
