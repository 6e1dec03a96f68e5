package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kballard/go-shellquote"
)

// helpOf is what `infuse ARGS...` prints on a terminal of that width.
func helpOf(t *testing.T, columns string, args ...string) string {
	t.Helper()
	t.Setenv("COLUMNS", columns) // kong reads it before it asks the terminal
	var out bytes.Buffer
	p := &program{args: args, stdout: &out, stderr: io.Discard, now: time.Now}
	if _, err := parse(p); err != errDone {
		t.Fatalf("infuse %s: %v", strings.Join(args, " "), err)
	}
	return out.String()
}

// TestHelpFits: no line is wider than the terminal, examples included, which
// nothing wraps.
func TestHelpFits(t *testing.T) {
	calls := [][]string{{}, {"--help"}}
	for _, e := range commands() {
		if !e.hidden {
			calls = append(calls, []string{e.name, "--help"})
		}
	}
	for _, call := range calls {
		for columns, width := range map[string]int{"80": 80, "120": 100} {
			text := helpOf(t, columns, call...)
			for _, line := range strings.Split(text, "\n") {
				if n := utf8.RuneCountInString(line); n > width {
					t.Errorf("infuse %s: %d columns of %s: %q", strings.Join(call, " "), n, columns, line)
				}
			}
			if len(call) == 2 && !strings.Contains(text, "Example") {
				t.Errorf("the help of %s has no example", call[0])
			}
		}
	}
}

func TestHelpSaysHowToCall(t *testing.T) {
	for call, want := range map[string]string{
		"run":        "Usage: infuse run [flags] -- COMMAND [ARG...]\n",
		"export":     "Usage: infuse export [flags]\n",
		"get":        "Usage: infuse get [flags] NAME\n",
		"install":    "Usage: infuse install [flags] DIR\n",
		"completion": "Usage: infuse completion [flags] bash|zsh|fish\n",
		"version":    "Usage: infuse version\n",
	} {
		if text := helpOf(t, "80", call, "--help"); !strings.HasPrefix(text, want) {
			t.Errorf("%.80q, want %q", text, want)
		}
	}
	// What most people look for stands first, how to log in after it.
	text, at := helpOf(t, "80", "run", "--help"), 0
	for _, title := range []string{"\nFlags:\n", "\nWhich secrets\n", "\nRunning\n", "\nEnvironment\n", "\nFiles\n", "\nWatching\n", "\nWho is asking\n", "\nServer\n", "\nOffline copy\n", "\nMessages\n"} {
		next := strings.Index(text[at:], title)
		if next < 0 {
			t.Fatalf("no group %q, or not in this place", title)
		}
		at += next + len(title) - 1
	}
	for _, doc := range describeAll(t) {
		for _, flag := range doc.flags {
			if flag.group != "" && !strings.Contains(text+helpOf(t, "80", doc.name, "--help"), "\n"+flag.group+"\n") {
				t.Errorf("%s --%s: no group %q", doc.name, flag.name, flag.group)
			}
		}
	}
}

// TestHelpExamplesParse: an example that the grammar refuses would be a lie.
func TestHelpExamplesParse(t *testing.T) {
	t.Chdir(t.TempDir())
	examples := strings.Split(shortHelp, "\n")
	for _, doc := range describeAll(t) {
		_, lines := splitExamples(doc.detail)
		examples = append(examples, strings.Split(strings.ReplaceAll(strings.Join(lines, "\n"), "\\\n", ""), "\n")...)
	}
	parsed := map[string]bool{}
	for _, example := range examples {
		_, call, ours := strings.Cut(example, "infuse ")
		if !ours || strings.HasPrefix(example, "#") || strings.HasPrefix(example, "infuse starts") {
			continue
		}
		for _, end := range []string{" # ", " | ", " > ", " &)", ")", "   "} { // the rest belongs to the shell, or is a remark
			call, _, _ = strings.Cut(call, end)
		}
		args, err := shellquote.Split(call)
		if err != nil {
			t.Errorf("%q: %v", example, err)
			continue
		}
		p := &program{args: args, stdout: io.Discard, stderr: io.Discard, now: time.Now}
		if c, err := parse(p); err != nil || c == nil {
			t.Errorf("%q: %v", example, err)
		}
		parsed[args[0]] = true
	}
	for _, e := range commands() {
		if !e.hidden && !parsed[e.name] {
			t.Errorf("no example of %s", e.name)
		}
	}
}

// TestHelpNamesLimits: what a system cannot do is said where it runs.
func TestHelpNamesLimits(t *testing.T) {
	for system, want := range map[string][]string{
		"linux":   nil,
		"darwin":  {"--file-dir", "SIGKILL"},
		"freebsd": {"--file-dir"},
		"windows": {"no execve", "no signals", "--on-change signal:", "--file-dir"},
	} {
		note := systemNote(system, "run")
		if (note == "") != (want == nil) {
			t.Errorf("%s: %q", system, note)
		}
		for _, words := range want {
			if !strings.Contains(strings.Join(strings.Fields(note), " "), words) {
				t.Errorf("%s: no %q in %q", system, words, note)
			}
		}
		if note := systemNote(system, "list"); note != "" {
			t.Errorf("%s: list: %q", system, note)
		}
	}
}
