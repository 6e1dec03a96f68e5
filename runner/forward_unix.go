//go:build unix

package runner

import (
	"os"
	"syscall"
	"time"
)

// forward passes on a signal that came from outside.
//
// In a shared foreground group INT, QUIT and WINCH came from the terminal, and the child has had them. (Who sent a signal
// is not to be seen from Go, so a kill -INT from elsewhere is not passed on in that one state.)
func (t *tree) forward(sig syscall.Signal) {
	if sig == syscall.SIGWINCH && t.output != nil && t.output.Terminal() {
		t.output.Resize()
		if t.output.Session {
			return // told by its terminal
		}
		// It may have looked at the size before it was right, so it is told once more.
	} else if !t.own && t.term.foreground() == t.us {
		switch sig {
		case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH:
			return
		}
	}
	t.send(sig)
}

// send gives the child a signal: its group, where it has one.
func (t *tree) send(sig syscall.Signal) {
	if t.own {
		_ = killGroup(t.pgid, sig)
	} else if t.alive {
		_ = killProcess(t.pid, sig)
	}
}

// isEcho reports a stop signal that a child in our own group sent to itself by `kill 0` while it was being stopped.
func (t *tree) isEcho(sig syscall.Signal, now time.Time) bool {
	if t.own || sig != t.cfg.StopSignal {
		return false
	}
	return t.ending != nil && !t.ending.drain || now.Before(t.echoUntil)
}

// killProcess and killGroup never pass on 0 (our own group) or 1 (everybody).
func killProcess(pid int, sig syscall.Signal) error {
	if pid < 2 {
		return syscall.ESRCH
	}
	return syscall.Kill(pid, sig)
}

func killGroup(pgid int, sig syscall.Signal) error {
	if pgid < 2 {
		return syscall.ESRCH
	}
	return syscall.Kill(-pgid, sig)
}

// killEveryone is for process 1 alone, whose everyone is its namespace without itself.
func killEveryone(sig syscall.Signal) error {
	if os.Getpid() != 1 {
		return syscall.EPERM
	}
	return syscall.Kill(-1, sig)
}
