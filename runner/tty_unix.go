//go:build unix

package runner

import "golang.org/x/sys/unix"

// terminal is our controlling terminal, or none. The standard streams do not tell: they may be a terminal that is not
// ours, or none of them may be one while there is a terminal all the same.
type terminal struct {
	fd    int  // -1: none
	ours  bool // both standard streams are it, so no other part of a pipeline (less) changes its settings
	saved *unix.Termios
}

func openTerminal() *terminal {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return &terminal{fd: -1}
	}
	return &terminal{fd: fd, ours: isControllingTerminal(0) && isControllingTerminal(1)}
}

// save remembers the settings, once. Only when we have the terminal: otherwise they are those of a shell that edits a line.
func (t *terminal) save() {
	if t.exists() && t.saved == nil {
		t.saved, _ = unix.IoctlGetTermios(t.fd, getTermios)
	}
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

// restore puts the saved settings back, after what is written has been shown.
func (t *terminal) restore() {
	if t.exists() && t.ours && t.saved != nil {
		quietly(func() { _ = unix.IoctlSetTermios(t.fd, setTermiosWait, t.saved) })
	}
}

// isControllingTerminal: another terminal than our own does not answer this question.
func isControllingTerminal(fd int) bool {
	_, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil
}
