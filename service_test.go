//go:build unix

package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// service is a server process: infuse with a real one below it, or one alone.
type service struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  lockedBuffer
	done chan error
}

// startService starts infuse in dir, with an empty home and no variables of ours.
func startService(t *testing.T, dir string, args ...string) *service {
	t.Helper()
	s := &service{t: t, cmd: exec.Command("infuse", args...), done: make(chan error, 1)}
	s.cmd.Dir = dir
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir()}
	s.start()
	return s
}

func (s *service) start() {
	s.t.Helper()
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	s.cmd.WaitDelay = patience
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	s.t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // so that it ends its program too
		select {
		case <-s.done:
		case <-time.After(patience):
			_ = s.cmd.Process.Kill()
			<-s.done
		}
		if s.t.Failed() {
			s.t.Logf("%s said:\n%s", s.cmd.Args[0], s.out.String())
		}
	})
}

// says waits until the output holds text.
func (s *service) says(text string) {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		changed := s.out.changed()
		if strings.Contains(s.out.String(), text) {
			return
		}
		select {
		case <-changed:
		case err := <-s.done:
			s.done <- err
			if !strings.Contains(s.out.String(), text) {
				s.t.Fatalf("it ended (%v) without %q", err, text)
			}
			return
		case <-deadline:
			s.t.Fatalf("never said %q", text)
		}
	}
}

// end asks it to end, and returns how it did.
func (s *service) end() error {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case err := <-s.done:
		s.done <- err
		return err
	case <-time.After(patience):
		s.t.Fatal("it did not end")
		return nil
	}
}

// freePort is a port of loopback that nobody has at this moment, below those that
// Linux gives to who asks for none (32768 and up, ip(7)): the tests beside this
// one, which listen and connect all the time, are not given it meanwhile.
func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(20_000 + rand.IntN(12_000))
		if listener, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("a thousand ports are taken")
	return ""
}

// fetchOnce gets a page over a connection of its own.
func fetchOnce(url string) (string, error) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// eventually waits for a condition that nothing announces.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestGracefulServer: a restart lets a Go server finish the request that is
// under way, and the next one has its port.
func TestGracefulServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "server"), "./testdata/graceful").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	writeFile(t, filepath.Join(dir, "store", "dev.env"), "GREETING=first\n")
	address := "127.0.0.1:" + freePort(t)
	s := startService(t, dir, "run", "--url", "file:store", "-e", "dev", "--watch", "--", "./server", address)
	s.says("ready first ")

	type answer struct {
		body string
		err  error
	}
	slow := make(chan answer, 1)
	go func() {
		body, err := fetchOnce("http://" + address + "/slow")
		slow <- answer{body, err}
	}()
	s.says("slow request")
	writeFile(t, filepath.Join(dir, "store", "dev.env"), "GREETING=second\n")
	s.says("ready second ")
	if got := <-slow; got.err != nil || got.body != "first\n" {
		t.Errorf("the request that was under way: %q, %v", got.body, got.err)
	}
	if body, err := fetchOnce("http://" + address + "/"); err != nil || body != "second\n" {
		t.Errorf("the new server: %q, %v", body, err)
	}
	if !strings.Contains(s.out.String(), "ended well first\n") {
		t.Error("the old server did not end by itself")
	}
	if err := s.end(); err != nil || !strings.Contains(s.out.String(), "ended well second\n") {
		t.Errorf("the end: %v", err)
	}
}

// status is the exit status of a process that ran.
func status(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}
