//go:build linux || darwin

package mask

import (
	"bytes"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

var noDeadline time.Time

// regard is how often a relay in the background looks whether it is in the
// foreground again: a shell's fg sends no signal to a job that runs.
const regard = 250 * time.Millisecond

// relay copies the keyboard to the child's terminal and keeps ours in raw mode
// meanwhile. It reads only while we are in the foreground, and only while there
// is a child: the rest belongs to the shell.
type relay struct {
	streams     *Streams
	keyboard    *os.File // our terminal
	saved       *term.State
	master      *os.File
	pid         int
	suspended   chan struct{}
	interrupted chan struct{}
	wakeR       *os.File // readable: something below has changed
	wakeW       *os.File
	over        sync.WaitGroup

	mu     sync.Mutex
	paused bool
	ended  bool
}

func newRelay(s *Streams, master *os.File) *relay {
	return &relay{
		streams: s, keyboard: s.config.Stdin, saved: s.terminal.saved, master: master,
		suspended: make(chan struct{}, 1), interrupted: make(chan struct{}, 1),
	}
}

// start begins to copy. Without a descriptor for the wake-up pipe there is no
// way to end it again, so then the child gets no input.
func (r *relay) start(pid int) {
	r.pid = pid
	r.attach()
	wakeR, wakeW, err := os.Pipe()
	if err != nil {
		return
	}
	r.wakeR, r.wakeW = wakeR, wakeW
	r.over.Go(r.run)
}

// stop ends the copying and waits for it.
func (r *relay) stop() {
	r.change(func() { r.ended = true })
	_ = r.master.SetWriteDeadline(time.Now()) // a child that does not read must not keep us
	r.over.Wait()
	if r.wakeR != nil {
		_, _ = r.wakeR.Close(), r.wakeW.Close()
	}
}

// restore gives the terminal back as Open found it.
func (r *relay) restore() { r.detach() }

func (r *relay) suspend() {
	r.change(func() { r.paused = true })
	r.detach()
}

// resume forgets that the terminal was raw: whoever had it meanwhile has set
// it to their own taste.
func (r *relay) resume() {
	r.change(func() {
		r.paused = false
		r.streams.raw.Store(false)
	})
	r.attach() // before the child goes on and writes
}

func (r *relay) change(f func()) {
	r.mu.Lock()
	f()
	r.mu.Unlock()
	if r.wakeW != nil {
		_, _ = r.wakeW.Write([]byte{0}) // full is as good: it is readable
	}
}

// state returns what is wanted of the relay.
func (r *relay) state() (listen, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.paused, r.ended
}

// attach sets the terminal to raw mode if it is ours at the moment.
func (r *relay) attach() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.paused || r.ended || !foreground(r.keyboard) {
		return false
	}
	if r.streams.raw.Load() {
		return true
	}
	ok := false
	quietly(func() {
		_, err := term.MakeRaw(int(r.keyboard.Fd()))
		ok = err == nil
	})
	r.streams.raw.Store(ok)
	return ok
}

// detach undoes attach.
func (r *relay) detach() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streams.raw.Swap(false) && foreground(r.keyboard) {
		quietly(func() { _ = term.Restore(int(r.keyboard.Fd()), r.saved) })
	}
}

func (r *relay) run() {
	buf := make([]byte, 4096)
	for {
		listen, ended := r.state()
		if ended {
			return
		}
		wait := time.Duration(-1)
		if listen && !r.attach() {
			listen, wait = false, regard
		}
		ready, err := r.wait(listen, wait)
		if err != nil {
			return
		}
		if !ready || !foreground(r.keyboard) {
			continue
		}
		n, err := r.keyboard.Read(buf)
		if n > 0 && !r.feed(buf[:n]) {
			return
		}
		if err != nil {
			return // the terminal was closed: SIGHUP is on its way to everyone
		}
	}
}

// feed passes keys to the child.
func (r *relay) feed(keys []byte) bool {
	suspends, interrupts := r.signals(keys)
	if interrupts {
		notify(r.interrupted) // before the child can end of it
	}
	if _, err := r.master.Write(keys); err != nil {
		return false
	}
	if suspends {
		notify(r.suspended)
	}
	return true
}

func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// signals reports whether the child's terminal makes SIGTSTP, or SIGINT or
// SIGQUIT, of one of keys, for the child itself and not for a job of a shell in
// there.
func (r *relay) signals(keys []byte) (suspends, interrupts bool) {
	_ = control(r.master, func(fd int) error {
		mode, err := unix.IoctlGetTermios(fd, ioctlGetTermios)
		if err != nil {
			return err
		}
		group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		if err != nil || group != r.pid || mode.Lflag&unix.ISIG == 0 {
			return err
		}
		typed := func(i int) bool { return mode.Cc[i] != disabled && bytes.IndexByte(keys, mode.Cc[i]) >= 0 }
		suspends, interrupts = typed(unix.VSUSP), typed(unix.VINTR) || typed(unix.VQUIT)
		return nil
	})
	return suspends, interrupts
}

// wait returns when the keyboard, if listen, or the wake-up pipe is readable,
// or after limit, if that is not negative. ready is about the keyboard.
func (r *relay) wait(listen bool, limit time.Duration) (ready bool, err error) {
	wake := int(r.wakeR.Fd())
	keyboard := -1
	if listen {
		keyboard = int(r.keyboard.Fd())
	}
	ready, woken, err := waitReadable(keyboard, wake, limit)
	if woken {
		var b [64]byte
		_, err = unix.Read(wake, b[:])
	}
	return ready, err
}
