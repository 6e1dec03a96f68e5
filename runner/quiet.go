package runner

import (
	"io"
	"os"
)

// QuietWriter writes to a terminal even where it is set to stop background processes that do (stty tostop): while the
// child has the terminal, we are one. Everything the parent writes to its stderr should go through it.
func QuietWriter(f *os.File) io.Writer { return quietWriter{f} }

type quietWriter struct{ f *os.File }

func (w quietWriter) Write(p []byte) (n int, err error) {
	quietly(func() { n, err = w.f.Write(p) })
	return n, err
}
