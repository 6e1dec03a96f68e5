//go:build unix

package runner

import "golang.org/x/sys/unix"

// terminal is our controlling terminal, or none. The standard streams do not tell: they may be a terminal that is not
// ours, or none of them may be one while there is a terminal all the same.
type terminal struct {
	fd    int // -1: none
	saved *unix.Termios
}

func openTerminal() *terminal {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return &terminal{fd: -1}
	}
	t := &terminal{fd: fd}
	t.saved, _ = unix.IoctlGetTermios(fd, getTermios)
	return t
}

func (t *terminal) exists() bool { return t.fd >= 0 }

func (t *terminal) close() {
	if t.exists() {
		_ = unix.Close(t.fd)
		t.fd = -1
	}
}

// foreground is the process group that has the terminal, or -1.
func (t *terminal) foreground() int {
	if !t.exists() {
		return -1
	}
	pgid, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	if err != nil {
		return -1
	}
	return pgid
}

// restore puts the settings back that the terminal had when it was opened, after what is written has been shown.
func (t *terminal) restore() {
	if t.exists() && t.saved != nil {
		quietly(func() { _ = unix.IoctlSetTermios(t.fd, setTermiosWait, t.saved) })
	}
}

// isControllingTerminal: another terminal than our own does not answer this question.
func isControllingTerminal(fd int) bool {
	_, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil
}
