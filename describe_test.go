package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"infuse/creds"
)

func describeAll(t *testing.T) []commandDoc {
	t.Helper()
	docs, err := describeGrammar(&program{stdout: io.Discard, stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// TestEveryValueIsClassified: a new flag with a value is either completed, or
// somebody decided here that there is nothing to propose.
func TestEveryValueIsClassified(t *testing.T) {
	free := strings.Fields(`allow-name cache-max-age cache-wait client-id client-secret command credential-process drain-timeout
		exclude exec file file-mode inherit listen namespace only prefix preserve-env project-id project-slug refresh-after rename
		require retries rollback-within secret-name set splay stop-timeout tag timeout token watch-interval`)
	var found []string
	for _, doc := range describeAll(t) {
		for _, flag := range doc.flags {
			if flag.value == kindFree {
				found = append(found, flag.name)
			}
			if flag.value == kindWords && len(flag.words) == 0 {
				t.Errorf("%s --%s has no words", doc.name, flag.name)
			}
			if flag.help == "" || flag.name == "" {
				t.Errorf("%s --%s has no help", doc.name, flag.name)
			}
		}
	}
	slices.Sort(found)
	if found = slices.Compact(found); !slices.Equal(found, free) {
		t.Errorf("flags whose value nothing is proposed for:\n got %q\nwant %q", found, free)
	}
}

// TestProposedWordsAreAccepted runs every word that no enum tag guards through
// what reads it.
func TestProposedWordsAreAccepted(t *testing.T) {
	var run, export commandDoc
	for _, doc := range describeAll(t) {
		switch doc.name {
		case "run":
			run = doc
		case "export":
			export = doc
		}
	}
	words := func(doc commandDoc, flag string) []string {
		i := slices.IndexFunc(doc.flags, func(f flagDoc) bool { return f.name == flag })
		if i < 0 || doc.flags[i].value != kindWords {
			t.Fatalf("%s --%s has no words", doc.name, flag)
		}
		return doc.flags[i].words
	}
	p := &program{stdout: io.Discard, stderr: io.Discard, now: time.Now}
	for _, word := range words(run, "on-change") {
		if word == "exec:" {
			word = "exec:true"
		}
		c := &runCommand{}
		c.OnChange, c.StopSignal, c.WatchInterval = word, "TERM", duration(time.Minute)
		if _, err := c.supervision(p); err != nil {
			t.Errorf("--on-change %s: %v", word, err)
		}
	}
	for _, word := range words(run, "stop-signal") {
		c := &runCommand{}
		c.OnChange, c.StopSignal, c.WatchInterval = "restart", word, duration(time.Minute)
		if _, err := c.supervision(p); err != nil {
			t.Errorf("--stop-signal %s: %v", word, err)
		}
	}
	for _, flag := range []string{"log-level", "log-format"} {
		for _, word := range words(run, flag) {
			f := &messageFlags{LogLevel: "warn", LogFormat: "text"}
			if flag == "log-level" {
				f.LogLevel = word
			} else {
				f.LogFormat = word
			}
			if _, err := p.newLogger(f); err != nil {
				t.Errorf("--%s %s: %v", flag, word, err)
			}
		}
	}
	for _, word := range words(export, "format") {
		if _, err := (&exportCommand{Format: word, FileMode: "0600", Template: map[bool]string{true: "x"}[word == "template"]}).target(); err != nil {
			t.Errorf("--format %s: %v", word, err)
		}
	}
	unknown := methodError(t, "nonsense")
	for _, word := range words(run, "auth-method") {
		if got := strings.ReplaceAll(methodError(t, word), word, "nonsense"); got == unknown {
			t.Errorf("--auth-method %s: %s", word, got)
		}
	}
}

// methodError is how the chain refuses a method, with nothing else configured.
func methodError(t *testing.T, method string) string {
	_, err := creds.Default(creds.Config{AuthMethod: method}).Retrieve(t.Context())
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"One. Two.": "One", "One.": "One", "a, b, ...": "a, b, ...", "none": "none", "Of v1.2 only.": "Of v1.2 only",
	} {
		if got := sentence(text); got != want {
			t.Errorf("sentence(%q) = %q, want %q", text, got, want)
		}
	}
}
