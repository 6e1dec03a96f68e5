package main

import (
	"os/exec"
	"path"
	"strings"
	"testing"
)

// allowed is the import rule of the house: what each package may import of
// infuse. Imports run one way; creds and fetch do not know each other; the
// runner knows no Infisical and no HTTP. Everyone may use fetch/secret, a leaf.
var allowed = map[string][]string{
	"infuse":                 {"creds", "creds/vault", "fetch", "fetch/api", "fetch/devserver", "fetch/store", "runner", "runner/environ", "runner/envfile", "runner/mask", "watch"},
	"infuse/creds":           {"creds/vault", "fetch/api"},
	"infuse/creds/vault":     {},
	"infuse/fetch":           {"fetch/api", "fetch/store"},
	"infuse/fetch/api":       {},
	"infuse/fetch/devserver": {"fetch/api", "fetch/store"},
	"infuse/fetch/secret":    nil,
	"infuse/fetch/store":     {},
	"infuse/runner":          {"runner/environ", "runner/envfile", "runner/mask"},
	"infuse/runner/environ":  {},
	"infuse/runner/envfile":  {"runner/environ"},
	"infuse/runner/mask":     {},
	"infuse/watch":           {"fetch/api"},
}

// banned are standard packages that a part of the house must not reach.
var banned = map[string][]string{
	"infuse/runner":         {"net/http"},
	"infuse/runner/environ": {"net/http", "os/exec"},
	"infuse/runner/envfile": {"net/http", "os/exec"},
	"infuse/fetch/secret":   {"os", "net/http"},
}

func TestImportRules(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}:{{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		pkg, imports, _ := strings.Cut(line, ":")
		rule, known := allowed[pkg]
		if !known && !strings.Contains(pkg, "/testdata/") {
			t.Errorf("%s is not in the plan of the house", pkg)
		}
		for _, imported := range strings.Fields(imports) {
			for _, ban := range banned[pkg] {
				if imported == ban {
					t.Errorf("%s imports %s", pkg, imported)
				}
			}
			rel, ours := strings.CutPrefix(imported, "infuse/")
			if !ours || rel == "fetch/secret" && rule != nil || strings.Contains(pkg, "/testdata/") {
				continue
			}
			if !contains(rule, rel) {
				t.Errorf("%s must not import %s", pkg, imported)
			}
		}
	}
}

// inherits are the places where a child is handed what this process is made of:
// on Windows the standard streams have no fixed numbers, and the shim finds the
// running binary where /proc is not mounted.
var inherits = map[string]bool{"runner/tree_windows.go": true, "runner/shim_unix.go": true}

// TestOnlyMainTouchesTheProcess finds os.Exit, os.Getenv, os.Args and os.Stdout
// outside package main: everything else receives them.
func TestOnlyMainTouchesTheProcess(t *testing.T) {
	out, err := exec.Command("git", "grep", "-nE", `\bos\.(Exit|Getenv|LookupEnv|Environ|Args|Stdin|Stdout|Stderr)\b`, "--", "*.go", ":!*_test.go").Output()
	if err != nil && len(out) == 0 {
		t.Skip("skipped: not a git checkout, or git is not installed")
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		file, rest, _ := strings.Cut(line, ":")
		_, code, _ := strings.Cut(rest, ":")
		code, _, _ = strings.Cut(code, "//")
		if !strings.Contains(code, "os.") || inherits[file] {
			continue
		}
		if path.Dir(file) != "." && !strings.Contains(file, "testdata/") {
			t.Errorf("only package main may touch the process: %s", line)
		}
	}
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}
