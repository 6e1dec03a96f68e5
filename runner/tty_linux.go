package runner

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	getTermios     = unix.TCGETS
	setTermiosWait = unix.TCSETSW
)

// quietly runs f, which uses the terminal, without being stopped for doing so from the background: the signals for that
// are blocked on this thread. Ignoring them would be inherited by the child, and a handler would restart the call for ever.
func quietly(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	set, old := sigset(syscall.SIGTTOU, syscall.SIGTTIN), unix.Sigset_t{}
	if unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old) == nil {
		defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }()
	}
	f()
}

// give makes pgid the foreground group of the terminal.
func (t *terminal) give(pgid int) {
	if t.exists() && pgid > 0 { // 1 is our own group, as process 1
		quietly(func() { _ = unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, pgid) })
	}
}
