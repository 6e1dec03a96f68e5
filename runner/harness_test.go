//go:build linux

package runner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for something that should happen at once. Machines are slow sometimes.
const patience = 60 * time.Second

// eventually waits for a condition.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for pause := time.Millisecond; !condition(); pause = min(2*pause, 20*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for %s", what)
		}
		time.Sleep(pause)
	}
}

// requireProgram finds an outside program, or skips the test and says why; where INFUSE_TEST_REQUIRE=1 it fails.
func requireProgram(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is not installed")
	}
	return path
}

func missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("INFUSE_TEST_REQUIRE") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// requireNamespace skips where a PID namespace cannot be made.
func requireNamespace(t testing.TB) {
	t.Helper()
	requireProgram(t, "unshare")
	out, err := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "true").CombinedOutput()
	if err != nil {
		missing(t, fmt.Sprintf("no PID namespace for us here: %v %s", err, bytes.TrimSpace(out)))
	}
}

// asProcess1 is the command line that runs args as process 1 of a new namespace.
func asProcess1(args ...string) []string {
	return append([]string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}, args...)
}

func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// wrap is the command line `infuse run --` of a test.
func wrap(t testing.TB, args ...string) []string { return append([]string{self(t), "@exec"}, args...) }

// session is a process under test.
type session struct {
	t       testing.TB
	cmd     *exec.Cmd
	dir     string
	out     *buffer
	err     *buffer
	control *os.File
	done    chan struct{}
	state   *os.ProcessState
}

// buffer is what a process has written so far.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// launch starts a command line in a directory of its own, in a session without a terminal.
func launch(t testing.TB, args ...string) *session {
	t.Helper()
	return launchIn(t, t.TempDir(), nil, args...)
}

func launchIn(t testing.TB, dir string, prepare func(*exec.Cmd), args ...string) *session {
	t.Helper()
	s := &session{t: t, dir: dir, out: &buffer{}, err: &buffer{}, done: make(chan struct{})}
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Dir = dir
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.err
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	s.cmd.WaitDelay = 200 * time.Millisecond // a background process may hold the pipe
	if prepare != nil {
		prepare(s.cmd)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		err := s.cmd.Wait()
		if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok && !errors.Is(err, exec.ErrWaitDelay) {
			fmt.Fprintln(s.err, "wait:", err)
		}
		s.state = s.cmd.ProcessState
	}()
	t.Cleanup(func() {
		if s.control != nil {
			s.control.Close()
		}
		s.cmd.Process.Kill()
		<-s.done
		for _, p := range processes() { // whatever a failed test left in the session
			if sid, err := unix.Getsid(p.pid); err == nil && sid == s.cmd.Process.Pid {
				_ = killProcess(p.pid, syscall.SIGKILL)
			}
		}
		if t.Failed() {
			t.Logf("stdout: %s\nstderr: %s", s.out, s.err)
		}
	})
	return s
}

// supervised launches `infuse run --watch` with a channel for changes and events.
func supervised(t testing.TB, options []string, argv ...string) *session {
	t.Helper()
	return supervisedIn(t, nil, nil, options, argv...)
}

func supervisedIn(t testing.TB, prefix []string, prepare func(*exec.Cmd), options []string, argv ...string) *session {
	t.Helper()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "control")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	control, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	args := append(prefix[:len(prefix):len(prefix)], self(t), "@supervise", "-control", fifo, "-events", filepath.Join(dir, "events"))
	args = append(append(append(args, options...), "--"), argv...)
	s := launchIn(t, dir, prepare, args...)
	s.control = control
	return s
}

func (s *session) pid() int { return s.cmd.Process.Pid }

func (s *session) change(line string) {
	s.t.Helper()
	if _, err := fmt.Fprintln(s.control, line); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// events returns what happened so far.
func (s *session) events() (list []eventLine) {
	data, _ := os.ReadFile(filepath.Join(s.dir, "events"))
	for line := range bytes.Lines(data) {
		var e eventLine
		if json.Unmarshal(line, &e) == nil {
			list = append(list, e)
		}
	}
	return list
}

func (s *session) count(kind EventKind) (n int) {
	for _, e := range s.events() {
		if e.Kind == string(kind) {
			n++
		}
	}
	return n
}

// await waits for the nth event of a kind and returns it.
func (s *session) await(kind EventKind, n int) (found eventLine) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("event %q number %d", kind, n), func() bool {
		i := 0
		for _, e := range s.events() {
			if e.Kind == string(kind) {
				if i++; i == n {
					found = e
					return true
				}
			}
		}
		return false
	})
	return found
}

// prints waits until the output holds text.
func (s *session) prints(text string) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("output %q", text), func() bool { return strings.Contains(s.out.String(), text) })
}

func (s *session) printsTimes(text string, n int) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("output %q, %d times", text, n), func() bool { return strings.Count(s.out.String(), text) >= n })
}

// number waits for "KEY=N" in the output.
func (s *session) number(key string) (n int) {
	s.t.Helper()
	eventually(s.t, "output "+key+"=", func() bool {
		_, rest, ok := strings.Cut("\n"+s.out.String(), "\n"+key+"=")
		if !ok {
			return false
		}
		line, _, ok := strings.Cut(rest, "\n")
		if !ok {
			return false
		}
		var err error
		n, err = strconv.Atoi(strings.TrimSpace(line))
		return err == nil
	})
	return n
}

// wait returns the end of the process.
func (s *session) wait() Status {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(patience):
		s.t.Fatalf("timed out waiting for %v", s.cmd.Args)
	}
	return statusOf(s.state.Sys().(syscall.WaitStatus))
}

func (s *session) ends(want Status) {
	s.t.Helper()
	if got := s.wait(); got != want {
		s.t.Errorf("ended with %v, want %v; stderr %q", got, want, s.err)
	}
}

func (s *session) running() bool {
	select {
	case <-s.done:
		return false
	default:
		return true
	}
}

// alive reports whether a process lives, a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	p, ok := parseStat(stat)
	return ok && !p.dead
}

func dies(t testing.TB, pid int) {
	t.Helper()
	eventually(t, fmt.Sprintf("the end of process %d", pid), func() bool { return !alive(pid) })
}

// script writes an executable file.
func script(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// output runs a command line to its end.
func output(t testing.TB, args ...string) (string, Status) {
	t.Helper()
	s := launch(t, args...)
	st := s.wait()
	if e := s.err.String(); e != "" {
		return s.out.String() + e, st
	}
	return s.out.String(), st
}

func exited(code int) Status              { return Status{Code: code} }
func killed(signal syscall.Signal) Status { return Status{Signal: signal} }

// ignoredBy is the set of signals that a process ignores, bit n-1 for signal n.
func ignoredBy(t testing.TB, pid int) (set uint64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nSigIgn:\t")
	if _, err := fmt.Sscanf(rest, "%x\n", &set); err != nil {
		t.Fatalf("no SigIgn of process %d: %v", pid, err)
	}
	return set
}
