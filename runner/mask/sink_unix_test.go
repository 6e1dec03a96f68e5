//go:build linux || darwin

package mask_test

import (
	"bytes"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"infuse/fetch/secret"
	"infuse/runner/mask"
)

// TestSharedDestinationBecomesNonBlocking: a program beside us, node for one, sets O_NONBLOCK on a pipe that we share.
func TestSharedDestinationBecomesNonBlocking(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fd := int(w.Fd()) // blocking from here on
	streams, err := mask.Open(mask.Config{Stdout: w, Matcher: mask.New([]secret.Value{secret.New(hidden)})})
	if err != nil {
		t.Fatal(err)
	}
	child, err := streams.Child()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	copied, err := syscall.Dup(int(child.Files[1].Fd())) // as the child has it
	if err != nil {
		t.Fatal(err)
	}
	end := os.NewFile(uintptr(copied), "end")
	child.Started(os.Getpid())
	text := strings.Repeat("a line with hunter2hunter2 in it\n", 20_000) // several times what a pipe holds
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(end, text)
		end.Close()
		written <- err
	}()
	var got bytes.Buffer
	read := make(chan error, 1)
	go func() {
		_, err := io.CopyBuffer(&got, struct{ io.Reader }{r}, make([]byte, 512))
		read <- err
	}()
	if err := <-written; err != nil {
		t.Error(err)
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	if err := streams.Close(); err != nil {
		t.Error(err)
	}
	w.Close()
	if err := <-read; err != nil {
		t.Error(err)
	}
	if want := strings.ReplaceAll(text, hidden, "***"); got.String() != want {
		t.Errorf("%d bytes came, want %d", got.Len(), len(want))
	}
}

// TestBeside is an on-change command: its output goes to stderr.
func TestBeside(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	streams, err := mask.Open(mask.Config{Stderr: w, Matcher: mask.New([]secret.Value{secret.New(hidden)})})
	if err != nil {
		t.Fatal(err)
	}
	end, finish, err := streams.Beside()
	if err != nil {
		t.Fatal(err)
	}
	_, werr := io.WriteString(end, "beside: hunter2hunter2, hun")
	for _, err := range []error{werr, end.Close(), finish(), streams.Close(), w.Close()} {
		if err != nil {
			t.Error(err)
		}
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "beside: ***, hun" {
		t.Errorf("%q, %v", got, err)
	}
}
