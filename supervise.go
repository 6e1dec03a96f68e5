package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kballard/go-shellquote"

	"infuse/runner"
	"infuse/runner/environ"
	"infuse/watch"
)

// supervision is what the flags about staying as parent mean, judged before
// anything starts.
type supervision struct {
	action     runner.Action
	signal     syscall.Signal // of the action signal
	command    []string       // of the action exec
	stopSignal syscall.Signal
}

func (c *runCommand) supervision(p *program) (supervision, error) {
	var s supervision
	var err error
	if interval := time.Duration(c.WatchInterval); interval < watch.MinimumInterval {
		return s, usage("run", fmt.Errorf("--watch-interval %s is too short: at least %s, for the server's rate limit", interval, watch.MinimumInterval))
	}
	if s.stopSignal, err = runner.ParseSignal(c.StopSignal); err != nil {
		return s, usage("run", fmt.Errorf("--stop-signal: %w", err))
	}
	action, detail, _ := strings.Cut(c.OnChange, ":")
	switch action {
	case "restart", "exit", "none":
		s.action = runner.Action(action)
		if detail != "" {
			err = fmt.Errorf("%s takes nothing behind a colon", action)
		}
	case "signal":
		s.action = runner.ActionSignal
		s.signal, err = runner.ParseSignal(detail)
		if err == nil && runtime.GOOS == "windows" {
			err = errors.New("there are no signals on Windows")
		}
	case "exec":
		s.action = runner.ActionExec
		if s.command, err = helperCommand(p, detail); err != nil {
			err = fmt.Errorf("exec: %w", err)
		}
	default:
		err = fmt.Errorf("%q is not restart, signal:NAME, exit, exec:COMMAND or none", c.OnChange)
	}
	if err != nil {
		return s, usage("run", fmt.Errorf("--on-change: %w", err))
	}
	if s.action == runner.ActionSignal && c.Watch && c.FileDir == "" {
		p.log.Warn("--on-change signal: the environment of a running process cannot change; --file-dir gives it files to read again")
	}
	return s, nil
}

// helperCommand splits and finds a command that runs after a change, so that a
// wrong one is refused before anything starts.
func helperCommand(p *program, command string) ([]string, error) {
	argv, err := shellquote.Split(command)
	if err != nil || len(argv) == 0 {
		return nil, errors.New("wants a command, quoted as in a shell; no shell runs it")
	}
	path, err := runner.LookupIn(argv[0], p.environ)
	if err != nil {
		return nil, errors.New(err.Error()) // its status would be that of COMMAND
	}
	return append([]string{path}, argv[1:]...), nil
}

// supervise stays as COMMAND's parent: as init, or to act when secrets change.
func (c *runCommand) supervise(p *program, read *reading, plan *environ.Plan, s supervision, path string, argv []string) error {
	first, err := c.delivery(read, plan)
	if err != nil {
		return err
	}
	masking, err := c.openMasking(p, read, plan, s.action, first.stdin)
	if err != nil {
		return fmt.Errorf("--mask: %w", err)
	}
	defer masking.close()
	stderr := p.stderr
	if file, ok := stderr.(*os.File); ok {
		p.stderr = masking.messages(runner.QuietWriter(file)) // a background write must not stop us (tostop)
		defer func() { p.stderr = stderr }()
	}
	log, err := p.newLogger(&c.messageFlags)
	if err != nil {
		return err
	}
	p.log = log
	p.scrub(&c.credentialFlags, c.Set)
	if c.Watch && isInteractiveShell(argv) && s.stopSignal == syscall.SIGTERM {
		p.log.Warn("an interactive shell ignores TERM: --stop-signal HUP ends it at a restart", "command", argv[0])
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	board := newBoard(p, c.StatusFile, c.notifier(p), read, plan)
	changes := make(chan runner.Change)
	var loops sync.WaitGroup
	if c.Watch {
		loop := &watchLoop{
			p: p, read: read, flags: &c.readFlags,
			layers: func() (environ.Config, error) { return c.config(p, path, argv) },
			files:  c.watchedFiles(), interval: time.Duration(c.WatchInterval), timeout: time.Duration(c.Timeout),
			events: c.WatchEvents, agreed: plan, act: c.hand(p, read, s, changes, board, masking), observe: board.checked,
		}
		loops.Go(func() { loop.run(ctx) })
	}
	status, err := runner.Supervise(ctx, runner.Config{
		Path: path, Argv: argv, Env: first.Env, Files: first.Files,
		Mode:       runner.Mode(c.Mode),
		Group:      runner.Group(c.Pgroup),
		StopSignal: s.stopSignal, StopTimeout: time.Duration(c.StopTimeout),
		DrainTimeout: time.Duration(c.DrainTimeout), RollbackWithin: time.Duration(c.RollbackWithin),
		Changes: changes,
		Stdin:   first.stdin,
		Streams: masking.child(),
		Release: p.termination.Release,
		Helpers: &p.helpers,
		Log:     p.log,
		Observe: board.observe,
	})
	cancel()
	loops.Wait()
	board.close()
	if err != nil {
		return err
	}
	if status.Signal != 0 {
		runner.Raise(status.Signal) // returns as PID 1
	}
	return exitStatus(status.ExitCode())
}

func isShell(command string) bool {
	return slices.Contains([]string{"sh", "bash", "dash", "zsh", "fish", "ksh"}, filepath.Base(command))
}

func isInteractiveShell(argv []string) bool {
	return isShell(argv[0]) && !slices.ContainsFunc(argv[1:], func(a string) bool { return !strings.HasPrefix(a, "-") || a == "-c" })
}

// notifier speaks to systemd (sd_notify(3)), unless COMMAND is to do that itself.
func (c *runCommand) notifier(p *program) *runner.Notifier {
	socket := p.getenv("NOTIFY_SOCKET")
	if c.NotifySocket || socket == "" {
		return nil
	}
	notifier, err := runner.NewNotifier(socket)
	if err != nil {
		p.log.Warn("systemd will not hear of us", "reason", err)
		return nil
	}
	return notifier
}

// hand gives a new plan to the runner.
func (c *runCommand) hand(p *program, read *reading, s supervision, changes chan<- runner.Change, board *board, masking *masking) func(context.Context, *environ.Plan, string) error {
	return func(ctx context.Context, plan *environ.Plan, text string) error {
		masking.update(plan)
		next, err := c.delivery(read, plan)
		if err != nil {
			return err
		}
		p.log.Warn(text)
		board.delivered(plan)
		change := runner.Change{
			Action: s.action, Env: next.Env, Files: next.Files, Signal: s.signal, Command: s.command, Reason: text,
		}
		if c.Splay > 0 {
			change.Splay = rand.N(time.Duration(c.Splay))
		}
		select {
		case changes <- change:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
