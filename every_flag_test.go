//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryFlagStandsInAScript holds the end-to-end scripts to the grammar: a
// flag that no script uses, by a spelling or by its variable, is a promise that
// nobody tested.
func TestEveryFlagStandsInAScript(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	scripts := map[string]string{} // by command; every script for the flags that several share
	var all strings.Builder
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(body)
		for line := range strings.Lines(string(body)) {
			if _, rest, ok := strings.Cut(line, "infuse "); ok && !strings.HasPrefix(line, "#") {
				command, _, _ := strings.Cut(rest, " ")
				scripts[command] += line
			}
		}
	}
	docs, err := describeGrammar(&program{stdout: os.Stdout, stderr: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	shared := map[string]int{}
	for _, doc := range docs {
		for _, flag := range doc.flags {
			shared[flag.name]++
		}
	}
	for _, doc := range docs {
		for _, flag := range doc.flags {
			where := scripts[doc.name]
			if shared[flag.name] > 1 {
				where = all.String()
			}
			if flag.negates == "" && !usesFlag(where, all.String(), flag) {
				t.Errorf("no script uses infuse %s --%s", doc.name, flag.name)
			}
		}
	}
}

func usesFlag(commands, variables string, flag flagDoc) bool {
	spellings := flag.spellings()
	if flag.negatable {
		spellings = append(spellings, "--no-"+flag.name)
	}
	for _, spelling := range spellings {
		if regexp.MustCompile(`(^|[ '"])` + spelling + `\b`).MatchString(commands) {
			return true
		}
	}
	for _, name := range flag.variables {
		if regexp.MustCompile(`(?m)^env ` + name + `=.`).MatchString(variables) {
			return true
		}
	}
	return false
}
