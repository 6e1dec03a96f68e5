package mask

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config says whose output is masked and where it goes.
type Config struct {
	Stdin, Stdout, Stderr *os.File // ours; none of them is closed, and none changes its file status flags
	Matcher               *Matcher
	Drain                 time.Duration // see Pump; 0 is DefaultDrain

	// Share leaves the child on our own terminal, in our session: only its
	// output goes through a pseudo-terminal.
	Share bool
}

// Streams stand between the standard streams of this process and its children,
// one child at a time.
type Streams struct {
	config   Config
	outputs  []output
	terminal terminal    // what we know about ours
	raw      atomic.Bool // our terminal is in raw mode at the moment
}

// output is a destination and the descriptors of the child that lead there.
// Standard output and error that go to the same place share one, so that what
// the child writes keeps its order.
type output struct {
	dst   *os.File // a duplicate: Go lets a broken pipe at descriptor 1 or 2 kill the process (os/signal, SIGPIPE)
	owned bool
	from  *os.File // what dst was made of
	fds   []int
	tty   bool
}

// Open prepares the streams. It changes nothing that others see.
func Open(c Config) (*Streams, error) {
	s := &Streams{config: c}
	for fd, f := range []*os.File{1: c.Stdout, 2: c.Stderr} {
		if f == nil {
			continue
		}
		if len(s.outputs) > 0 && sameFile(c.Stdout, c.Stderr) {
			s.outputs[0].fds = append(s.outputs[0].fds, fd)
			continue
		}
		dst, owned, err := duplicate(f)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("duplicating the output %s: %w", f.Name(), err), s.Close())
		}
		s.outputs = append(s.outputs, output{dst: dst, owned: owned, from: f, fds: []int{fd}, tty: isTerminal(f)})
	}
	s.terminal = s.inspect()
	return s, nil
}

// Close releases what Open took. The last child has been waited for.
func (s *Streams) Close() error {
	var errs []error
	for _, o := range s.outputs {
		if o.owned {
			errs = append(errs, o.dst.Close())
		}
	}
	s.outputs = nil
	return errors.Join(errs...)
}

// Log returns a writer to w, for messages that stand between the child's
// output: it ends lines with CR LF while the terminal is in raw mode.
func (s *Streams) Log(w io.Writer) io.Writer { return &logWriter{s, w} }

type logWriter struct {
	streams *Streams
	w       io.Writer
}

func (l *logWriter) Write(p []byte) (int, error) {
	if !l.streams.raw.Load() {
		return l.w.Write(p)
	}
	out := make([]byte, 0, len(p)+8)
	for _, c := range p {
		if c == '\n' {
			out = append(out, '\r')
		}
		out = append(out, c)
	}
	if _, err := l.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Child is what one start of the child gets. After Streams.Child comes exactly
// one of Abort and Started, and after Started, when the child is gone, Wait.
type Child struct {
	// Files are the child's descriptors 0, 1 and 2.
	Files [3]*os.File

	// Session says that the child has to lead a session of its own with the
	// terminal at its descriptor 0: SysProcAttr{Setsid: true, Setctty: true,
	// Ctty: 0}, and neither Setpgid nor Foreground. Its process group is its
	// pid; the terminal sends it SIGINT, SIGQUIT and SIGWINCH.
	Session bool

	// Fallback tells why the child gets a pipe where we have a terminal; nil
	// if it does not.
	Fallback error

	streams *Streams
	ends    []*os.File // the child's ends, which are ours until it runs
	pumps   []*Pump
	masters []master
	relay   *relay
	gone    chan struct{}
	running sync.WaitGroup
	errs    []error // one a pump
}

// Child makes the streams of the next child.
func (s *Streams) Child() (*Child, error) {
	c := &Child{streams: s, gone: make(chan struct{})}
	c.Files = [3]*os.File{s.config.Stdin, s.config.Stdout, s.config.Stderr}
	for i, o := range s.outputs {
		src, end, err := c.connect(o, i == 0 && s.terminal.relay)
		if err != nil {
			c.Abort()
			return nil, err
		}
		c.ends = append(c.ends, end)
		c.pumps = append(c.pumps, &Pump{Src: src, Dst: o.sink(c.Session), Matcher: s.config.Matcher, Drain: s.config.Drain})
		for _, fd := range o.fds {
			c.Files[fd] = end
		}
	}
	return c, nil
}

// connect makes the pseudo-terminal or pipe for one output.
func (c *Child) connect(o output, relay bool) (src, end *os.File, err error) {
	if o.tty {
		src, end, err = c.pty(o, relay)
		if err == nil {
			return src, end, nil
		}
		c.Fallback = err
	}
	src, end, err = os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("making a pipe for the child's output: %w", err)
	}
	end.Fd() // back to blocking mode: a child does not expect EAGAIN
	return src, end, nil
}

const settleInterval = time.Millisecond

// Beside makes a pipe for a program that runs beside the child: what it writes
// goes to Stderr, masked. The caller closes end when the program has it, and
// calls finish, once, when the program is gone. Without Stderr end is nil.
func (s *Streams) Beside() (end *os.File, finish func() error, err error) {
	i := slices.IndexFunc(s.outputs, func(o output) bool { return slices.Contains(o.fds, 2) })
	if i < 0 {
		return nil, func() error { return nil }, nil
	}
	src, end, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("making a pipe: %w", err)
	}
	end.Fd() // back to blocking mode
	pump := &Pump{Src: src, Dst: s.Log(s.outputs[i].sink(false)), Matcher: s.config.Matcher, Drain: s.config.Drain}
	gone, result := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := pump.Run(gone)
		result <- err
	}()
	return end, func() error { close(gone); return <-result }, nil
}

// Abort takes back a child that was not started.
func (c *Child) Abort() {
	for _, f := range c.ends {
		_ = f.Close()
	}
	for _, p := range c.pumps {
		_ = p.Src.Close()
	}
}

// Started begins the copying. pid is the child's.
func (c *Child) Started(pid int) {
	for _, f := range c.ends {
		_ = f.Close() // only the child holds them now, so that its end is the end of the output
	}
	if c.relay != nil {
		c.relay.start(pid) // raw mode first: the child's terminal has made CR LF of its newlines
	}
	c.errs = make([]error, len(c.pumps))
	for i, p := range c.pumps {
		c.running.Go(func() { _, c.errs[i] = p.Run(c.gone) })
	}
}

// Terminal reports whether an output of the child is a pseudo-terminal of ours,
// whose size Resize keeps up to date.
func (c *Child) Terminal() bool { return len(c.masters) > 0 }

// Settle waits until what the child has written is out, also what is held back;
// at most for limit. It is for a child that has been stopped, before we stop as
// well: it is not to look as if it had said less.
func (c *Child) Settle(limit time.Duration) {
	end := time.Now().Add(limit)
	settled := make(chan struct{})
	c.running.Go(func() {
		defer close(settled)
		for _, p := range c.pumps {
			// Twice: a pump that has just read does not look busy yet.
			for times := 0; times < 2 && time.Now().Before(end); time.Sleep(settleInterval) {
				if p.settled() {
					times++
				}
			}
		}
	})
	select {
	case <-settled:
	case <-time.After(limit):
	}
}

// Abandon gives the terminal back without waiting for output that nobody takes.
// It may be called while Wait is under way.
func (c *Child) Abandon() {
	if c.relay != nil {
		c.relay.restore()
	}
}

// Wait is called when the child is gone. It copies what is left, gives the terminal back as it was found, and returns the
// first error of each destination (syscall.EPIPE if its reader has gone).
func (c *Child) Wait() error {
	if c.relay != nil {
		c.relay.stop() // what is typed from here on is for the shell
	}
	close(c.gone)
	c.running.Wait()
	if c.relay != nil {
		c.relay.restore()
	}
	return errors.Join(c.errs...)
}
