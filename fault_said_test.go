//go:build unix

package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// said is a message of infuse, read back from --log-format json.
type said struct {
	Level  string `json:"level"`
	Msg    string `json:"msg"`
	Reason string `json:"reason"`
}

// readSaid reads stderr back, without what only --log-level debug shows.
func readSaid(t testing.TB, stderr string) []said {
	t.Helper()
	var all []said
	for line := range strings.Lines(stderr) {
		if !strings.HasSuffix(line, "\n") { // still being written
			break
		}
		var s said
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Errorf("infuse said, and not in JSON: %q", line)
		} else if s.Level == "WARN" || s.Level == "ERROR" {
			all = append(all, s)
		}
	}
	return all
}

func countErrors(all []said) int {
	n := 0
	for _, s := range all {
		if s.Level == "ERROR" {
			n++
		}
	}
	return n
}

// textOf is all of it, as people see it.
func textOf(all []said) string {
	var texts []string
	for _, s := range all {
		texts = append(texts, s.text())
	}
	return strings.Join(texts, "; ")
}

func (s said) text() string {
	if s.Reason == "" {
		return s.Msg
	}
	return s.Msg + ": " + s.Reason
}

// framing is what stands around the reason at each moment.
var framing = regexp.MustCompile(`^using the offline copy, [^(]* old \((.*)\)$|^checking for changes failed, the running program stays as it is: (.*)$|^(.*)$`)

// bare is the text without it, and without what differs from run to run.
func (w *world) bare(all []said) string {
	var texts []string
	for _, s := range all {
		m := framing.FindStringSubmatch(s.text())
		text := strings.ReplaceAll(m[1]+m[2]+m[3], w.door.addr, "HOST")
		text = strings.ReplaceAll(text, w.dir, "DIR")
		for _, r := range shortening {
			text = r.pattern.ReplaceAllString(text, r.by)
		}
		texts = append(texts, strings.ReplaceAll(text, "|", "\\|"))
	}
	return strings.Join(texts, "; ")
}

var shortening = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d(T[0-9:]+Z)?`), "DATE"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "OTHER HOST"},
	{regexp.MustCompile(`\b[0-9hms.]+ old`), "AGE old"},
	{regexp.MustCompile(`within ([0-9.]+m?s|the time limit)`), "within TIME"},
	{regexp.MustCompile(`(nothing came for) [0-9.]+m?s`), "$1 TIME"},
	{regexp.MustCompile(`after \d+ bytes`), "after N bytes"},
	{regexp.MustCompile(` \(retries: \d+, in [0-9.]+m?s\)`), ""},
	{regexp.MustCompile(`no space left on device|file too large`), "the disk is full"},
	{regexp.MustCompile(`read-only file system|permission denied`), "it cannot be written"},
	{regexp.MustCompile(`(no such host: |looking up )fault\.invalid( (failed|took too long): is the DNS server reachable\?)?`), "no such host: NAME"},
	{regexp.MustCompile(`logging in with the environment \(universal-auth\): `), "logging in: "},
	{regexp.MustCompile(`POST ` + loginRoute + `: `), ""},
	{regexp.MustCompile(`secrets of dev:/: |GET ` + listRoute + `: `), ""},
}
