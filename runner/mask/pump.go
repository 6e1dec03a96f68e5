package mask

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// DefaultDrain is how long a Pump goes on when the child is gone and all of its
// output has been read, but others hold the other end.
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
// pump also ends Drain after the child is gone and there was nothing more to
// read. What the child itself wrote is in the pipe when it goes, and not lost.
type Pump struct {
	Src     Source
	Dst     io.Writer
	Matcher *Matcher
	Drain   time.Duration // 0 is DefaultDrain

	writer atomic.Pointer[Writer]
	busy   atomic.Bool // between a read and the write of it
}

// Run copies until the end and returns how many bytes it read. gone is closed
// when the child is gone. Run closes Src: whoever still writes learns that
// nobody listens (SIGPIPE), which is also what the child gets when the
// destination has failed; the error of the destination is returned then.
func (p *Pump) Run(gone <-chan struct{}) (int64, error) {
	w := NewWriter(p.Dst, p.Matcher)
	p.writer.Store(w)
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
	d := drain{limit: p.limit()}
	buf := make([]byte, chunk/2)
	for {
		if !d.on {
			select {
			case <-gone:
				d.on = true
			default:
			}
		}
		if d.on {
			if err := p.Src.SetReadDeadline(d.deadline(p.Src)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
				return total, ended(err)
			}
		}
		began := time.Now()
		p.busy.Store(false)
		n, err := p.Src.Read(buf)
		p.busy.Store(true)
		took := time.Since(began)
		total += int64(n)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return total, err
			}
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return total, ended(err)
		}
		if d.on && d.over(n, took) {
			return total, nil
		}
	}
}

// settled lets out what is held back, once nothing is left to be read, and
// reports whether that is so.
func (p *Pump) settled() bool {
	ready, known := readable(p.Src)
	w := p.writer.Load()
	if w == nil || p.busy.Load() || ready || !known {
		return false
	}
	_ = w.Flush() // the Pump meets the same error
	return true
}

func (p *Pump) limit() time.Duration {
	if p.Drain <= 0 {
		return DefaultDrain
	}
	return p.Drain
}

// wake ends a Read that began before the child went. The Pump itself sets the
// deadlines of the reads that follow.
func (p *Pump) wake(gone <-chan struct{}) (stop func()) {
	limit := p.limit()
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
	empty  time.Time     // when there was nothing more to read: all of the child's was read by then
	bytes  int           // read since the child went
	quiet  int           // waits in a row that brought nothing
	waited time.Duration // spent in reads since the child went
}

// deadline is that of the next read.
func (d *drain) deadline(src Source) time.Time {
	now := time.Now()
	if d.empty.IsZero() {
		if ready, known := readable(src); known && !ready {
			d.empty = now
		}
	}
	if !d.empty.IsZero() {
		return d.empty.Add(d.limit)
	}
	return now.Add(d.limit / 2)
}

// over takes the result of a read. Where nothing tells whether there is more
// to read, one wait in vain is not enough: on a busy machine the deadline may
// pass before the read has looked. For the same reason the time spent in reads
// may be far more than the limit: it only is to end.
func (d *drain) over(n int, took time.Duration) bool {
	d.bytes += n
	d.waited += took
	d.quiet++
	if n > 0 {
		d.quiet = 0
	}
	if !d.empty.IsZero() {
		return time.Since(d.empty) >= d.limit || d.bytes > pipeLimit
	}
	return d.quiet >= 2 || d.bytes > pipeLimit || d.waited > 20*d.limit
}
