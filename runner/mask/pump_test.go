package mask

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pumping runs a pump over a real pipe, whose writing end it returns.
func pumping(t *testing.T, dst io.Writer, drain time.Duration) (w *os.File, gone chan struct{}, result func() (int64, error)) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	type outcome struct {
		n   int64
		err error
	}
	gone, done := make(chan struct{}), make(chan outcome, 1)
	go func() {
		p := &Pump{Src: r, Dst: dst, Matcher: New(values("hunter2hunter2")), Drain: drain}
		n, err := p.Run(gone)
		done <- outcome{n, err}
	}()
	return w, gone, func() (int64, error) {
		t.Helper()
		select {
		case o := <-done:
			return o.n, o.err
		case <-time.After(time.Minute):
			t.Fatal("the pump does not end")
			return 0, nil
		}
	}
}

func TestPumpToTheEnd(t *testing.T) {
	out := &sink{}
	w, _, result := pumping(t, out, 0)
	write(t, w, "a hunter2")
	write(t, w, "hunter2 b hunter2")
	_ = w.Close()
	n, err := result()
	if n != 26 || err != nil || out.String() != "a *** b hunter2" {
		t.Errorf("%d, %v, %q", n, err, out.String())
	}
}

// TestPumpBackground: somebody holds the pipe, but the child is gone.
func TestPumpBackground(t *testing.T) {
	out := &sink{}
	w, gone, result := pumping(t, out, 20*time.Millisecond)
	text := strings.Repeat("hunter2hunter2 ", 4000) // about what a pipe holds
	write(t, w, text)
	close(gone)
	n, err := result()
	if n != int64(len(text)) || err != nil || out.String() != strings.Repeat("*** ", 4000) {
		t.Errorf("%d of %d, %v", n, len(text), err)
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing after the end: %v", err)
	}
}

// TestPumpGoneWhileBlocked: the destination is slow; what the child wrote
// before it went is not lost by the limit.
func TestPumpGoneWhileBlocked(t *testing.T) {
	out := &sink{gate: make(chan struct{})}
	w, gone, result := pumping(t, out, 2*time.Millisecond)
	write(t, w, strings.Repeat("x", 50_000))
	out.gate <- struct{}{} // the pump is in the middle of it
	close(gone)
	time.AfterFunc(50*time.Millisecond, func() { close(out.gate) })
	n, err := result()
	if n != 50_000 || err != nil || len(out.String()) != 50_000 {
		t.Errorf("%d, %v, %d bytes came out", n, err, len(out.String()))
	}
}

// TestPumpFirehose: a background process that never pauses does not keep us.
func TestPumpFirehose(t *testing.T) {
	out := &sink{}
	w, gone, result := pumping(t, out, time.Hour)
	stopped := make(chan error)
	go func() {
		for {
			if _, err := w.Write(bytes.Repeat([]byte("y"), 4096)); err != nil {
				stopped <- err
				return
			}
		}
	}()
	close(gone)
	if n, err := result(); n < pipeLimit || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if err := <-stopped; !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the background process got %v", err)
	}
}

// TestPumpBroken: the reader of our output has gone; the child learns it.
func TestPumpBroken(t *testing.T) {
	r, dst, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	defer func() { _ = dst.Close() }()
	w, _, result := pumping(t, dst, 0)
	write(t, w, "x")
	if _, err := result(); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the pump ended with %v", err)
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("the child got %v", err)
	}
}
