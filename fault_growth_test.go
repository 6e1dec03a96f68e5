//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"infuse/fetch/devserver"
)

// TestWatchingDoesNotGrow lets one infuse watch through fifteen random faults,
// in this process, where goroutines and open files can be counted: after each
// of them it has the new value, and in the end there is no more of either than
// after the first look; and nothing at all when it has ended.
func TestWatchingDoesNotGrow(t *testing.T) {
	idle := runtime.NumGoroutine()
	w := newWorld(t, "", devserver.Config{}, devserver.Identity{}, nil)
	served := runtime.NumGoroutine()
	file := filepath.Join(w.dir, "out.env")
	p := &program{
		args:  []string{"export", "--watch", "--watch-interval", "240h", "--no-watch-events", "--timeout", "0.5", "--cache=" + w.cache, "--env-file", w.envFile, "-o", file},
		stdin: strings.NewReader(""), stdout: io.Discard, now: time.Now,
	}
	var stderr lockedBuffer
	p.stderr, p.log = &stderr, newLogger(&stderr, slog.LevelWarn, false)
	for name, value := range w.env {
		p.environ = append(p.environ, name+"="+value)
	}
	c, err := parse(p)
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.run(ctx, p) }()

	has := func(value string) func() bool {
		return func() bool {
			b, err := os.ReadFile(file)
			return err == nil && bytes.Contains(b, []byte(value))
		}
	}
	said := func(text string, times int) func() bool {
		return func() bool { return strings.Count(stderr.String(), text) >= times }
	}
	until(t, &stderr, "a start", said(`"msg":"watching"`, 1))
	w.set("swordfish-at-rest")
	w.touch()
	until(t, &stderr, "the first change", has("swordfish-at-rest"))
	goroutines, files := runtime.NumGoroutine(), openFiles(t)

	chances := &chance{Rand: rand.New(rand.NewPCG(1, 2))}
	for i := range 15 {
		value := fmt.Sprintf("swordfish-%d-end", i)
		switch i % 3 {
		case 0:
			w.door.fault(chances.wireFault())
		case 1:
			w.door.refuse()
		default:
			// not 401: a replaced token that is refused as well is let alone for a minute
			w.inject(devserver.Fault{Status: choose(chances, 403, 500, 503, 200), Body: choose(chances, "", "{}", "<html>")})
		}
		w.set(value)
		failed := strings.Count(stderr.String(), "checking for changes failed")
		w.touch()
		until(t, &stderr, "a failed look", said("checking for changes failed", failed+1))
		w.heal()
		w.touch()
		until(t, &stderr, "the change after it", has(value))
	}
	until(t, &stderr, "as few goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines })
	until(t, &stderr, "as few open files as before", func() bool { return openFiles(t) <= files })

	cancel()
	if err := <-done; err == nil {
		t.Error("the watch ended by itself")
	}
	w.door.cut()
	until(t, &stderr, "the end of all it began", func() bool { return runtime.NumGoroutine() <= served })
	w.secrets.scan(t, "stderr", stderr.String())
	t.Logf("%d goroutines before, %d with a server, %d while watching", idle, served, goroutines)
}

// until waits for a condition.
func until(t *testing.T, stderr *lockedBuffer, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%s does not come\nstderr:\n%s\n%s", what, stderr.String(), stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// openFiles counts the files that this process has open.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	check(t, err)
	return len(entries)
}
