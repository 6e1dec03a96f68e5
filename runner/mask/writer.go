package mask

import (
	"errors"
	"io"
	"sync"
	"time"
)

// holdback is how long a pause in the output may be before the beginning of a
// possible secret is let through: a prompt that ends like a secret begins must
// not stay invisible.
const holdback = 100 * time.Millisecond

// chunk bounds what one write works on, and so what it may have to buffer.
const chunk = 64 << 10

// ErrClosed is the answer of a Writer that was closed.
var ErrClosed = errors.New("masking writer is closed")

// Writer masks what is written to it and passes it on, in the goroutine of the
// caller and before Write returns: a slow destination slows the caller down.
// Only the beginning of a possible secret is held back, until it is decided or
// the output has paused for 100 ms. Writer owns the timer for that; Close ends it.
//
// A Writer is safe for concurrent use; the order of the writes is the order of
// the output, and a secret is found across them.
type Writer struct {
	mu      sync.Mutex
	dst     io.Writer
	stream  *stream
	buf     []byte
	timer   *time.Timer
	armed   time.Time      // when the pause began; zero if nobody waits for its end
	pending sync.WaitGroup // the timer, from when it is set until it is stopped or has run
	err     error
	closed  bool
}

// NewWriter returns a Writer that passes to dst what m leaves of its input.
func NewWriter(dst io.Writer, m *Matcher) *Writer {
	return &Writer{dst: dst, stream: newStream(m)}
}

// Write masks p and passes it on. The error is the first one of the
// destination, and stays: output with a hole in it must not go on. It wraps
// syscall.EPIPE where the reader of the destination has gone.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, ErrClosed
	}
	w.stop()
	n := 0
	for len(p) > 0 && w.err == nil {
		part := p[:min(len(p), chunk)]
		w.pass(part)
		if w.err == nil {
			n += len(part)
		}
		p = p[len(part):]
	}
	if w.err == nil && w.stream.open() {
		w.arm()
	}
	return n, w.err
}

// Flush lets through what is held back, as a pause would. The rest of a secret
// that was under way is still masked.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return ErrClosed
	}
	w.stop()
	w.flush()
	return w.err
}

// Close lets through what is held back, waits for the timer and returns the
// first error of the destination. It does not close the destination.
func (w *Writer) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.stop()
		w.flush()
		w.closed = true
	}
	err := w.err
	w.mu.Unlock()
	w.pending.Wait()
	return err
}

// pass sends one chunk. What is clean goes out without a copy.
func (w *Writer) pass(p []byte) {
	clean, out := w.stream.take(w.buf[:0], p)
	if len(out) > 0 && len(clean) > 0 {
		out, clean = append(out, clean...), nil
	}
	w.send(out)
	w.send(clean)
	w.buf = reuse(out)
}

func (w *Writer) flush() {
	if w.stream.open() {
		out := w.stream.release(w.buf[:0])
		w.send(out)
		w.buf = reuse(out)
	}
}

// reuse keeps a buffer for the next write unless one long secret made it huge.
func reuse(buf []byte) []byte {
	if cap(buf) > 4*chunk {
		return nil
	}
	return buf[:0]
}

func (w *Writer) send(p []byte) {
	if w.err != nil || len(p) == 0 {
		return
	}
	n, err := w.dst.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	w.err = err
}

// arm starts the pause, stop ends it. Both need the lock.
func (w *Writer) arm() {
	w.armed = time.Now()
	w.pending.Add(1)
	if w.timer == nil {
		w.timer = time.AfterFunc(holdback, w.expired)
	} else {
		w.timer.Reset(holdback)
	}
}

func (w *Writer) stop() {
	if !w.armed.IsZero() && w.timer.Stop() {
		w.pending.Done()
	}
	w.armed = time.Time{}
}

// expired runs in the goroutine of the timer. It may come late, when a write
// has stopped the timer, or has set it again.
func (w *Writer) expired() {
	defer w.pending.Done()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.armed.IsZero() && time.Since(w.armed) >= holdback {
		w.flush()
		w.armed = time.Time{}
	}
}
