//go:build unix

package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"infuse/fetch/devserver"
)

// randomRuns is the share of the thousand that every `make test` does.
// INFUSE_RANDOM_RUNS=1000 does all. A run is named by its seed, so a failed one
// is repeated by -run 'TestFaults/random/SEED$'.
const randomRuns = 300

func runRandomFaults(t *testing.T, infuse string) {
	n := randomRuns
	if text := os.Getenv("INFUSE_RANDOM_RUNS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		check(t, err)
	}
	files := openFilesOfChild(t)
	var mu sync.Mutex
	outcomes := map[string]int{}
	limit := make(chan struct{}, 8)
	var running sync.WaitGroup
	for seed := 1; seed <= n; seed++ {
		running.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				c := &chance{Rand: rand.New(rand.NewPCG(uint64(seed), 0))}
				end := c.run(t, infuse, files)
				mu.Lock()
				defer mu.Unlock()
				outcomes[end]++
			})
		})
	}
	running.Wait()
	ran := 0
	for _, times := range outcomes {
		ran += times
	}
	t.Logf("%d runs: %v", ran, outcomes)
	for _, end := range []string{gotNothing, gotValue, gotCopy, endedBySignal} {
		if ran >= randomRuns && outcomes[end] == 0 {
			t.Errorf("no run ended with %q: chance does not reach it", end)
		}
	}
}

const endedBySignal = "a signal"

// chance makes up one run.
type chance struct {
	*rand.Rand
	did []string // in words
}

func choose[T any](c *chance, from ...T) T { return from[c.IntN(len(from))] }

// one does one of the things, and takes down which.
func (c *chance) one(do map[string]func(), names ...string) {
	name := choose(c, names...)
	c.did = append(c.did, name)
	do[name]()
}

// threeKeys have one value at every moment, so that half a set would show.
var threeKeys = []string{"KEY", "TWO", "THREE"}

func (c *chance) change(w *world, value string) {
	w.set(value)
	for _, key := range threeKeys {
		w.project.Set("dev", "/", key, value)
	}
}

func (c *chance) run(t *testing.T, infuse, files string) string {
	skew := choose(c, 0, 0, 0, 24*time.Hour, -24*time.Hour)
	config := devserver.Config{Era: choose(c, devserver.Current, devserver.Current, devserver.Era2024), Now: func() time.Time { return time.Now().Add(skew) }}
	identity := devserver.Identity{Uses: choose(c, 0, 0, 0, 1, 3), TTL: choose(c, 0, 0, time.Second), MaxTTL: choose(c, 0, 0, 2*time.Second)}
	w := newWorld(t, infuse, config, identity, nil)
	w.server.SetEvents(choose(c, devserver.EventsOn, devserver.EventsAbsent))
	c.change(w, w.before)
	if c.IntN(2) == 0 { // a copy of the first value
		w.flags = []string{"--cache=" + w.cache}
		if o := w.once(); o.got != gotValue {
			t.Errorf("the start before the faults got %s, status %d:\n%s", o.got, o.status, o.stderr)
		}
		c.change(w, "swordfish-second-value")
	}
	w.flags = c.flags(w)
	for range c.IntN(3) {
		c.harm(w)
	}
	p := launchRandom(w, c.IntN(3) == 0)
	end := p.live(c)
	if p.judge(end, files); t.Failed() {
		t.Logf("chance: %v %q\nstdout:\n%sstderr:\n%s", c.did, p.cmd.Args[1:], p.out.String(), p.err.String())
	}
	return end
}

func (c *chance) flags(w *world) []string {
	flags := []string{"--timeout", choose(c, "0.3", "1", "2"), "--cache-wait", choose(c, "0.1", "0.5")}
	if retries := choose(c, "", "0", "1", "3"); retries != "" {
		flags = append(flags, "--retries", retries)
	}
	if c.IntN(2) == 0 {
		flags = append(flags, "--cache="+w.cache)
		flags = append(flags, choose(c, nil, nil, []string{"--offline"}, []string{"--prefer-cache"}, []string{"--prefer-cache", "--refresh-after", "0.001"}, []string{"--on-fetch-error", "fail"})...)
	}
	return append(flags, choose(c, nil, nil, []string{"--mode", "init"}, []string{"--mask"}, []string{"--file", "TWO"})...)
}

// harm makes one thing go wrong.
func (c *chance) harm(w *world) {
	c.one(map[string]func(){
		"server":  func() { w.server.Inject(c.serverFault()) },
		"wire":    func() { w.door.fault(c.wireFault()) },
		"refused": w.door.refuse,
		"revoked": func() { w.server.RevokeTokens(w.identity.ID) },
		"expired": func() { w.server.ExpireTokens(w.identity.ID) },
		"secret":  func() { w.server.RevokeClientSecrets(w.identity.ID) },
		"role":    func() { w.server.SetRole(w.identity.ID, w.project.ID(), "") },
		"limits":  func() { w.server.SetLimits(&devserver.Limits{}) },
		"copy":    func() { c.harmCopy(w) },
	}, "server", "server", "server", "server", "wire", "wire", "refused", "revoked", "expired", "secret", "role", "limits", "copy")
}

func (c *chance) serverFault() devserver.Fault {
	f := devserver.Fault{
		Path: choose(c, loginRoute, listRoute, "/api/*", "/api/v3/secrets/raw", "/api/v1/auth/token/renew"),
		Skip: c.IntN(2), Times: choose(c, 1, 2, -1), Header: http.Header{},
	}
	c.one(map[string]func(){
		"status": func() { f.Status = choose(c, 400, 401, 403, 404, 408, 422, 425, 429, 500, 502, 503, 504) },
		"page": func() {
			f.Status, f.Body = choose(c, 200, 404, 502), devserver.HTMLPage
			f.Header.Set("Content-Type", "text/html")
		},
		"nonsense": func() {
			f.Status, f.Body = 200, choose(c, "null", "[]", `{"secrets":[{}]}`, `{"accessToken":7}`, "{", "\x00\xff")
		},
		"hang":     func() { f.Hang = true },
		"drop":     func() { f.Drop = true },
		"truncate": func() { f.Truncate = true },
		"stall":    func() { f.Stall = true },
		"delay":    func() { f.Delay = time.Duration(c.IntN(300)) * time.Millisecond },
		"large":    func() { f.Size = int64(c.IntN(8 << 20)) },
	}, "status", "status", "status", "page", "nonsense", "hang", "drop", "truncate", "stall", "delay", "large")
	if wait := choose(c, "", "", "0", "1", "3600", "soon", time.Now().Add(time.Second).UTC().Format(http.TimeFormat)); wait != "" {
		f.Header.Set("Retry-After", wait)
	}
	return f
}

func (c *chance) wireFault() func(net.Conn) {
	return choose(c, readAll, flood,
		func(conn net.Conn) { conn.Close() },
		func(conn net.Conn) { readRequest(conn); reset(conn) },
		func(conn net.Conn) { readRequest(conn); drip(conn, "HTTP/1.1 200 OK\r\n") },
		func(conn net.Conn) {
			readRequest(conn)
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
			reset(conn)
		},
		func(conn net.Conn) {
			readRequest(conn)
			io.WriteString(conn, "SSH-2.0-OpenSSH_10.0\r\n")
			conn.Close()
		},
	)
}

func (c *chance) harmCopy(w *world) {
	files, _ := filepath.Glob(filepath.Join(w.cache, "*.jwe"))
	for _, name := range files {
		b, err := os.ReadFile(name)
		check(w.t, err)
		if c.IntN(2) == 0 {
			b = b[:c.IntN(len(b))]
		} else {
			b[c.IntN(len(b))] ^= byte(1 + c.IntN(255))
		}
		check(w.t, os.WriteFile(name, b, 0o600))
	}
}

// moment is a time at which something happens to a run.
func (c *chance) moment() <-chan time.Time {
	return time.After(time.Duration(c.IntN(200)) * time.Millisecond)
}

func (c *chance) signal() syscall.Signal {
	return choose(c, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
}

// wholeSet is the value of a line that the program printed.
func wholeSet(line string) (string, error) {
	values := strings.Split(strings.TrimPrefix(line, "got="), ",")
	for _, value := range values {
		if len(values) != len(threeKeys) || value != values[0] || value == "" {
			return "", fmt.Errorf("half a set: %q", line)
		}
	}
	return values[0], nil
}
