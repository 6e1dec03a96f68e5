//go:build !linux && !darwin

package mask

import (
	"errors"
	"io"
	"os"

	"golang.org/x/term"
)

// This system has no pseudo-terminals that we know how to make: the child
// gets pipes.

type (
	terminal struct{ relay bool }
	master   struct{}
	relay    struct{}
)

func (s *Streams) inspect() terminal { return terminal{} }

func (c *Child) pty(output, bool) (src, end *os.File, err error) {
	return nil, nil, errors.ErrUnsupported
}

func (r *relay) start(int) {}
func (r *relay) stop()     {}
func (r *relay) restore()  {}

// Resize does nothing here.
func (c *Child) Resize() {}

// Suspend does nothing here.
func (c *Child) Suspend() {}

// Resume does nothing here.
func (c *Child) Resume() {}

// Suspended never reports anything here.
func (c *Child) Suspended() <-chan struct{} { return nil }

// Interrupted never reports anything here.
func (c *Child) Interrupted() <-chan struct{} { return nil }

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// sameFile never says yes: handles of one console are not comparable, and
// the child's two streams stay apart.
func sameFile(a, b *os.File) bool { return false }

// duplicate returns f itself: a broken pipe is an ordinary error here.
func duplicate(f *os.File) (dst *os.File, owned bool, err error) { return f, false, nil }

func (o *output) sink(bool) io.Writer { return o.dst }

// readable does not know.
func readable(Source) (ready, known bool) { return false, false }
