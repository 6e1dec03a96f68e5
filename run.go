package main

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"infuse/runner"
	"infuse/runner/environ"
)

// runFlags are those of run beside the groups it shares.
type runFlags struct {
	DryRun  bool   `noenv:"" help:"Print what would happen: names, source, winner, size; no value; run nothing." group:"Running"`
	Format  string `enum:"text,json" default:"text" placeholder:"text|json" help:"Of --dry-run." group:"Running"`
	Mode    string `enum:"auto,exec,init" default:"auto" placeholder:"auto|exec|init" help:"exec: become COMMAND. init: stay as a real init. auto: exec, but init as PID 1." group:"Running"`
	Pgroup  string `enum:"auto,own,share" default:"auto" placeholder:"auto|own|share" help:"Process group of COMMAND when infuse stays." group:"Running"`
	Command string `short:"c" noenv:"" placeholder:"STRING" help:"Run STRING through $SHELL -c instead of COMMAND." group:"Running"`

	DrainTimeout duration `default:"2s" placeholder:"2s" help:"What orphans get when the main child of PID 1 leaves." group:"Running"`
	Mask         bool     `help:"Replace secret values of 8 characters or more in the child's output by ***." group:"Running"`
	NotifySocket bool     `help:"Pass systemd's NOTIFY_SOCKET on to COMMAND instead of using it." group:"Running"`

	fileFlags
}

// fileFlags put secrets into files instead of the environment.
type fileFlags struct {
	File    []string `sep:"none" placeholder:"SECRET[=VAR]" help:"Put the value in a sealed memory file and its path in VAR (default SECRET_FILE); repeatable." group:"Files"`
	FileDir string   `placeholder:"DIR" help:"Write every selected secret as DIR/NAME instead of the environment." group:"Files"`
}

// watchFlags say what happens when secrets change.
type watchFlags struct {
	Watch          bool     `negatable:"" help:"Keep checking, and act when the injected environment changed." group:"Watching"`
	WatchInterval  duration `default:"60s" placeholder:"60s" help:"Between two checks; at least 5s, jittered." group:"Watching"`
	WatchEvents    bool     `default:"true" negatable:"" help:"Hear of changes by project events where the server offers them, and poll less (default: on)." group:"Watching"`
	OnChange       string   `default:"restart" placeholder:"ACTION" help:"restart, signal:NAME, exit, exec:COMMAND or none." group:"Watching"`
	StopSignal     string   `default:"TERM" placeholder:"NAME" help:"Asks the child to stop." group:"Watching"`
	StopTimeout    duration `default:"10s" placeholder:"10s" help:"Until KILL." group:"Watching"`
	Splay          duration `default:"0s" placeholder:"0s" help:"Random delay before acting, for fleets." group:"Watching"`
	StatusFile     string   `placeholder:"FILE" help:"Rewrite FILE with age, source, last check, restarts and names." group:"Watching"`
	RollbackWithin duration `default:"0s" placeholder:"0s" help:"A child that dies sooner than this after a change gets the previous environment back." group:"Watching"`
}

// runCommand is `infuse run`.
type runCommand struct {
	readFlags
	environmentFlags
	runFlags
	watchFlags
	staying bool        // as parent
	dir     environ.Dir // of --file-dir
	Args    []string    `arg:"" optional:"" passthrough:"partial" name:"command" help:"The program to run and its arguments."`
}

// run reads like the list in the README: look COMMAND up, resolve the scope,
// name the credential, fetch, compose, execute. Data goes down it once.
func (c *runCommand) run(ctx context.Context, p *program) error {
	argv, err := c.argv(p)
	if err != nil {
		return err
	}
	supervision, err := c.supervision(p) // every flag is judged before any request
	if err != nil {
		return err
	}
	config, err := c.layers(p)
	if err != nil {
		return err
	}
	path, err := c.lookup(argv, config)
	if err != nil {
		return err
	}
	mode, err := runner.Choose(runner.Mode(c.Mode), os.Getpid(), path, c.needsParent())
	if err != nil {
		return usage("run", err)
	}
	if c.staying = mode != runner.ModeExec; c.staying {
		p.termination.Catch()
	}
	config = c.complete(config, path, argv)

	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.Timeout))
	defer cancel()
	read, err := p.read(ctx, &c.readFlags)
	if err != nil {
		return err
	}
	plan, err := composeSnapshot(config, read.snapshot)
	if err != nil {
		return err
	}
	p.warn(read.snapshot.Warnings, plan.Warnings)
	if c.DryRun {
		return c.show(p, plan)
	}
	if path, err = c.lookupAgain(argv, path, plan); err != nil {
		return err
	}
	c.warnFileDir(p)
	p.log.Info("starting", "command", path, "mode", mode, "variables", len(plan.Entries))
	if mode == runner.ModeExec {
		return c.exec(p, read, plan, path, argv)
	}
	return c.supervise(p, read, plan, supervision, path, argv)
}

// argv is COMMAND with its arguments: what stands behind the flags, without the
// one -- that separates them, or -c STRING through the user's shell.
func (c *runCommand) argv(p *program) ([]string, error) {
	args := c.Args
	separated := len(args) > 0 && args[0] == "--"
	if separated {
		args = args[1:]
	}
	switch {
	case c.Command != "" && len(args) > 0:
		return nil, usage("run", errors.New("both -c STRING and COMMAND were given"))
	case c.Command != "":
		return shellArgv(p.getenv("SHELL"), c.Command), nil
	case len(args) == 0:
		return nil, &usageError{hinted(errors.New("no COMMAND to run"), "infuse run -- COMMAND [ARG...]", "`infuse run --help` lists the flags")}
	case args[0] == "":
		return nil, &usageError{hinted(errors.New("COMMAND is the empty string"), "an unset shell variable? infuse run -- COMMAND [ARG...]")}
	}
	if !separated {
		c.warnLateFlags(p, args[1:])
	}
	return args, nil
}

// shellArgv is how -c runs a string, as the official CLI does.
func shellArgv(shell, command string) []string {
	if runtime.GOOS == "windows" {
		return []string{"cmd", "/C", command}
	}
	if shell == "" {
		shell = "sh"
	}
	return []string{shell, "-c", command}
}

// warnLateFlags: a flag of ours behind a COMMAND that came without -- goes to
// COMMAND. Cobra, which the official CLI uses, would have taken it.
func (c *runCommand) warnLateFlags(p *program, args []string) {
	for _, arg := range args {
		if arg == "--" {
			return
		}
		if arg == "-c" && isShell(c.Args[0]) { // infuse run sh -c '...': nobody means ours
			continue
		}
		if p.settings.isFlag(arg) {
			name, _, _ := strings.Cut(arg, "=")
			p.log.Warn(name + " stands behind COMMAND and goes to it; flags of infuse stand before COMMAND")
		}
	}
}

// complete adds what only run has to the layers.
func (c *runCommand) complete(config environ.Config, path string, argv []string) environ.Config {
	config.Args = append([]string{path}, argv...)
	config.Files, config.FileDir = c.File, c.FileDir != ""
	if c.staying && !c.NotifySocket {
		config.Credentials = append(config.Credentials, "NOTIFY_SOCKET") // we speak to systemd: two would contradict each other
	}
	return config
}

// config reads the layers again, while watching.
func (c *runCommand) config(p *program, path string, argv []string) (environ.Config, error) {
	config, err := c.layers(p)
	return c.complete(config, path, argv), err
}

// watchedFiles are the files that layers reads.
func (c *runCommand) watchedFiles() []string { return slices.Concat(c.EnvFile, c.RequireFrom) }

// lookup finds COMMAND before any request, on the PATH that it will have, as
// far as no secret may set it.
func (c *runCommand) lookup(argv []string, config environ.Config) (string, error) {
	config.Require, config.Secrets = nil, nil
	plan, err := environ.Compose(config)
	if err != nil {
		return "", composeHint(err)
	}
	path, err := runner.LookupIn(argv[0], plan.Environ())
	if bare := c.bareOptional(); err != nil && bare != "" && slices.Contains(argv, "--") {
		return "", hinted(err, bare+" takes its value behind =, as in "+bare+"="+argv[0])
	}
	return path, err
}

// bareOptional is a flag that was given without its optional value, which may
// then stand in the place of COMMAND.
func (c *runCommand) bareOptional() string {
	switch {
	case c.PreserveEnv.On && c.PreserveEnv.Value == "":
		return "--preserve-env"
	case c.Cache.On && c.Cache.Value == "":
		return "--cache"
	}
	return ""
}

// lookupAgain repeats the look-up where a secret became the child's PATH.
func (c *runCommand) lookupAgain(argv []string, path string, plan *environ.Plan) (string, error) {
	if entry, ok := plan.Lookup("PATH"); !ok || entry.Layer != environ.Store {
		return path, nil
	}
	return runner.LookupIn(argv[0], plan.Environ())
}

// needsParent reports whether something has to happen after COMMAND started.
func (c *runCommand) needsParent() bool {
	return c.Watch || c.Mask || c.StatusFile != ""
}

// show prints the plan of --dry-run.
func (c *runCommand) show(p *program, plan *environ.Plan) error {
	return showPlan(p.stdout, c.runFlags.Format, plan)
}

// exec becomes COMMAND. Nothing of infuse stays, so everything is given back
// first; it returns only when the kernel refused.
func (c *runCommand) exec(p *program, read *reading, plan *environ.Plan, path string, argv []string) error {
	if c.FileDir != "" {
		p.termination.Catch() // no half of a directory
	}
	env, err := c.deliver(read, plan)
	if err != nil {
		return err
	}
	if err := p.termination.Default(); err != nil { // a signal that came at the last moment
		return err
	}
	return runner.Exec(path, argv, env)
}
