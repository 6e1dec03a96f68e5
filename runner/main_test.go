//go:build linux

package runner

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"infuse/fetch/secret"
	"infuse/runner/mask"
)

// TestMain makes the test binary its own cast: the first argument names a role, and without one the tests run.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if os.Args[1] == ShimArg {
			failRole(Shim(os.Args, os.Environ()))
		}
		if role, ok := roles[os.Args[1]]; ok {
			role(os.Args[2:])
			os.Exit(0)
		}
	}
	// The race detector lets each process sleep for a second when it ends (atexit_sleep_ms), and these tests end hundreds.
	os.Setenv("GORACE", strings.TrimSpace("atexit_sleep_ms=0 "+os.Getenv("GORACE")))
	defaultSignals()
	os.Exit(m.Run())
}

// defaultSignals gives the processes of the tests the default actions of what whoever started the tests ignores, such as a
// shell's `&` (INT) or nohup (HUP). A handler becomes the default action in a child; and Go keeps these six ignored only.
func defaultSignals() {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGCONT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

// roles are the programs of the tests.
var roles = map[string]func(args []string){
	"@exec":      roleExec,
	"@supervise": roleSupervise,
	"@probe":     roleProbe,
	"@name":      roleName,
	"@flags":     roleFlags,
	"@fds":       roleFds,
	"@scrub":     roleScrub,
	"@orphans":   roleOrphans,
	"@threads":   roleThreads,
	"@schedules": roleSchedules,
	"@burst":     roleBurst,
	"@status":    roleStatus,
}

// failRole ends the way package main does.
func failRole(err error) {
	fmt.Fprintln(QuietWriter(os.Stderr), "infuse:", err)
	if t, ok := errors.AsType[Terminated](err); ok {
		Raise(t.Signal)
		os.Exit(128 + int(t.Signal))
	}
	if e, ok := errors.AsType[*StartError](err); ok {
		os.Exit(e.Status)
	}
	os.Exit(125)
}

// roleExec is `infuse run --` without watching.
func roleExec(args []string) {
	flags := flag.NewFlagSet("exec", flag.ExitOnError)
	mode := flags.String("mode", "auto", "")
	hang := flags.String("hang", "", "write this file, then wait for a signal")
	harden := flags.Bool("harden", true, "")
	file := flags.String("file", "", "NAME=CONTENT as a sealed file")
	catch := flags.Bool("catch", false, "catch signals, as who has something to tidy up does")
	say := flags.Bool("say", false, "say when the signals are in place")
	_ = flags.Parse(args)
	argv := flags.Args()
	termination := NewTermination(context.Background())
	if *catch {
		termination.Catch()
	}
	if *say {
		fmt.Println("on its way")
	}
	if *harden {
		_ = Harden()
	}
	if *hang != "" {
		ctx := termination.Context()
		_ = os.WriteFile(*hang, nil, 0o600)
		<-ctx.Done()
		failRole(context.Cause(ctx))
	}
	env := os.Environ()
	path, err := LookupIn(argv[0], env)
	if err != nil {
		failRole(err)
	}
	chosen, err := Choose(Mode(*mode), os.Getpid(), path, false)
	if err != nil {
		failRole(err)
	}
	if chosen != ModeExec {
		termination.Catch()
		finish(Supervise(context.Background(), Config{Path: path, Argv: argv, Env: env, Mode: chosen, Release: termination.Release}))
	}
	if name, content, ok := strings.Cut(*file, "="); ok {
		f, err := SealedFile(name, []byte(content))
		if err != nil {
			failRole(err)
		}
		p, err := PathForExec(f)
		if err != nil {
			failRole(err)
		}
		env = withVariable(env, name, p)
	}
	if err := termination.Default(); err != nil {
		failRole(err)
	}
	failRole(Exec(path, argv, env))
}

func finish(st Status, err error) {
	if err != nil {
		failRole(err)
	}
	if st.Signal != 0 {
		Raise(st.Signal)
	}
	os.Exit(st.ExitCode())
}

// roleSupervise is `infuse run --watch --`. It takes its changes from a FIFO, one a line ("restart", "signal HUP", "exit",
// "cancel", "exec COMMAND ARGS", each with key=value options before it), and writes its events to a file. Each change sets
// GEN to a new number.
func roleSupervise(args []string) {
	flags := flag.NewFlagSet("supervise", flag.ExitOnError)
	var cfg Config
	flags.StringVar((*string)(&cfg.Mode), "mode", "supervise", "")
	flags.StringVar((*string)(&cfg.Group), "group", "auto", "")
	stopSignal := flags.String("stop-signal", "TERM", "")
	flags.DurationVar(&cfg.StopTimeout, "stop-timeout", 0, "")
	flags.DurationVar(&cfg.DrainTimeout, "drain-timeout", 0, "")
	flags.DurationVar(&cfg.RollbackWithin, "rollback-within", 0, "")
	flags.DurationVar(&cfg.MinGap, "min-gap", 0, "")
	flags.DurationVar(&cfg.MaxGap, "max-gap", 0, "")
	flags.DurationVar(&cfg.Healthy, "healthy", 0, "")
	control := flags.String("control", "", "FIFO with changes")
	events := flags.String("events", "", "file for events")
	file := flags.String("file", "", "NAME=CONTENT as a sealed file")
	verbose := flags.Bool("v", false, "")
	cancelOn := flags.String("cancel-on", "", "end the context when this file is there")
	spin := flags.Bool("spin", false, "keep the processors busy")
	helpers := flags.Int("helpers", 0, "run so many helpers by os/exec and check their status")
	registered := flags.Bool("registered", false, "run them through Helpers")
	leave := flags.String("leave", "", "run a helper that leaves a process behind, which writes its number to this file")
	watchdog := flags.Bool("name-us", false, "set LISTEN_PID and WATCHDOG_PID to our own process id")
	masked := flags.String("mask", "", "mask this value in the output")
	linger := flags.String("linger", "", "at the end write what is left of us to this file")
	_ = flags.Parse(args)
	cfg.Argv = flags.Args()
	before := goroutineNames()

	_ = Harden()
	termination := NewTermination(context.Background())
	termination.Catch()
	cfg.Release = termination.Release
	var err error
	if cfg.StopSignal, err = ParseSignal(*stopSignal); err != nil {
		failRole(err)
	}
	if *verbose {
		cfg.Log = slog.New(slog.NewTextHandler(QuietWriter(os.Stderr), nil))
	}
	base := os.Environ()
	if *watchdog {
		pid := fmt.Sprint(os.Getpid())
		base = withVariable(withVariable(base, "LISTEN_PID", pid), "WATCHDOG_PID", pid)
	}
	cfg.Env = withVariable(base, "GEN", "0")
	if cfg.Path, err = LookupIn(cfg.Argv[0], cfg.Env); err != nil {
		failRole(err)
	}
	sealed := func(gen int) []File {
		name, content, ok := strings.Cut(*file, "=")
		if !ok {
			return nil
		}
		f, err := SealedFile(name, fmt.Appendf(nil, "%s %d", content, gen))
		if err != nil {
			failRole(err)
		}
		return []File{{Variable: name, File: f}}
	}
	cfg.Files = sealed(0)
	quit := make(chan struct{})
	var feed chan struct{}
	if *control != "" {
		changes := make(chan Change)
		cfg.Changes = changes
		feed = make(chan struct{})
		go func() {
			defer close(feed)
			feedChanges(*control, *events, base, sealed, changes, quit)
		}()
	}
	if *events != "" {
		out, err := os.OpenFile(*events, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			failRole(err)
		}
		encoder := json.NewEncoder(out)
		cfg.Observe = func(e Event) {
			_ = encoder.Encode(eventLine{
				Kind: string(e.Kind), At: e.Time, PID: e.PID, Code: e.Status.Code, Signal: int(e.Status.Signal), Restarts: e.Restarts,
				Reason: e.Reason, Failed: e.Err != nil,
			})
		}
	}
	if *leave != "" { // a helper whose own child outlives it
		observe := cfg.Observe
		cfg.Observe = func(e Event) {
			observe(e)
			if e.Kind == EventStarted {
				go func() {
					if err := cfg.Helpers.Run(exec.Command("/bin/sh", "-c", `(sh -c 'echo $$ >"$0"; sleep 0.1' "$0" &)`, *leave)); err != nil {
						failRole(err)
					}
				}()
			}
		}
	}
	if *spin {
		for range 3 {
			go func() {
				for i := 0; ; i++ {
					_ = fmt.Sprint(i)
				}
			}()
		}
	}
	var streams *mask.Streams
	if *masked != "" {
		streams, err = mask.Open(mask.Config{
			Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Matcher: mask.New([]secret.Value{secret.New(*masked)}),
			Share: cfg.Group == GroupShare,
		})
		if err != nil {
			failRole(err)
		}
		cfg.Streams = streams
		if *verbose {
			cfg.Log = slog.New(slog.NewTextHandler(streams.Log(QuietWriter(os.Stderr)), nil))
		}
	}
	if *registered {
		cfg.Helpers = &Helpers{}
	}
	runContext, cancel := context.WithCancelCause(context.Background())
	if *cancelOn != "" {
		go func() {
			for {
				if _, err := os.Stat(*cancelOn); err == nil {
					cancel(errors.New("the file is there"))
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
	}
	wait := runHelpers(*helpers, cfg.Helpers)
	st, err := Supervise(runContext, cfg)
	wait()
	if streams != nil {
		if err := streams.Close(); err != nil {
			failRole(err)
		}
	}
	if *linger != "" {
		close(quit)
		if feed != nil {
			<-feed
		}
		_ = os.WriteFile(*linger, []byte(leftBehind(before)), 0o600)
	}
	finish(st, err)
}

type eventLine struct {
	Kind     string
	At       time.Time
	PID      int
	Code     int
	Signal   int
	Restarts int
	Reason   string
	Failed   bool
}

// eventTaken is written when the supervisor has a change: the channel has no buffer, and what comes later is later for it.
const eventTaken EventKind = "taken"

func feedChanges(fifo, events string, base []string, sealed func(int) []File, changes chan<- Change, quit <-chan struct{}) {
	f, err := os.OpenFile(fifo, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		failRole(err)
	}
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		<-quit
		f.Close()
	}()
	defer func() { <-stop }()
	lines := bufio.NewReader(f)
	for gen := 1; ; gen++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				failRole(err)
			}
			return
		}
		c := Change{Env: withVariable(base, "GEN", fmt.Sprint(gen)), Reason: "change " + fmt.Sprint(gen)}
		words := strings.Fields(line)
		for len(words) > 0 && strings.Contains(words[0], "=") {
			key, value, _ := strings.Cut(words[0], "=")
			if key == "splay" {
				c.Splay, _ = time.ParseDuration(value)
			} else {
				c.Env = withVariable(c.Env, key, value)
			}
			words = words[1:]
		}
		c.Action = Action(words[0])
		switch c.Action {
		case ActionSignal:
			c.Signal, err = ParseSignal(words[1])
		case ActionExec:
			c.Command = words[1:]
		case ActionRestart:
			c.Files = sealed(gen)
		}
		if err != nil {
			failRole(err)
		}
		select {
		case changes <- c:
		case <-quit:
			return
		}
		if events != "" {
			out, err := os.OpenFile(events, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
			if err != nil {
				failRole(err)
			}
			_ = json.NewEncoder(out).Encode(eventLine{Kind: string(eventTaken), Reason: c.Reason})
			_ = out.Close()
		}
	}
}
