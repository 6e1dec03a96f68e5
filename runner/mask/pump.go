package mask

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// DefaultDrain is how long the output must be quiet, after the child is gone,
// before a Pump gives up waiting for its end.
const DefaultDrain = 250 * time.Millisecond

// pipeLimit is more than a pipe holds (pipe(7): 64 KiB, at most
// /proc/sys/fs/pipe-max-size, 1 MiB). Whatever the child wrote before it went
// is among that many bytes.
const pipeLimit = 1 << 20

// Source is the end of a pipe or pseudo-terminal that is read from: an *os.File.
type Source interface {
	io.ReadCloser
	SetReadDeadline(time.Time) error
}

// Pump copies the output of a child through a Matcher.
//
// It ends where the output ends: when nobody holds the other end any more. A
// process that the child left in the background may hold it for ever, so the
// pump also ends when the child is gone and the output has then been quiet for
// Drain. What the child itself wrote is in the pipe by then and is not lost.
type Pump struct {
	Src     Source
	Dst     io.Writer
	Matcher *Matcher
	Drain   time.Duration // 0 is DefaultDrain
}

// Run copies until the end and returns how many bytes it read. gone is closed
// when the child is gone. Run closes Src: whoever still writes learns that
// nobody listens (SIGPIPE), which is also what the child gets when the
// destination has failed; the error of the destination is returned then.
func (p *Pump) Run(gone <-chan struct{}) (int64, error) {
	w := NewWriter(p.Dst, p.Matcher)
	total, err := p.copy(w, gone)
	if e := p.Src.Close(); err == nil && !errors.Is(e, os.ErrClosed) {
		err = e
	}
	if e := w.Close(); err == nil {
		err = e
	}
	return total, err
}

func (p *Pump) copy(w *Writer, gone <-chan struct{}) (total int64, err error) {
	defer p.wake(gone)()
	d := drain{limit: p.Drain}
	if d.limit <= 0 {
		d.limit = DefaultDrain
	}
	buf := make([]byte, chunk/2)
	for {
		if !d.on {
			select {
			case <-gone:
				d.on = true
			default:
			}
		}
		began := time.Now()
		if d.on {
			if err := p.Src.SetReadDeadline(began.Add(d.limit / 2)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
				return total, ended(err)
			}
		}
		n, err := p.Src.Read(buf)
		total += int64(n)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return total, err
			}
		}
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !late {
			return total, ended(err)
		}
		if d.on && d.over(n, time.Since(began)) {
			return total, nil
		}
	}
}

// wake ends a Read that began before the child went. The Pump itself sets the
// deadlines of the reads that follow.
func (p *Pump) wake(gone <-chan struct{}) (stop func()) {
	limit := p.Drain
	if limit <= 0 {
		limit = DefaultDrain
	}
	over, left := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		select {
		case <-over:
			return
		case <-gone:
		}
		if err := p.Src.SetReadDeadline(time.Now().Add(limit / 2)); err == nil {
			return
		}
		// No deadlines (Windows): closing is what ends a Read there.
		late := time.NewTimer(limit)
		defer late.Stop()
		select {
		case <-over:
		case <-late.C:
			_ = p.Src.Close()
		}
	}()
	return func() { close(over); <-left }
}

// ended tells the ordinary ends of an output from errors. The master of a
// pseudo-terminal reports EIO when the last process has left it (Linux, pts(4)).
func ended(err error) error {
	if err == io.EOF || errors.Is(err, os.ErrClosed) || errors.Is(err, syscall.EIO) {
		return nil
	}
	return err
}

// drain decides when the output of a child that is gone has been read.
type drain struct {
	limit  time.Duration
	on     bool
	quiet  int           // waits for half the limit in a row that brought nothing
	bytes  int           // read since the child went
	waited time.Duration // spent waiting since then
}

// over takes the result of one read. One empty wait is not enough: under load
// the deadline may pass before the read has looked.
func (d *drain) over(n int, took time.Duration) bool {
	d.bytes += n
	if took > time.Millisecond {
		d.waited += took
	}
	if n > 0 {
		d.quiet = 0
	} else {
		d.quiet++
	}
	return d.quiet >= 2 || d.bytes > pipeLimit || d.waited > 4*d.limit
}
