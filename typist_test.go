//go:build unix

package main

import (
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// typist is somebody at the terminal of an interactive shell, which was told to
// answer C-x a by inserting every completion, and C-x p by printing the line
// that is being edited between STX and ETX.
type typist struct {
	t     *testing.T
	tty   *os.File
	out   lockedBuffer
	asked int
	cmd   *exec.Cmd
	done  chan error
}

func startTypist(t *testing.T, environ []string, program string, args ...string) *typist {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = environ
	for _, entry := range environ {
		if dir, ok := strings.CutPrefix(entry, "PWD="); ok {
			cmd.Dir = dir
		}
	}
	// Who runs the tests may ignore Ctrl-C, and what is ignored stays so across
	// execve(2), while what is handled does not.
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 200, Cols: 2000})
	signal.Stop(heard)
	if err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	s := &typist{t: t, tty: tty, cmd: cmd, done: make(chan error, 1)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&s.out, tty)
	}()
	go func() { s.done <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGHUP) // as a terminal that goes away; what runs below it hears of it too
		select {
		case <-s.done:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-s.done
		}
		_ = tty.Close()
		select {
		case <-read:
		case <-time.After(patience):
			t.Errorf("%s left something on its terminal", program)
		}
	})
	return s
}

// says waits until the terminal has shown text so often.
func (s *typist) says(text string, times int) {
	s.t.Helper()
	s.wait(text, func(out string) bool { return strings.Count(out, text) >= times })
}

// ended waits until the program has ended by itself.
func (s *typist) ended() error {
	s.t.Helper()
	select {
	case err := <-s.done:
		s.done <- err
		return err
	case <-time.After(patience):
		s.t.Fatalf("%s did not end:\n%q", s.cmd.Args[0], s.out.String())
		return nil
	}
}

// setup types commands, and waits until the last has run.
func (s *typist) setup(lines ...string) {
	s.t.Helper()
	for _, line := range append(lines, `printf 'set\tup\n'`) {
		s.send(line + "\r")
	}
	s.wait("the set-up", func(out string) bool { return strings.Contains(out, "set\tup") || strings.Contains(out, "set     up") })
}

// ask types a line, asks for all completions of it, and returns them.
func (s *typist) ask(line string) []string {
	s.t.Helper()
	s.send("\x05\x15" + line + "\x18a\x18p") // C-e C-u clears the line
	s.asked++
	var buffer string
	s.wait("the completions of "+line, func(out string) bool {
		parts := strings.Split(out, "\x02")
		if len(parts) <= s.asked {
			return false
		}
		var done bool
		buffer, _, done = strings.Cut(parts[s.asked], "\x03")
		return done
	})
	buffer = strings.ReplaceAll(strings.ReplaceAll(buffer, "\r", ""), "\n", "")
	start := strings.LastIndexByte(line, ' ') + 1
	if buffer == line || !strings.HasPrefix(buffer, line[:start]) {
		return nil
	}
	var got []string
	for _, proposal := range strings.Fields(buffer[start:]) {
		got = append(got, plainValue(strings.ReplaceAll(proposal, `\`, "")))
	}
	return got
}

func (s *typist) send(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.tty, text); err != nil {
		s.t.Fatalf("typing: %v\n%s", err, s.out.String())
	}
}

func (s *typist) wait(what string, done func(out string) bool) {
	s.t.Helper()
	deadline := time.After(patience)
	for {
		changed := s.out.changed()
		if done(s.out.String()) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			s.t.Fatalf("waiting for %s:\n%q", what, s.out.String())
		}
	}
}
