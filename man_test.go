//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestManPage lets the system's man set the page: one warning of groff is a
// failure, and what a reader sees has to be all there.
func TestManPage(t *testing.T) {
	require(t, "man")
	require(t, "groff")
	docs := describeAll(t)
	file := filepath.Join(t.TempDir(), "infuse.1")
	if err := os.WriteFile(file, []byte(manPage(docs, "1.2.3-test")), 0o600); err != nil {
		t.Fatal(err)
	}
	page := render(t, file, "78")
	render(t, file, "66") // a narrow screen: lines that cannot be broken would be warned of

	var sections []string
	for _, match := range regexp.MustCompile(`(?m)^([A-Z][A-Z ]+)$`).FindAllStringSubmatch(page, -1) {
		sections = append(sections, match[1])
	}
	want := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"}
	if !slices.Equal(sections, want) {
		t.Errorf("sections %q, want %q", sections, want)
	}
	flat := strings.Join(strings.Fields(page), " ")
	for _, doc := range docs {
		if !strings.Contains(flat, "infuse "+doc.name+" ") {
			t.Errorf("no command %s", doc.name)
		}
		for _, flag := range doc.flags {
			if flag.negates != "" {
				continue
			}
			spelling := "--" + flag.name
			if flag.negatable {
				spelling = "--[no-]" + flag.name
			}
			if !strings.Contains(flat, spelling) {
				t.Errorf("no flag %s of %s", spelling, doc.name)
			}
			if help := strings.Join(strings.Fields(flag.help), " "); !strings.Contains(flat, help) {
				t.Errorf("the help of %s --%s is not there as it is written: %q", doc.name, flag.name, help)
			}
		}
		_, examples := splitExamples(doc.detail)
		if len(examples) == 0 {
			t.Errorf("the help of %s has no example", doc.name)
		}
		for _, example := range examples {
			if !strings.Contains(flat, strings.Join(strings.Fields(example), " ")) {
				t.Errorf("no example %q", example)
			}
		}
	}
	for _, text := range []string{"infuse 1.2.3-test", "INFISICAL_TOKEN", "INFISICAL_WORKSPACE_ID", "Sets --project-id.", ".infisical.json"} {
		if !strings.Contains(flat, text) {
			t.Errorf("no %q", text)
		}
	}
}

// render is the page as text, without bold and underlined overstrikes.
func render(t *testing.T, file, width string) string {
	t.Helper()
	cmd := exec.Command("man", "--warnings=w", "--local-file", "--encoding=UTF-8", file)
	cmd.Env = append(os.Environ(), "MANWIDTH="+width, "LC_ALL=C.UTF-8", "MANPAGER=cat", "PAGER=cat", "MAN_KEEP_FORMATTING=", "GROFF_NO_SGR=1")
	var warnings strings.Builder
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	if err != nil || warnings.Len() > 0 {
		t.Errorf("man, %s columns: %v\n%s", width, err, warnings.String())
	}
	return regexp.MustCompile(`.\x08`).ReplaceAllString(string(out), "")
}

// TestManNoticesMistakes: the harness above can fail.
func TestManNoticesMistakes(t *testing.T) {
	require(t, "man")
	require(t, "groff")
	file := filepath.Join(t.TempDir(), "bad.1")
	page := manPage(describeAll(t), "1") + ".nosuchmacro\n"
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("man", "--warnings=w", "--local-file", file).CombinedOutput()
	if !strings.Contains(string(out), "nosuchmacro") {
		t.Errorf("man did not warn of an unknown macro (%v)", err)
	}
}

func TestRoffEscape(t *testing.T) {
	for text, want := range map[string]string{
		`a\b`: `a\(rsb`, "a-b": `a\-b`, "it's": `it\(aqs`, "`x`": `\(gax\(ga`, "~/x": `\(ti/x`, `say "hi"`: `say \(dqhi\(dq`,
	} {
		if got := roffEscape(text); got != want {
			t.Errorf("roffEscape(%q) = %q, want %q", text, got, want)
		}
	}
	r := new(roff)
	r.text(".TH would be a macro")
	r.text("'so /etc/passwd")
	if got := r.String(); got != "\\&.TH would be a macro\n\\&'so /etc/passwd\n" {
		t.Errorf("text at the start of a line: %q", got)
	}
}
