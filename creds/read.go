package creds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"infuse/fetch/secret"
)

// maxFile bounds a credential file, standard input and a process's output.
const maxFile = 1 << 20

// source is a secret that stands in a variable, a file or on standard input,
// and can be read again if it is a regular file.
type source struct {
	what  string       // how it was named: --token-file, INFISICAL_TOKEN_FILE
	value secret.Value // of a variable or flag
	path  string       // of a file
}

func (s source) given() bool { return !s.value.Empty() || s.path != "" }

// watched is the file to watch, if there is one that can change.
func (s source) watched() []string {
	if s.rereadable() {
		return []string{s.path}
	}
	return nil
}

// rereadable tells a regular file (also behind a symbolic link) from a pipe
// such as a shell's process substitution, which can be read only once.
func (s source) rereadable() bool {
	if s.path == "" || s.path == "-" {
		return false
	}
	info, err := os.Stat(s.path)
	return err == nil && info.Mode().IsRegular()
}

// read returns the secret without one trailing newline.
func (s source) read(stdin io.Reader) (secret.Value, error) {
	var (
		v   secret.Value
		err error
	)
	switch s.path {
	case "":
		v = s.value
	case "-":
		v, err = readAll(stdin)
	default:
		v, err = readFile(s.path)
	}
	if err != nil {
		return secret.Value{}, fmt.Errorf("%s: %w", s.what, err)
	}
	if v.Empty() {
		return secret.Value{}, fmt.Errorf("%s: it is empty", s.what)
	}
	return v, nil
}

// readWithin is read for what a user named, which may be a pipe or a terminal
// that never ends: it is waited for as long as ctx lasts. A read that hangs
// cannot be taken back; its goroutine ends with the process, which has nothing
// more to do then.
func (s source) readWithin(ctx context.Context, stdin io.Reader) (secret.Value, error) {
	if s.path == "" || s.rereadable() {
		return s.read(stdin)
	}
	type result struct {
		v   secret.Value
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := s.read(stdin)
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return secret.Value{}, &timeoutError{s.what + ": reading " + s.path + " did not end"}
		}
		return secret.Value{}, context.Cause(ctx)
	}
}

func readFile(path string) (secret.Value, error) {
	f, err := os.Open(path)
	if err != nil {
		return secret.Value{}, fileError(path, err)
	}
	defer f.Close()
	v, err := readAll(f)
	if err != nil {
		return secret.Value{}, fileError(path, err)
	}
	return v, nil
}

func readAll(r io.Reader) (secret.Value, error) {
	if r == nil {
		return secret.New(""), nil
	}
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return secret.Value{}, err
	}
	if len(b) > maxFile {
		return secret.Value{}, fmt.Errorf("larger than %d bytes", maxFile)
	}
	s := strings.TrimSuffix(string(b), "\n")
	s = strings.TrimSuffix(s, "\r")
	return secret.New(s), nil
}

// fileError words a file system error with the path once.
func fileError(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return fmt.Errorf("reading %s: %w", path, err)
}
