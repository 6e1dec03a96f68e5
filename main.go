// Command infuse starts a program with its team's Infisical secrets in its
// environment:
//
//	infuse run -- npm start
//
// It resolves a credential, fetches the secrets of one project and
// environment, and replaces itself with the program; or stays as its parent
// where that is needed (PID 1, --watch, --mask).
//
// This file is the entry: the only os.Exit, os.Args, os.Environ and standard
// streams. Each command has a file of its own; flags.go and grammar.go have the
// command line, settings.go the layers below it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"infuse/creds/vault"
	"infuse/runner"
)

// version is stamped by the Makefile (-X main.version=...).
var version = "(devel)"

func main() {
	if len(os.Args) > 1 && os.Args[1] == runner.ShimArg { // the second half of a spawn
		err := runner.Shim(os.Args, os.Environ())
		p := &program{stderr: os.Stderr, args: []string{"run"}, log: newLogger(os.Stderr, slog.LevelWarn, false)}
		os.Exit(p.status(nil, err))
	}
	p := &program{
		args: copied(os.Args[1:]), environ: os.Environ(),
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		now: time.Now,
	}
	silenceLibraries()
	os.Exit(p.main())
}

// copied are arguments of our own: os.Args is what scrub overwrites.
func copied(args []string) []string {
	list := make([]string, len(args))
	for i, arg := range args {
		list[i] = strings.Clone(arg)
	}
	return list
}

// silenceLibraries: net/http quotes on the standard logger what a server sent
// unasked. Every word of ours goes through program.log.
func silenceLibraries() { log.SetOutput(io.Discard) }

// program is the process as the commands see it: what the kernel handed over.
type program struct {
	args    []string
	environ []string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	now     func() time.Time
	keyring vault.Keyring // nil: the system's
	journal io.Writer     // nil: none; else every message goes there too, at any level: a test looks for secrets in it

	log      *logger
	said     map[string]bool // see warnOnce
	waits    atomic.Int32    // how often a request was tried again
	json     bool            // the form of its messages
	settings *settings
	project  *projectFile   // nil: there is no .infisical.json
	helpers  runner.Helpers // processes beside COMMAND that are not its tree

	termination *runner.Termination // nil, in a test: signals are none of its business
}

// getenv looks a variable up in the environment infuse was started with. Of a
// doubled name the first counts, as in getenv(3).
func (p *program) getenv(name string) string {
	for _, entry := range p.environ {
		if rest, ok := strings.CutPrefix(entry, name); ok && strings.HasPrefix(rest, "=") {
			return rest[1:]
		}
	}
	return ""
}

// main runs the command line and returns the exit status.
func (p *program) main() int {
	p.log = newLogger(p.stderr, slog.LevelWarn, false)
	if err := runner.Harden(); err != nil {
		p.log.Debug("core dumps stay on", "reason", err)
	}
	p.termination = runner.NewTermination(context.Background())
	c, err := parse(p)
	if err == nil {
		if _, ok := c.(*runCommand); !ok { // run decides later: what becomes COMMAND seldom has to tidy up
			p.termination.Catch()
		}
		err = p.runUntilSignalled(p.termination.Context(), c)
	}
	if terminated := p.termination.Release(); terminated != nil && !errors.As(err, new(exitStatus)) {
		err = terminated
	}
	return p.status(c, err)
}

// parting is what a command gets to come to an end after a signal.
const parting = 3 * time.Second

// runUntilSignalled is c.run, except that a signal ends it in any case: a read
// from a pipe that nobody writes to has no way to hear of it. A command that has
// given the signals back, or its parent's part to play, is not ended here.
func (p *program) runUntilSignalled(ctx context.Context, c command) error {
	done := make(chan error, 1)
	go func() { done <- c.run(ctx, p) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(parting):
		return context.Cause(ctx)
	}
}

// status reports err, once, and says what infuse exits with.
func (p *program) status(c command, err error) int {
	_, running := c.(*runCommand)
	running = running || len(p.args) > 0 && p.args[0] == "run"
	if exit, ok := errors.AsType[exitStatus](err); ok {
		return int(exit)
	}
	if terminated, ok := errors.AsType[runner.Terminated](err); ok {
		runner.Raise(terminated.Signal) // returns as PID 1, and where a process cannot die of it
		return 128 + int(terminated.Signal)
	}
	if err == nil || errors.Is(err, errDone) {
		return 0
	}
	p.report(err)
	if start, ok := errors.AsType[*runner.StartError](err); ok {
		return start.Status
	}
	if running {
		return statusRun
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return statusUsage
	}
	if _, ok := c.(*diffCommand); ok {
		return statusTrouble
	}
	return statusFailed
}

// exitStatus is an error that only carries an exit status: everything was said already.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }
