//go:build unix

package main

import (
	"errors"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
	check(t, cmd.Start())
	return waitToEnd(t, cmd)
}

func waitToEnd(t testing.TB, cmd *exec.Cmd) int {
	t.Helper()
	stuck := time.AfterFunc(2*patience, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !stuck.Stop() {
		t.Errorf("%s did not end", strings.Join(cmd.Args[1:], " "))
	}
	return exitCode(t, err)
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

// watchedProcess is infuse run --watch with a program below it.
type watchedProcess struct {
	w        *world
	cmd      *exec.Cmd
	out, err lockedBuffer
	stdin    io.Closer
	done     chan error
}

// watch starts one, and returns when it watches. Its program waits for the end
// of stdin and exits with 7. The interval is so long that every look is one
// that was asked for.
func (w *world) watch(flags ...string) *watchedProcess {
	p := &watchedProcess{w: w, done: make(chan error, 1)}
	flags = append([]string{"--watch", "--watch-interval", "240h", "--no-watch-events", "--env-file", w.envFile}, flags...)
	p.cmd = w.command(flags, "sh", "-c", "echo got=$KEY; read line; exit 7")
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	stdin, err := p.cmd.StdinPipe()
	check(w.t, err)
	p.stdin = stdin
	check(w.t, p.cmd.Start())
	ended := make(chan struct{})
	go func() { p.done <- p.cmd.Wait(); close(ended) }()
	w.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = stdin.Close()
		<-ended
	})
	p.waitFor("got=" + w.before + "\n")
	p.waitFor(`"msg":"watching"`)
	return p
}

// lookFor asks for a look and waits for what comes of it.
func (p *watchedProcess) lookFor(texts ...string) string {
	p.w.t.Helper()
	p.w.touch()
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
		p.done <- err
		return exitCode(p.w.t, err)
	case <-time.After(2 * patience):
		p.w.t.Fatalf("infuse outlives its program\nstderr:\n%s", p.err.String())
		return -1
	}
}
