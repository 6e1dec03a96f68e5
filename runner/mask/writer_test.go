package mask

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// sink collects what comes out, and can be slow or broken.
type sink struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	err  error
	gate chan struct{} // if not nil, a write waits for it
}

func (s *sink) Write(p []byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	return s.buf.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("Write(%q) = %d, %v", text, n, err)
	}
}

// TestPause holds an undecided beginning back for 100 ms of silence, and no
// longer; silence is counted from the last write.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		w := NewWriter(out, New(values("hunter2hunter2")))
		expect := func(want string) {
			t.Helper()
			synctest.Wait()
			if got := out.String(); got != want {
				t.Fatalf("out is %q, want %q", got, want)
			}
		}
		write(t, w, "name: hu")
		expect("name: ")
		time.Sleep(holdback - time.Nanosecond)
		expect("name: ")
		write(t, w, "nt")
		time.Sleep(holdback - time.Nanosecond)
		expect("name: ")
		time.Sleep(time.Nanosecond)
		expect("name: hunt")
		time.Sleep(time.Hour)
		write(t, w, "er2hunter2 and ")
		expect("name: hunt*** and ")
		for _, c := range "hunter2hunter2!" {
			write(t, w, string(c))
			time.Sleep(holdback / 2)
		}
		expect("name: hunt*** and ***!")
		write(t, w, "h")
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		expect("name: hunt*** and ***!h")
		write(t, w, "u")
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		expect("name: hunt*** and ***!hu")
		if _, err := w.Write([]byte("x")); !errors.Is(err, ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
		if err := errors.Join(w.Close(), w.Close()); err != nil {
			t.Errorf("Close twice: %v", err)
		}
	})
}

// TestSlowDestination blocks the writer, and the timer, as long as the
// destination does; nothing is lost or reordered.
func TestSlowDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{gate: make(chan struct{})}
		w := NewWriter(out, New(values("hunter2hunter2")))
		var wrote bool
		go func() {
			_, _ = w.Write([]byte("abc hunt"))
			wrote = true
		}()
		synctest.Wait()
		if wrote {
			t.Fatal("Write came back before the destination took the bytes")
		}
		out.gate <- struct{}{}
		synctest.Wait()
		time.Sleep(10 * holdback) // the timer now waits for the destination
		closed := make(chan error)
		go func() { closed <- w.Close() }()
		select {
		case <-closed:
			t.Fatal("Close did not wait for the timer")
		case out.gate <- struct{}{}:
		}
		if err := <-closed; err != nil || out.String() != "abc hunt" {
			t.Fatalf("Close: %v, out %q", err, out.String())
		}
	})
}

// TestBrokenDestination reports the error at once, at every later write, and
// at Close; nothing more is written.
func TestBrokenDestination(t *testing.T) {
	out := &sink{err: syscall.EPIPE}
	w := NewWriter(out, New(values("hunter2hunter2")))
	for range 2 {
		if n, err := w.Write([]byte("abc")); n != 0 || !errors.Is(err, syscall.EPIPE) {
			t.Errorf("Write = %d, %v", n, err)
		}
		out.err = nil
	}
	if err := w.Close(); !errors.Is(err, syscall.EPIPE) || out.String() != "" {
		t.Errorf("Close = %v, out %q", err, out.String())
	}
}

// TestConcurrentWrites keeps every write whole and masked.
func TestConcurrentWrites(t *testing.T) {
	out := &sink{}
	m := New(values("hunter2hunter2"))
	w := NewWriter(out, m)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				write(t, w, "<hunter2hunter2>\n")
				m.Update(values("hunter2hunter2"))
			}
		})
	}
	all.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != string(bytes.Repeat([]byte("<***>\n"), 1600)) {
		t.Errorf("%d bytes came out, beginning with %.60q", len(got), got)
	}
}

// TestLargeWrite is cut into chunks: secrets across their borders are found.
func TestLargeWrite(t *testing.T) {
	text := bytes.Repeat([]byte("x"), 3*chunk)
	copy(text[chunk-5:], "hunter2hunter2")
	copy(text[2*chunk-13:], "hunter2hunter2")
	out := &sink{}
	w := NewWriter(out, New(values("hunter2hunter2")))
	write(t, w, string(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if want := bytes.ReplaceAll(text, []byte("hunter2hunter2"), []byte(mask)); out.String() != string(want) {
		t.Errorf("%d bytes came out, want %d", len(out.String()), len(want))
	}
}
