//go:build faults && unix

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"infuse/fetch/devserver"
)

// TestFaultMatrix injects every fault at three moments: at the first start, at
// a start with an offline copy, and while watching. The table in
// testdata/faults.md is its outcome (-v prints it, -update rewrites it).
func TestFaultMatrix(t *testing.T) {
	infuse := ownProgram(t)
	cases := faultCases()
	rows := make([][]string, len(cases))
	limit := make(chan struct{}, 4)
	var running sync.WaitGroup
	for i := range cases {
		running.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			t.Run(cases[i].name, func(t *testing.T) { rows[i] = cases[i].run(t, infuse) })
		})
	}
	running.Wait()
	compareTable(t, cases, rows)
}

// ownProgram is infuse itself: TestMain puts this test binary into PATH by that name.
func ownProgram(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("infuse")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// The moments at which a fault is injected.
const (
	firstStart = "first start"
	withCopy   = "with a copy"
	watching   = "watching"
)

// What the program got.
const (
	gotNothing  = "nothing"   // it was not started
	gotValue    = "the value" // the server's current one
	gotCopy     = "the copy"  // the one of the offline copy
	gotStays    = "stays"     // it runs on with what it had
	gotNewValue = "new value" // it was restarted with the changed value
)

// fault is one thing that goes wrong, and what has to come of it.
type fault struct {
	name  string
	needs func() string // why it cannot be injected here; nil or "": it can
	setup func(*world)  // how the world is from the beginning
	arm   func(*world)  // makes it go wrong
	lasts bool          // while watching, it is not made good again
	keeps bool          // --cache at every moment, not only with a copy
	flags []string      // beside the usual ones
	says  string        // a pattern of what infuse says, where it matters

	first, copied, watched want
}

// want is an outcome. Requests (logins among them) and logins are numbers or ranges "2-3".
type want struct {
	got              string
	status           int
	requests, logins string
	says             string // instead of the fault's
	silent           bool   // infuse says nothing
}

func (f *fault) run(t *testing.T, infuse string) []string {
	if f.needs != nil {
		if reason := f.needs(); reason != "" {
			skipOrFail(t, reason)
		}
	}
	rows := make([]string, 0, 3)
	for _, m := range []struct {
		moment string
		want   want
		run    func(*fault, *world) outcome
	}{{firstStart, f.first, (*fault).atStart}, {withCopy, f.copied, (*fault).withCopy}, {watching, f.watched, (*fault).whileWatching}} {
		row := fmt.Sprintf("| %s | %s | – | | | | |", f.name, m.moment)
		if m.want.got != "" {
			t.Run(m.moment, func(t *testing.T) {
				w := newWorld(t, infuse, m.moment)
				if f.setup != nil {
					f.setup(w)
				}
				w.start()
				if f.keeps || m.moment == withCopy {
					w.flags = append(w.flags, "--cache="+w.cache)
				}
				o := m.run(f, w)
				f.judge(t, w, m.want, o)
				row = fmt.Sprintf("| %s | %s | %s | %s | %d | %s | %s |", f.name, m.moment, o.got, w.short(o.stderr), o.status, m.want.requests, m.want.logins)
			})
		}
		rows = append(rows, row)
	}
	return rows
}

func skipOrFail(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("INFUSE_TEST_REQUIRE") == "1" {
		t.Fatalf("%s, and INFUSE_TEST_REQUIRE=1 forbids to skip", reason)
	}
	t.Skipf("skipped: %s", reason)
}

// outcome is what was seen.
type outcome struct {
	got, stderr      string
	status           int
	requests, logins int
}

func (f *fault) judge(t *testing.T, w *world, want want, o outcome) {
	if o.got != want.got || o.status != want.status {
		t.Errorf("the program got %s, status %d; want %s, status %d", o.got, o.status, want.got, want.status)
	}
	if !within(o.requests, want.requests) || !within(o.logins, want.logins) {
		t.Errorf("%d requests, %d logins; want %s and %s", o.requests, o.logins, want.requests, want.logins)
	}
	says := want.says
	if says == "" && o.got != gotValue && o.got != gotNewValue {
		says = f.says
	}
	if !regexp.MustCompile(says).MatchString(o.stderr) {
		t.Errorf("infuse did not say %q", says)
	}
	switch {
	case want.silent && o.stderr != "":
		t.Error("infuse was to say nothing")
	case o.got == gotNothing && errorLines(o.stderr) != 1:
		t.Errorf("%d lines name the error, want one", errorLines(o.stderr))
	case o.got == gotCopy && !strings.Contains(o.stderr, "using the offline copy"):
		t.Error("the copy was used and infuse did not say so")
	}
	scanForSecrets(t, o.stderr, w.secrets())
	if n := w.elsewhere.Load(); n != 0 {
		t.Errorf("%d requests went to another host", n)
	}
	if t.Failed() {
		t.Logf("stderr:\n%s", o.stderr)
	}
}

// errorLines counts the lines of an error: those of infuse that are no warning.
func errorLines(stderr string) int {
	n := 0
	for line := range strings.Lines(stderr) {
		if text, ok := strings.CutPrefix(line, "infuse: "); ok && !strings.HasPrefix(text, "warning: ") {
			n++
		}
	}
	return n
}

func within(n int, span string) bool {
	low, high, isRange := strings.Cut(span, "-")
	if !isRange {
		high = low
	}
	a, _ := strconv.Atoi(low)
	b, err := strconv.Atoi(high)
	return err == nil && a <= n && n <= b
}

// atStart: there is no copy, unless the fault brings one.
func (f *fault) atStart(w *world) outcome {
	if f.arm != nil {
		f.arm(w)
	}
	return w.once(f.flags...)
}

// withCopy: a start made a copy, then the value changed on the server.
func (f *fault) withCopy(w *world) outcome {
	if o := w.once(f.flags...); o.got != gotValue {
		w.t.Fatalf("the start before the fault got %s, status %d:\n%s", o.got, o.status, o.stderr)
	}
	w.change()
	if f.arm != nil {
		f.arm(w)
	}
	return w.once(f.flags...)
}

// whileWatching: the value changes, and a look is asked for. Afterwards, if
// the fault can be made good, the program must get the new value.
func (f *fault) whileWatching(w *world) outcome {
	p := w.watch(f.flags...)
	p.waitFor("got=" + w.before + "\n")
	w.resetCounts()
	w.change()
	if f.arm != nil {
		f.arm(w)
	}
	text := p.lookFor("got="+w.now()+"\n", "the running program stays as it is", "are not acted upon")
	o := outcome{got: gotStays}
	if strings.HasPrefix(text, "got=") {
		o.got = gotNewValue
	}
	o.requests, o.logins = w.counts()
	if o.stderr = p.err.String(); o.got == gotStays && !f.lasts {
		w.heal()
		p.lookFor("got=" + w.now() + "\n")
		if !strings.Contains(p.err.String(), "checking for changes works again") {
			w.t.Errorf("infuse did not say that checking works again:\n%s", p.err.String())
		}
	}
	o.status = p.end()
	return o
}

// world is a server behind a door, and a place to run infuse in.
type world struct {
	t       *testing.T
	infuse  string
	moment  string
	dir     string
	cache   string
	envFile string
	env     map[string]string
	flags   []string
	before  string // the value at the beginning

	config   devserver.Config
	identity devserver.Identity
	server   *devserver.Server
	project  *devserver.Project
	door     *door
	http     *http.Server
	url      string
	tls      *tls.Config // nil: http
	answer   func(http.ResponseWriter, *http.Request) bool

	elsewhere atomic.Int64 // requests that reached another host
	repair    func()       // part of heal
	spoil     func()       // the opposite of repair
	static    bool         // the credential is a bare token
	lastCopy  string       // what copyFile found

	mu       sync.Mutex
	value    string
	requests int
	logins   int
	tokens   []string   // that logins were answered with
	lists    sync.Mutex // lists are answered one after the other
}

func newWorld(t *testing.T, infuse, moment string) *world {
	w := &world{t: t, infuse: infuse, moment: moment, dir: t.TempDir(), before: "swordfish-first-value"}
	w.value = w.before
	w.cache = filepath.Join(w.dir, "cache")
	w.envFile = filepath.Join(w.dir, "more.env")
	w.config = devserver.Config{Seed: 1}
	w.door = newDoor(t)
	return w
}

// start makes the server and the environment that names it.
func (w *world) start() {
	w.server = devserver.New(w.config)
	w.server.SetEvents(devserver.EventsAbsent)
	w.project = w.server.AddProject(devserver.ProjectConfig{Slug: "shop"})
	w.project.Set("dev", "/", "KEY", w.value)
	w.project.Set("dev", "/app", "OTHER", "swordfish-other-value")
	w.identity = w.server.AddIdentity(w.identity)
	w.http = &http.Server{Handler: w}
	var listener net.Listener = w.door
	w.url = "http://" + w.door.addr
	if w.tls != nil {
		listener, w.url = tls.NewListener(w.door, w.tls), "https://"+w.door.addr
	}
	w.http.ErrorLog = log.New(io.Discard, "", 0)
	go w.http.Serve(listener)
	w.t.Cleanup(func() { w.http.Close() })
	w.touch()
	temp := filepath.Join(w.dir, "tmp")
	check(w.t, os.MkdirAll(temp, 0o700))
	env := map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": w.dir, "TMPDIR": temp,
		"INFISICAL_URL": w.url, "INFISICAL_PROJECT_ID": w.project.ID(), "INFISICAL_ENVIRONMENT": "dev",
		"INFISICAL_CLIENT_ID": w.identity.ClientID, "INFISICAL_CLIENT_SECRET": w.identity.ClientSecret,
	}
	if w.static {
		w.tokens = []string{w.server.IssueToken(w.identity.ID)}
		env["INFISICAL_TOKEN"], env["INFISICAL_CLIENT_ID"], env["INFISICAL_CLIENT_SECRET"] = w.tokens[0], "", ""
		key := filepath.Join(w.dir, "key")
		check(w.t, os.WriteFile(key, []byte("swordfish-key-of-the-copy"), 0o600))
		w.flags = append(w.flags, "--cache-key-file", key)
	}
	maps.Copy(env, w.env)
	w.env = env
}

func (w *world) now() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.value
}

// change gives the secret a new value on the server.
func (w *world) change() {
	w.mu.Lock()
	w.value = "swordfish-second-value"
	w.mu.Unlock()
	w.project.Set("dev", "/", "KEY", w.now())
}

// touch changes a watched file without changing what it says.
func (w *world) touch() {
	f, err := os.OpenFile(w.envFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString("# looked at\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		w.t.Error(err)
	}
}

// heal makes the world good again.
func (w *world) heal() {
	w.server.ClearFaults()
	w.setAnswer(nil)
	if w.repair != nil {
		w.repair()
	}
	w.door.heal()
}

func (w *world) setAnswer(answer func(http.ResponseWriter, *http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = answer
}

func (w *world) resetCounts() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests, w.logins = 0, 0
	w.door.connections.Store(0)
}

// counts are the requests that came, or, where a fault below HTTP took them,
// the connections.
func (w *world) counts() (requests, logins int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.requests + int(w.door.connections.Load()), w.logins
}

const loginRoute = "/api/v1/auth/universal-auth/login"

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/v1/events/") {
		w.server.ServeHTTP(rw, r)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/secrets") {
		w.lists.Lock()
		defer w.lists.Unlock()
	}
	w.mu.Lock()
	w.requests++
	if r.URL.Path == loginRoute {
		w.logins++
	}
	answer := w.answer
	w.mu.Unlock()
	if r.URL.Path == loginRoute {
		rw = &tokenWriter{rw, w}
	}
	if answer != nil && answer(rw, r) {
		return
	}
	w.server.ServeHTTP(rw, r)
}

// tokenWriter remembers the tokens that pass.
type tokenWriter struct {
	http.ResponseWriter
	w *world
}

func (tw *tokenWriter) Unwrap() http.ResponseWriter { return tw.ResponseWriter }

func (tw *tokenWriter) Write(b []byte) (int, error) {
	if m := accessToken.FindSubmatch(b); m != nil {
		tw.w.mu.Lock()
		tw.w.tokens = append(tw.w.tokens, string(m[1]))
		tw.w.mu.Unlock()
	}
	return tw.ResponseWriter.Write(b)
}

var accessToken = regexp.MustCompile(`"accessToken":"([^"]+)"`)

// secrets is everything that must not be said.
func (w *world) secrets() []known {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []known{{"the client secret", w.env["INFISICAL_CLIENT_SECRET"]}, {"the first value", w.before}, {"the value", w.value}}
	for _, token := range w.tokens {
		list = append(list, known{"a token", token})
	}
	return list
}

// run command line of all cases: one retry, so that what is retried is seen and
// what is not, too. A case adds --timeout where time itself is the matter.
func (w *world) command(flags []string, program ...string) *exec.Cmd {
	args := append([]string{"run", "--retries", "1", "--timeout", "60s", "--cache-wait", "50s"}, w.flags...)
	args = append(append(append(args, flags...), "--"), program...)
	cmd := exec.Command(w.infuse, args...)
	for name, value := range w.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Dir = w.dir
	return cmd
}

// once runs a program that shows what it got.
func (w *world) once(flags ...string) outcome {
	w.resetCounts()
	var stdout, stderr lockedBuffer
	cmd := w.command(flags, "sh", "-c", "echo got=$KEY")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	status := runToEnd(w.t, cmd)
	o := outcome{got: gotNothing, stderr: stderr.String(), status: status}
	switch out := stdout.String(); {
	case out == "got="+w.now()+"\n":
		o.got = gotValue
	case out == "got="+w.before+"\n":
		o.got = gotCopy
	case out != "":
		w.t.Errorf("the program printed %q", out)
	}
	o.requests, o.logins = w.counts()
	return o
}

// runToEnd runs a command and returns its exit status; one that does not end is killed.
func runToEnd(t testing.TB, cmd *exec.Cmd) int {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return exitCode(t, err)
	case <-time.After(2 * patience):
		_ = cmd.Process.Kill()
		t.Fatalf("%s did not end", strings.Join(cmd.Args[1:], " "))
		return -1
	}
}

func exitCode(t testing.TB, err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			return 128 + int(ws.Signal())
		}
		return exit.ExitCode()
	}
	if err != nil {
		t.Error(err)
	}
	return 0
}

// watched is infuse run --watch with a program below it.
type watchedProcess struct {
	w        *world
	cmd      *exec.Cmd
	out, err lockedBuffer
	stdin    io.Closer
	done     chan error
}

// watch starts one. Its program waits for the end of stdin and exits with 7.
// The interval is so long that every look is one that was asked for.
func (w *world) watch(flags ...string) *watchedProcess {
	p := &watchedProcess{w: w, done: make(chan error, 1)}
	flags = append([]string{"--watch", "--watch-interval", "240h", "--env-file", w.envFile}, flags...)
	p.cmd = w.command(flags, "sh", "-c", "echo got=$KEY; read line; exit 7")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	stdin, err := p.cmd.StdinPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	p.stdin = stdin
	ended := make(chan struct{})
	go func() { p.done <- p.cmd.Wait(); close(ended) }()
	w.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = stdin.Close()
		<-ended
	})
	return p
}

// lookFor asks for a look and waits for what comes of it. A change of the file
// that came before infuse began to watch it asks for nothing: try once more.
func (p *watchedProcess) lookFor(texts ...string) string {
	p.w.t.Helper()
	p.w.touch()
	missed := time.AfterFunc(10*time.Second, p.w.touch)
	defer missed.Stop()
	return p.waitFor(texts...)
}

// waitFor waits until infuse or its program printed one of the texts, and tells which.
func (p *watchedProcess) waitFor(texts ...string) string {
	p.w.t.Helper()
	limit := time.After(2 * patience)
	for {
		out, err := p.out.changed(), p.err.changed()
		for _, text := range texts {
			if strings.Contains(p.out.String(), text) || strings.Contains(p.err.String(), text) {
				return text
			}
		}
		select {
		case <-out:
		case <-err:
		case err := <-p.done:
			p.done <- err
			p.w.t.Fatalf("infuse ended (%v) without %q\nstdout:\n%sstderr:\n%s", err, texts, p.out.String(), p.err.String())
		case <-limit:
			p.w.t.Fatalf("infuse never said %q\nstdout:\n%sstderr:\n%s", texts, p.out.String(), p.err.String())
		}
	}
}

// end ends the program, and returns what infuse exits with.
func (p *watchedProcess) end() int {
	_ = p.stdin.Close()
	select {
	case err := <-p.done:
		return exitCode(p.w.t, err)
	case <-time.After(2 * patience):
		p.w.t.Fatalf("infuse outlives its program\nstderr:\n%s", p.err.String())
		return -1
	}
}

// short is what infuse said, on one line of the table, without what differs
// from run to run.
func (w *world) short(stderr string) string {
	var lines []string
	for line := range strings.Lines(stderr) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "infuse: ")
		if !ok {
			continue
		}
		text = strings.TrimPrefix(text, "warning: ")
		text = strings.ReplaceAll(text, w.door.addr, "HOST")
		text = strings.ReplaceAll(text, w.dir, "DIR")
		for _, r := range shortening {
			text = r.pattern.ReplaceAllString(text, r.by)
		}
		lines = append(lines, strings.ReplaceAll(text, "|", "\\|"))
	}
	return strings.Join(lines, "; ")
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
	{regexp.MustCompile(`no space left on device|file too large`), "the disk is full"},
	{regexp.MustCompile(`read-only file system|permission denied`), "it cannot be written"},
	{regexp.MustCompile(`(no such host: |looking up )fault\.invalid( (failed|took too long): is the DNS server reachable\?)?`), "no such host: NAME"},
}

// compareTable compares the table with the one on file. A row that could not be
// made here is taken from there.
func compareTable(t *testing.T, cases []fault, rows [][]string) {
	golden := filepath.Join("testdata", "faults.md")
	file, err := os.ReadFile(golden)
	if err != nil && !*update {
		t.Fatal(err)
	}
	table := []string{
		"| fault | when | the program got | infuse said | status | requests | logins |",
		"| --- | --- | --- | --- | --- | --- | --- |",
	}
	ran := 0
	for i := range cases {
		if rows[i] == nil { // skipped, or not selected by -run
			for line := range strings.Lines(string(file)) {
				if strings.HasPrefix(line, "| "+cases[i].name+" |") {
					table = append(table, strings.TrimSpace(line))
				}
			}
			continue
		}
		ran++
		table = append(table, rows[i]...)
	}
	text := strings.Join(table, "\n") + "\n"
	t.Logf("%d faults at three moments\n%s", ran, text)
	switch {
	case *update && !t.Failed():
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	case *update:
		t.Error("the table is not rewritten while a case fails")
	case text != string(file):
		t.Errorf("the table is not the one of %s (-update rewrites it):\n%s", golden, tableDiff(string(file), text))
	}
}

func tableDiff(old, now string) string {
	var b strings.Builder
	for _, side := range []struct{ mark, have, other string }{{"-", old, now}, {"+", now, old}} {
		for line := range strings.Lines(side.have) {
			if !strings.Contains(side.other, line) {
				b.WriteString(side.mark + " " + line)
			}
		}
	}
	return b.String()
}

// door is a loopback address in front of a server. A wire fault takes the
// connections before the server sees them.
type door struct {
	addr        string
	connections atomic.Int64 // that a wire fault took

	t      testing.TB
	pass   chan net.Conn
	closed chan struct{}
	close  func() // closes closed, once
	work   sync.WaitGroup

	mu    sync.Mutex
	in    net.Listener // nil: refused
	wire  func(net.Conn)
	conns map[net.Conn]bool
}

func newDoor(t testing.TB) *door {
	d := &door{t: t, addr: "127.0.0.1:0", pass: make(chan net.Conn), closed: make(chan struct{}), conns: map[net.Conn]bool{}}
	d.close = sync.OnceFunc(func() { close(d.closed) })
	d.listen()
	t.Cleanup(func() {
		d.refuse()
		d.Close()
		d.work.Wait()
	})
	return d
}

func (d *door) listen() {
	in, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", d.addr)
	if err != nil {
		d.t.Fatal(err)
	}
	d.mu.Lock()
	d.in, d.addr = in, in.Addr().String()
	d.mu.Unlock()
	d.work.Go(func() {
		for {
			conn, err := in.Accept()
			if err != nil {
				return
			}
			d.let(conn)
		}
	})
}

func (d *door) let(conn net.Conn) {
	d.mu.Lock()
	wire := d.wire
	d.conns[conn] = true
	d.mu.Unlock()
	if wire != nil {
		d.connections.Add(1)
		d.work.Go(func() { wire(conn) })
		return
	}
	select {
	case d.pass <- conn:
	case <-d.closed:
		conn.Close()
	}
}

// fault gives every connection from now on to wire, and ends those there are.
func (d *door) fault(wire func(net.Conn)) {
	d.mu.Lock()
	d.wire = wire
	d.mu.Unlock()
	d.cut()
}

// cut ends every connection.
func (d *door) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn := range d.conns {
		conn.Close()
	}
	clear(d.conns)
}

// refuse stops listening.
func (d *door) refuse() {
	d.mu.Lock()
	if d.in != nil {
		d.in.Close()
	}
	d.in = nil
	d.mu.Unlock()
	d.cut()
}

// heal takes the fault away.
func (d *door) heal() {
	d.mu.Lock()
	open := d.in != nil
	d.wire = nil
	d.mu.Unlock()
	d.cut()
	if !open {
		d.listen()
	}
}

// The methods of net.Listener, for the server behind the door.

func (d *door) Accept() (net.Conn, error) {
	select {
	case conn := <-d.pass:
		return conn, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

func (d *door) Close() error   { d.close(); return nil }
func (d *door) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
