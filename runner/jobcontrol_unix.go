//go:build unix

package runner

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pausePatience is how long we wait to be continued after stopping ourselves. The kernel discards the stop where our
// group is orphaned (docker run -it), and even a real one takes effect on our threads only a moment after kill returned.
const pausePatience = 150 * time.Millisecond

// settlePatience is how long what a stopped child has written may take to be passed on before we stop, too.
const settlePatience = 200 * time.Millisecond

// childPaused: the child was stopped. The shell that started us waits for us, not for the child, so we stop as well, with
// the default action on our whole group: make and sh in it stop too.
func (t *tree) childPaused() {
	if !t.term.exists() || t.ending != nil {
		return // without a terminal somebody stopped it on purpose
	}
	if t.session() {
		t.output.Settle(settlePatience)
		t.output.Suspend()
		t.pauseUs(syscall.SIGTSTP)
		return
	}
	if !t.own {
		// A child in our group stopped with us. One that made a group of its own, as an interactive shell does, did not.
		if pgid, err := unix.Getpgid(t.pid); err != nil || pgid == t.us {
			return
		}
	}
	sig := t.paused
	byTerminal := sig == syscall.SIGTTIN || sig == syscall.SIGTTOU
	if byTerminal && t.term.foreground() == t.us {
		t.resume() // it only wanted the terminal, and it is ours to lend
		return
	}
	if !byTerminal {
		sig = syscall.SIGTSTP
	}
	if t.output != nil {
		t.output.Settle(settlePatience)
	}
	t.pauseUs(sig)
}

// pauseUs stops our own group.
func (t *tree) pauseUs(sig syscall.Signal) {
	select {
	case <-t.continued:
	default:
	}
	_ = syscall.Kill(0, sig)
	t.resumes = time.Now().Add(pausePatience)
}

// suspend: Ctrl-Z was typed at a child with a session. The kernel does not stop it for that, since nobody in its session
// could continue it. What follows is as if it had been stopped: [tree.childPaused].
func (t *tree) suspend() {
	if t.alive && t.ending == nil {
		_ = killGroup(t.pgid, syscall.SIGSTOP)
	}
}

// resume lends the terminal to the child if it is ours, and continues the child; on every SIGCONT that we get.
func (t *tree) resume() {
	t.resumes = time.Time{}
	if t.output != nil {
		t.output.Resume()
	}
	if !t.alive {
		return
	}
	if t.session() {
		_ = killGroup(t.pgid, syscall.SIGCONT)
		if t.paused != 0 {
			_ = killGroup(t.pgid, syscall.SIGWINCH) // a full-screen program paints itself anew
		}
		return
	}
	pgid, err := unix.Getpgid(t.pid)
	if err != nil || pgid == t.us || pgid < 2 {
		return
	}
	if t.term.foreground() == t.us {
		t.term.save()
		t.term.give(pgid)
	}
	_ = killGroup(pgid, syscall.SIGCONT)
}

// reclaimTerminal takes the terminal back after the child, if it is the child's, a dead group's or a descendant's, and
// never from the shell. With restore it also gets the settings back that it had when we started.
func (t *tree) reclaimTerminal(restore bool) {
	if !t.term.exists() || t.pid == 0 || t.alive {
		return
	}
	if fg := t.term.foreground(); fg != t.us {
		if fg < 1 || !(fg == t.pid || fg == t.pgid || killGroup(fg, 0) == syscall.ESRCH || t.isDescendantGroup(fg)) {
			return
		}
		t.term.give(t.us)
	}
	if restore {
		t.term.restore()
	}
}

func (t *tree) isDescendantGroup(pgid int) bool {
	for _, p := range t.descendants() {
		if p.pgid == pgid {
			return true
		}
	}
	return false
}
