//go:build unix && !linux

package runner

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	getTermios     = unix.TIOCGETA
	setTermiosWait = unix.TIOCSETAW
)

// quietly: no signal can be blocked from Go here.
func quietly(f func()) { f() }

// give makes pgid the foreground group of the terminal. A process in the background would be stopped for it, so a child
// does it, inside pgid, between fork and exec, where Go blocks all signals.
func (t *terminal) give(pgid int) {
	if !t.exists() || pgid < 1 {
		return
	}
	pid, err := syscall.ForkExec("/usr/bin/true", []string{"true"}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{Foreground: true, Setpgid: true, Pgid: pgid, Ctty: t.fd},
	})
	for err == nil {
		if _, werr := syscall.Wait4(pid, nil, 0, nil); werr != syscall.EINTR {
			break
		}
	}
}
