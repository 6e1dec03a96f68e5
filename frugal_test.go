//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"
)

// The gates on what a start costs, in counts that are no machine's. `make
// bench` measures the rest.

// TestStartAsksTwice: a run logs in and lists, over one connection.
func TestStartAsksTwice(t *testing.T) {
	for _, c := range []struct {
		name               string
		secure             bool
		flags              []string
		requests, atMostOn int
	}{
		{"one folder", false, nil, 2, 1},
		{"one folder over TLS", true, nil, 2, 1},
		{"three folders at once", false, []string{"--path", "/", "--path", "/a", "--path", "/b"}, 4, 3},
		{"recursive", false, []string{"--recursive"}, 2, 1},
		{"with a token", false, []string{"--token-file", "-"}, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startBenchServer(t, 40, c.secure)
			s.project.Folder("dev", "/a")
			s.project.Folder("dev", "/b")
			args := append(append([]string{"run", "--dry-run"}, c.flags...), "--", "sh")
			if c.secure { // this process has read its roots already
				args = append(args[:2:2], append([]string{"--ca-cert", s.roots}, args[2:]...)...)
			}
			var stderr bytes.Buffer
			p := &program{args: args, environ: s.env, stdin: bytes.NewBufferString(s.IssueToken(s.identity)), stdout: io.Discard, stderr: &stderr, now: time.Now}
			p.log = newLogger(p.stderr, 0, false)
			command, err := parse(p)
			if err == nil {
				err = command.run(context.Background(), p)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			if n := s.Total(); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
			if n := int(s.connections.Load()); n < 1 || n > c.atMostOn {
				t.Errorf("%d connections, want at most %d", n, c.atMostOn)
			}
		})
	}
}

// TestStartAllocates: memory is taken once a secret, not once a step.
func TestStartAllocates(t *testing.T) {
	t.Chdir(t.TempDir())
	environ := []string{"PATH=/bin", "HOME=/", "INFISICAL_URL=http://127.0.0.1:1", "INFISICAL_PROJECT_ID=id"}
	gate(t, "reading a plain command line", 200, func() {
		p := &program{args: []string{"run", "-e", "dev", "--", "true"}, environ: environ, stdout: io.Discard, stderr: io.Discard}
		if _, err := parse(p); err != nil {
			t.Fatal(err)
		}
	})
	few, many := newWork(t, workBody(t, 1000)), newWork(t, workBody(t, 2000))
	lists, longer := few.decode(t), many.decode(t)
	snapshot, larger := few.merge(t, lists), many.merge(t, longer)
	plan := many.compose(t, larger)
	for _, step := range []struct {
		name      string
		perSecret float64
		few, many func()
	}{
		{"parsing", 2, func() { few.decode(t) }, func() { many.decode(t) }},
		{"merging", 0, func() { few.merge(t, lists) }, func() { many.merge(t, longer) }},
		{"composing", 0, func() { few.compose(t, snapshot) }, func() { many.compose(t, larger) }},
	} {
		// The difference drops what is taken once; slices that grow are the tolerance.
		per := (testing.AllocsPerRun(3, step.many) - testing.AllocsPerRun(3, step.few)) / 1000
		t.Logf("%s: %.3f allocations a secret", step.name, per)
		if per > step.perSecret+0.05 {
			t.Errorf("%s takes %.3f allocations a secret, want %g", step.name, per, step.perSecret)
		}
	}
	gate(t, "a digest of 2,000 secrets", 40, func() { plan.Digest() })
}

// gate fails when do allocates more often than the limit says.
func gate(t *testing.T, what string, limit float64, do func()) {
	t.Helper()
	got := testing.AllocsPerRun(20, do)
	t.Logf("%s: %g allocations", what, got)
	if got > limit {
		t.Errorf("%s takes %g allocations, %g are allowed", what, got, limit)
	}
}
