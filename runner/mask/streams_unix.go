//go:build linux || darwin

package mask

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// terminal is what Open finds out about our own.
type terminal struct {
	relay bool        // the child gets a terminal of its own instead of ours
	saved *term.State // to give it back as it was
}

// master is our end of a pseudo-terminal, and the terminal it stands for.
type master struct{ file, real *os.File }

// inspect decides between the two ways of masking on a terminal.
//
// When the terminal is all ours (we are the whole foreground job, and read and
// write there), the child gets a pseudo-terminal as its controlling terminal,
// and we copy both ways with ours in raw mode, as script(1) does. Everything
// works on it: prompts, full-screen programs, job control below a shell.
//
// In a pipeline, a script, below make or in the background that would take the
// keyboard and Ctrl-C away from the others. There the child keeps the real
// terminal, for input, signals and job control, and only its output is a
// pseudo-terminal: colours and progress bars stay, no byte of input is touched.
func (s *Streams) inspect() terminal {
	in, out := s.config.Stdin, s.config.Stdout
	if s.config.Share || in == nil || out == nil || !isTerminal(in) || !isTerminal(out) || !sameFile(in, out) {
		return terminal{}
	}
	if unix.Getpid() != unix.Getpgrp() || !foreground(in) {
		return terminal{}
	}
	saved, err := term.GetState(int(in.Fd()))
	return terminal{relay: err == nil, saved: saved}
}

// foreground reports whether f is our controlling terminal and listens to us.
func foreground(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// pty connects one output of the child to a pseudo-terminal.
func (c *Child) pty(o output, relay bool) (src, end *os.File, err error) {
	src, end, err = openPTY()
	if err != nil {
		return nil, nil, fmt.Errorf("opening a pseudo-terminal: %w", err)
	}
	m := master{file: src, real: o.from}
	if err := m.prepare(end, relay); err != nil {
		_, _ = src.Close(), end.Close()
		return nil, nil, fmt.Errorf("setting up a pseudo-terminal: %w", err)
	}
	c.masters = append(c.masters, m)
	if relay {
		c.Session = true
		c.Files[0] = end
		c.relay = newRelay(c.streams, src)
	}
	return src, end, nil
}

// prepare makes end look like the real terminal. Where only the output goes
// through it the real terminal still does the output processing (NL to CR NL),
// in the mode the child gives it, so end must not.
func (m master) prepare(end *os.File, relay bool) error {
	mode, err := unix.IoctlGetTermios(int(m.real.Fd()), ioctlGetTermios)
	if err != nil {
		return err
	}
	if !relay {
		mode.Oflag &^= unix.OPOST
	}
	if err := unix.IoctlSetTermios(int(end.Fd()), ioctlSetTermios, mode); err != nil {
		return err
	}
	return m.resize()
}

// resize copies the size of the window.
func (m master) resize() error {
	size, err := unix.IoctlGetWinsize(int(m.real.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return err
	}
	return control(m.file, func(fd int) error { return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
}

// Resize copies the size of our terminal's window: call it on SIGWINCH. A
// child with Session is told by the kernel. Another child may have looked
// before Resize was through: send it SIGWINCH, once more if need be.
func (c *Child) Resize() {
	for _, m := range c.masters {
		_ = m.resize() // the terminal is gone: the output will tell
	}
}

// Suspend gives the terminal back before we stop ourselves (Ctrl-Z).
func (c *Child) Suspend() {
	if c.relay != nil {
		c.relay.suspend()
	}
}

// Resume takes the terminal again: call it on SIGCONT. In the background it
// waits until we are in the foreground.
func (c *Child) Resume() {
	if c.relay != nil {
		c.relay.resume()
	}
	c.Resize()
}

// Suspended receives when Ctrl-Z was typed at a child with Session that leaves
// it to the terminal to act on it. The kernel has sent the child SIGTSTP, but
// does not stop a process whose parent is in another session (POSIX, orphaned
// process group). To suspend all the same: send the child's group SIGSTOP, call
// Suspend, stop our own group; after SIGCONT call Resume and send the child's
// group SIGCONT and SIGWINCH, so that a full-screen program paints itself anew.
func (c *Child) Suspended() <-chan struct{} {
	if c.relay == nil {
		return nil
	}
	return c.relay.suspended
}

// Interrupted receives when a key was typed that makes the terminal of a child
// with Session send it SIGINT or SIGQUIT: we do not get that signal.
func (c *Child) Interrupted() <-chan struct{} {
	if c.relay == nil {
		return nil
	}
	return c.relay.interrupted
}

// sink is where the output goes. Where the child has the real terminal we are
// in the background and would be stopped for writing to it (stty tostop), and
// the child with us, for ever. With a session of its own we are what the shell
// sees, and are stopped as anybody would be.
func (o *output) sink(session bool) io.Writer {
	return &destination{file: o.dst, quiet: o.tty && !session}
}

type destination struct {
	file  *os.File
	quiet bool
}

// Write waits where the file does not: another process that shares it may make
// it non-blocking at any time (fcntl(2), O_NONBLOCK is of the open file).
func (s *destination) Write(p []byte) (total int, err error) {
	for {
		n := 0
		if s.quiet {
			quietly(func() { n, err = s.file.Write(p[total:]) })
		} else {
			n, err = s.file.Write(p[total:])
		}
		total += n
		if !errors.Is(err, unix.EAGAIN) {
			return total, err
		}
		err = control(s.file, func(fd int) error {
			_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
			return err
		})
		if err != nil && !errors.Is(err, unix.EINTR) {
			return total, err
		}
	}
}

// control runs f on the descriptor of file, which stays open meanwhile.
func control(file *os.File, f func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// sameFile reports whether a and b lead to the same file, pipe or terminal.
func sameFile(a, b *os.File) bool {
	if a == nil || b == nil {
		return false
	}
	i, err := a.Stat()
	if err != nil {
		return false
	}
	j, err := b.Stat()
	return err == nil && os.SameFile(i, j)
}

func duplicate(f *os.File) (dst *os.File, owned bool, err error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, false, err
	}
	return os.NewFile(uintptr(fd), f.Name()), true, nil
}

// newPTYFile wraps the master of a pseudo-terminal so that reads have
// deadlines. Where the system cannot wait for a terminal they block.
func newPTYFile(fd int) (*os.File, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "/dev/ptmx")
	if f.SetReadDeadline(noDeadline) == nil {
		return f, nil
	}
	return f, unix.SetNonblock(fd, false)
}

// readable looks, without waiting, whether there is something to read in src.
func readable(src Source) (ready, known bool) {
	f, ok := src.(*os.File)
	if !ok {
		return false, false
	}
	err := control(f, func(fd int) error {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		_, err := unix.Poll(fds, 0)
		ready, known = fds[0].Revents != 0, err == nil && fds[0].Revents&unix.POLLNVAL == 0
		return err
	})
	return ready, known && err == nil
}
