package creds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"time"

	"github.com/kballard/go-shellquote"
)

// splitCommand splits as sh would, quotes and backslashes included, but runs no
// shell: nothing is expanded.
func splitCommand(s string) ([]string, error) {
	argv, err := shellquote.Split(s)
	if err != nil {
		return nil, errors.New("a quote or backslash is left open")
	}
	if len(argv) == 0 || argv[0] == "" {
		return nil, errors.New("no command")
	}
	return argv, nil
}

// runCommand runs argv and returns its standard output. Standard input is
// empty, since it belongs to the program that is started later; a prompt can
// use the terminal. Standard error passes through.
func (in *input) runCommand(ctx context.Context, argv []string) ([]byte, error) {
	limit := in.ProcessTimeout
	if limit <= 0 {
		limit = time.Minute
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTooSlow)
	defer cancel()
	out := &boundedBuffer{stop: cancel}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = in.Environ
	if cmd.Env == nil {
		cmd.Env = []string{}
	}
	cmd.Stdout = out
	cmd.Stderr = in.Stderr
	// A grandchild that keeps the pipe open must not hold us.
	cmd.WaitDelay = time.Second
	gentleCancel(cmd)
	run := in.Run
	if run == nil {
		run = (*exec.Cmd).Run
	}
	err := run(cmd)
	switch {
	case out.full:
		return nil, fmt.Errorf("%s printed more than %d bytes", argv[0], maxFile)
	case context.Cause(ctx) == errTooSlow:
		return nil, fmt.Errorf("%s did not end within %s", argv[0], limit)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, &timeoutError{argv[0] + " did not end"}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return out.kept.Bytes(), nil
	}
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("%s failed: %s", argv[0], e.ProcessState)
	}
	if e, ok := errors.AsType[*exec.Error](err); ok {
		return nil, fmt.Errorf("%s: %w", argv[0], e.Err)
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok { // of fork/exec, which says so
		return nil, fmt.Errorf("%s: %w", argv[0], e.Err)
	}
	return nil, err
}

// timeoutError is a command or an endpoint that took all the time there was for
// the whole start.
type timeoutError struct{ what string }

func (e *timeoutError) Error() string { return e.what + " within the time limit" }
func (e *timeoutError) Timeout() bool { return true }
func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }

var errTooSlow = errors.New("time limit")

// boundedBuffer keeps at most maxFile bytes and stops the writer after that.
// The buffer is not embedded: its ReadFrom would go past the bound.
type boundedBuffer struct {
	kept bytes.Buffer
	full bool
	stop func()
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.kept.Len()+len(p) > maxFile {
		b.full = true
		b.stop()
		return 0, errors.New("too much output")
	}
	return b.kept.Write(p)
}
