//go:build unix

package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joho/godotenv"
	"github.com/rogpeppe/go-internal/testscript"
)

// Every script is also a test for leaks. Scanned for every secret that crossed
// the wire, and every value of the script's own stores, are
//
//   - all messages of every infuse of the script, at debug level whatever the
//     script asked for (the journal),
//   - the stdout of the commands that never print a value,
//   - stderr as it was printed, and
//   - the files that are there at the end and were not at the beginning, but
//     for those that are meant to hold values (holdsValues).

// journalVariable names the journal to the infuse of a script.
const journalVariable = "TEST_JOURNAL"

// journalMain is infuse as scripts run it: main, with a journal.
func journalMain() {
	name := os.Getenv(journalVariable)
	if name == "" {
		main()
		return
	}
	journal, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		main() // in a container, or as somebody else
		return
	}
	silenceLibraries()
	p := &program{
		args: copied(os.Args[1:]), environ: slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, journalVariable+"=") }),
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		now: time.Now, journal: journal,
	}
	if len(p.args) > 0 && slices.Contains([]string{"list", "whoami", "version", "man", "completion", "install"}, p.args[0]) || slices.Contains(p.args, "--dry-run") {
		p.stdout = tee{os.Stdout, journal}
	}
	os.Exit(p.main())
}

// tee writes to a file of the process and to the journal.
type tee struct {
	*os.File
	journal io.Writer
}

func (t tee) Write(b []byte) (int, error) {
	if n, err := t.journal.Write(b); err != nil {
		return n, err
	}
	return t.File.Write(b)
}

// scriptT is the testing.T of a script, which sees its log.
type scriptT struct {
	*testing.T
	log    strings.Builder
	secret known
}

func (t *scriptT) Log(args ...any) {
	for _, arg := range args {
		if text, ok := arg.(string); ok {
			t.log.WriteString(text)
		}
	}
	t.T.Log(args...)
}

// Verbose: the log is whole. It is shown of a failed script, or with -v.
func (t *scriptT) Verbose() bool { return true }

func (t *scriptT) Run(name string, run func(testscript.T)) {
	t.T.Run(name, func(inner *testing.T) {
		script := &scriptT{T: inner}
		defer func() {
			printed := printedErrors.FindAllString(script.log.String(), -1)
			inner.Logf("stderr was printed %d times", len(printed))
			script.secret.scan(inner, "stderr", strings.Join(printed, ""))
		}()
		run(script)
	})
}

// printedErrors are the places of a script's log where stderr is.
var printedErrors = regexp.MustCompile(`(?ms)^\[(?:\w+ )?stderr\]\n.*?^(?:> |\[|#)`)

// watchForLeaks begins the journal of a script, and reads it at its end.
func watchForLeaks(env *testscript.Env, t *scriptT) error {
	journal, err := os.CreateTemp(t.TempDir(), "journal")
	if err != nil {
		return err
	}
	env.Setenv(journalVariable, journal.Name())
	before := filesBelow(env.WorkDir)
	for name, body := range before {
		if values, err := godotenv.UnmarshalBytes(body); err == nil && filepath.Ext(name) == ".env" {
			for key, value := range values {
				t.secret.add(key+" of "+name, value)
			}
		}
	}
	env.Defer(func() {
		said, err := io.ReadAll(journal)
		if err != nil {
			t.Error(err)
		}
		_ = journal.Close()
		t.Logf("the journal: %d bytes, %d secrets to look for", len(said), len(t.secret.all()))
		t.secret.scan(t, "the journal", string(said))
		for name, body := range filesBelow(env.WorkDir) {
			leaks := t.secret.leaks(string(body))
			switch _, old := before[name]; {
			case old:
			case !mayHoldValues(t.Name(), name):
				for _, leak := range leaks {
					t.Errorf("%s holds %s", name, leak)
				}
			case len(leaks) == 0 && !t.Failed():
				t.Errorf("%s was to hold values: take it from holdsValues", name)
			}
		}
	})
	return nil
}

func filesBelow(dir string) map[string][]byte {
	files := map[string][]byte{}
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(dir, name)
			files[rel], _ = os.ReadFile(name)
		}
		return nil // what goes away meanwhile is nobody's leak
	})
	return files
}

// holdsValues are the files that a script has values in on purpose: it exported
// them there, or made a credential file.
var holdsValues = map[string][]string{
	"credential_process": {"a token", "next", "pair/client-secret"},
	"credentials":        {"token", "secret"},
	"export":             {"readable.env", "out.env", "github.env", "app-secrets.yaml"},
	"keyring":            {"entry.json"},
	"service_token":      {"token"},
	"whoami":             {"token"},
}

func mayHoldValues(test, name string) bool {
	return slices.ContainsFunc(holdsValues[filepath.Base(test)], func(pattern string) bool {
		matched, _ := filepath.Match(pattern, name)
		return matched || strings.HasPrefix(name, pattern+"/")
	})
}
