//go:build unix

package main

import (
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"infuse/fetch/devserver"
)

// supervisedRun is infuse run as a parent, with a program below it.
type supervisedRun struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err lockedBuffer
	done     chan error
}

// startRun starts a command line, in a directory, with these variables beside the usual ones.
func startRun(t *testing.T, dir string, env []string, argv ...string) *supervisedRun {
	t.Helper()
	r := &supervisedRun{t: t, cmd: exec.Command(argv[0], argv[1:]...), done: make(chan error, 1)}
	r.cmd.Dir = dir
	r.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GORACE=atexit_sleep_ms=0"}, env...)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.err
	r.cmd.WaitDelay = patience
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.done <- r.cmd.Wait() }()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.done
		if t.Failed() {
			t.Logf("stdout:\n%sstderr:\n%s", r.out.String(), r.err.String())
		}
	})
	return r
}

// says waits until a pattern is in what infuse or its program printed.
func (r *supervisedRun) says(pattern string) {
	r.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	deadline := time.After(patience)
	for {
		out, err := r.out.changed(), r.err.changed()
		if re.MatchString(r.out.String()) || re.MatchString(r.err.String()) {
			return
		}
		select {
		case <-out:
		case <-err:
		case <-deadline:
			r.t.Fatalf("nobody said %q", pattern)
		}
	}
}

// ends waits for the end and compares it: "exit status 3", "signal: terminated".
func (r *supervisedRun) ends(want string) {
	r.t.Helper()
	select {
	case err := <-r.done:
		r.done <- err
		if got := r.cmd.ProcessState.String(); got != want {
			r.t.Errorf("%s, want %s", got, want)
		}
	case <-time.After(patience):
		r.t.Fatal("it does not end")
	}
}

func (r *supervisedRun) signal(sig syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.t.Fatal(err)
	}
}

// replaceFile is how an editor saves.
func replaceFile(t *testing.T, file, body string) {
	t.Helper()
	writeFile(t, file+".new", body)
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// notifySocket is a service manager that listens.
type notifySocket struct {
	t    *testing.T
	path string
	conn *net.UnixConn
}

func openNotifySocket(t *testing.T) *notifySocket {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // short: the path of a socket is limited to 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "socket")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = conn.Close(), os.RemoveAll(dir) })
	return &notifySocket{t, path, conn}
}

// next is the state of the next message, and its status line.
func (n *notifySocket) next() string {
	n.t.Helper()
	_ = n.conn.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, 4096)
	size, err := n.conn.Read(b)
	if err != nil {
		n.t.Fatalf("no message to the service manager: %v", err)
	}
	state, _, _ := strings.Cut(string(b[:size]), "=1")
	_, status, _ := strings.Cut(string(b[:size]), "STATUS=")
	return strings.TrimSpace(state + " " + status)
}

func (n *notifySocket) expect(wants ...string) {
	n.t.Helper()
	for _, want := range wants {
		if got := n.next(); got != want {
			n.t.Fatalf("told the service manager %q, want %q", got, want)
		}
	}
}

// TestServiceManagerIsTold: ready, reloading, stopping. STOPPING=1 must come at
// the end only: systemd kills what is still there TimeoutStopSec later.
func TestServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	socket, dir := openNotifySocket(t), t.TempDir()
	writeFile(t, filepath.Join(dir, "store/dev.env"), "A=1\n")
	status := filepath.Join(dir, "status.json")
	r := startRun(t, dir, []string{"NOTIFY_SOCKET=" + socket.path}, ownInfuse(t), "run", "--url", "file:store", "-e", "dev",
		"--watch", "--rollback-within", "30s", "--status-file", status, "--", "sh", "-c", `test -z "$NOTIFY_SOCKET" || exit 9; test $A != bad || exit 3; echo "ready $A"; exec sleep 1000`)
	socket.expect("READY running with 1 secrets, 0 restarts")
	r.says("^ready 1$")
	replaceFile(t, filepath.Join(dir, "store/dev.env"), "A=bad\n") // its program dies of it, and gets A=1 back
	socket.expect("RELOADING restarting: changed: A", "READY running with 1 secrets, 1 restarts",
		"RELOADING restarting: rollback", "READY running with 1 secrets, 2 restarts")
	r.says("(?s)ready 1.*ready 1")
	want := regexp.MustCompile(`(?s)"state": "running".*"restarts": 2,.*"rolledBack": true`)
	for deadline := time.Now().Add(patience); !want.MatchString(readFile(t, status)); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("status file: %s", readFile(t, status))
		}
	}
	r.signal(syscall.SIGTERM)
	socket.expect("STOPPING")
	r.ends("signal: terminated")
}

// TestServiceManagerHearsOfAnExit: a restart and an end look the same to the program only.
func TestServiceManagerHearsOfAnExit(t *testing.T) {
	t.Parallel()
	socket, dir := openNotifySocket(t), t.TempDir()
	writeFile(t, filepath.Join(dir, "store/dev.env"), "A=1\n")
	r := startRun(t, dir, []string{"NOTIFY_SOCKET=" + socket.path}, ownInfuse(t), "run", "--url", "file:store", "-e", "dev",
		"--watch", "--on-change", "exit", "--", "sh", "-c", `echo ready; exec sleep 1000`)
	socket.expect("READY running with 1 secrets, 0 restarts")
	r.says("^ready$")
	replaceFile(t, filepath.Join(dir, "store/dev.env"), "A=2\n")
	socket.expect("STOPPING")
	r.ends("signal: terminated")
}

// TestNotifySocketIsPassedOn: with the flag the program speaks for itself.
func TestNotifySocketIsPassedOn(t *testing.T) {
	t.Parallel()
	socket, dir := openNotifySocket(t), t.TempDir()
	writeFile(t, filepath.Join(dir, "store/dev.env"), "A=1\n")
	infuse := ownInfuse(t)
	for _, mode := range []string{"--mode=exec", "--mode=init", "--watch"} {
		r := startRun(t, dir, []string{"NOTIFY_SOCKET=" + socket.path}, infuse, "run", "--url", "file:store", "-e", "dev", mode, "--notify-socket", "--", "printenv", "NOTIFY_SOCKET")
		r.ends("exit status 0")
		if got := r.out.String(); got != socket.path+"\n" {
			t.Errorf("%s: the program got NOTIFY_SOCKET %q", mode, got)
		}
	}
	_ = socket.conn.SetReadDeadline(time.Now()) // all of them have ended: what they said is there
	if n, err := socket.conn.Read(make([]byte, 100)); err == nil {
		t.Errorf("infuse told the service manager something: %d bytes", n)
	}
}

// TestUndeliveredChange: what cannot be written today is not lost.
func TestUndeliveredChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := filepath.Join(dir, "store/dev.env")
	writeFile(t, store, "A=1\n")
	r := startRun(t, dir, nil, ownInfuse(t), "run", "--url", "file:store", "-e", "dev", "--watch", "--on-change", "signal:USR1", "--file-dir", "files",
		"--", "sh", "-c", `trap 'echo "again $(cat files/A files/B)"' USR1; echo ready; while :; do sleep 0.02; done`)
	r.says("^ready$")
	writeFile(t, filepath.Join(dir, "files/B"), "mine\n") // stands where a new secret wants to be
	replaceFile(t, store, "A=2\nB=1\n")
	r.says("could not be delivered: changed: A; added: B")
	if strings.Contains(r.out.String(), "again") {
		t.Error("the program was told of files that are not there")
	}
	if err := os.Remove(filepath.Join(dir, "files/B")); err != nil {
		t.Fatal(err)
	}
	replaceFile(t, store, "A=2\nB=1\n# a look is asked for\n")
	r.says("^infuse: warning: changed: A; added: B$")
	r.says("^again 21$")
}

// TestCredentialProcessIsNotTheTree: in a shared group it is told from the
// program's own processes only by being known.
func TestCredentialProcessIsNotTheTree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server, env := loopbackServer(t)
	server.project.Set("dev", "/", "A", "1")
	writeFile(t, filepath.Join(dir, "credential"), `#!/bin/sh
echo '{"version":1,"clientId":"`+server.identity.ClientID+`","clientSecret":"`+server.identity.ClientSecret+`"}'
test -e first || { : >first; exit; }
trap 'echo it was stopped >&2; exit 1' TERM
echo asked again >&2
until test -e go; do sleep 0.02; done
echo answered >&2
`)
	r := startRun(t, dir, env, ownInfuse(t), "run", "--pgroup", "share", "--watch", "--watch-interval", "10", "--splay", "2s", "--credential-process", "sh credential", "--",
		"sh", "-c", `echo "ready $A"; exec sleep 1000`)
	r.says("^ready 1$")
	server.waitStreams(t)
	server.project.Set("dev", "/", "A", "2")
	r.says("changed: A") // the restart comes within two seconds
	server.srv.RevokeTokens(server.identity.ID)
	server.project.Set("dev", "/", "B", "2")
	r.says("asked again")
	r.says("^ready 2$")
	writeFile(t, filepath.Join(dir, "go"), "")
	r.says("answered")
	if strings.Contains(r.err.String(), "it was stopped") {
		t.Error("a restart of the program stopped the credential process")
	}
}

// runServer is a development server on loopback.
type runServer struct {
	srv      *devserver.Server
	project  *devserver.Project
	identity devserver.Identity
}

func loopbackServer(t *testing.T) (*runServer, []string) {
	t.Helper()
	s := &runServer{srv: devserver.New(devserver.Config{Seed: 1})}
	s.project = s.srv.AddProject(devserver.ProjectConfig{Slug: "shop"})
	s.identity = s.srv.AddIdentity(devserver.Identity{})
	web := httptest.NewServer(s.srv)
	t.Cleanup(func() { s.srv.CloseStreams(); web.CloseClientConnections(); web.Close() })
	return s, []string{"INFISICAL_URL=" + web.URL, "INFISICAL_PROJECT_ID=" + s.project.ID(), "INFISICAL_ENVIRONMENT=dev"}
}

func (s *runServer) credentials() []string {
	return []string{"INFISICAL_CLIENT_ID=" + s.identity.ClientID, "INFISICAL_CLIENT_SECRET=" + s.identity.ClientSecret}
}

func (s *runServer) lists() (n int) {
	for _, route := range countRoutes("lists") {
		n += s.srv.Count(route)
	}
	return n
}

func (s *runServer) waitStreams(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); s.srv.Streams() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no stream of project events")
		}
	}
}

// ownInfuse is this test binary under that name: TestMain put it into PATH.
func ownInfuse(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("infuse")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestComplaintsGrowApart: at once, then after one minute, two, four, up to an hour.
func TestComplaintsGrowApart(t *testing.T) {
	var c complaint
	now := time.Unix(1e9, 0)
	if c.over() {
		t.Error("over before it began")
	}
	var said []string
	for began := now; now.Sub(began) < 5*time.Hour; now = now.Add(30 * time.Second) { // it fails all the time
		if c.due(now) {
			said = append(said, now.Sub(began).String())
		}
	}
	const want = "[0s 1m0s 3m0s 7m0s 15m0s 31m0s 1h3m0s 2h3m0s 3h3m0s 4h3m0s]"
	if got := fmt.Sprint(said); got != want {
		t.Errorf("complained at %s, want %s", got, want)
	}
	if !c.over() || !c.due(now) {
		t.Error("a new trouble is not said at once")
	}
}

// TestServiceManagerThatDoesNotRead must not make infuse deaf.
func TestServiceManagerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	socket, dir := openNotifySocket(t), t.TempDir()
	filler, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer filler.Close()
	for err == nil { // until its queue is full
		_ = filler.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		_, err = filler.Write([]byte("STATUS=x"))
	}
	writeFile(t, filepath.Join(dir, "store/dev.env"), "A=1\n")
	r := startRun(t, dir, []string{"NOTIFY_SOCKET=" + socket.path}, ownInfuse(t), "run", "--url", "file:store", "-e", "dev",
		"--watch", "--", "sh", "-c", `trap 'echo hup' HUP; trap 'exit 4' TERM; echo "ready $A"; while :; do sleep 0.02; done`)
	r.says("^ready 1$")
	r.signal(syscall.SIGHUP)
	r.says("^hup$")
	r.signal(syscall.SIGTERM)
	r.ends("exit status 4")
}
