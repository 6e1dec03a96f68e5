package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"infuse/creds"
	"infuse/fetch"
	"infuse/runner/envfile"
	"infuse/runner/environ"
	"infuse/watch"
)

// exportCommand is `infuse export`.
type exportCommand struct {
	readFlags
	environmentFlags
	Format        string   `short:"f" placeholder:"FORMAT" help:"${formats} (default: dotenv)." group:"File"`
	Output        string   `short:"o" aliases:"output-file" placeholder:"FILE" help:"Where to write; - is stdout (default)." group:"File"`
	FileMode      string   `default:"0600" placeholder:"0600" help:"Mode of a new file; an existing one keeps its own." group:"File"`
	Template      string   `placeholder:"FILE" help:"Go text/template over the secrets." group:"File"`
	SecretName    string   `placeholder:"NAME" help:"metadata.name of k8s-secret (default: the file's name, else infuse)." group:"File"`
	Namespace     string   `placeholder:"NAME" help:"metadata.namespace of k8s-secret." group:"File"`
	Watch         bool     `noenv:"" negatable:"" help:"Rewrite FILE when the secrets change." group:"Watching"`
	WatchInterval duration `default:"60s" placeholder:"60s" help:"Between two checks; at least 5s, jittered." group:"Watching"`
	WatchEvents   bool     `default:"true" negatable:"" help:"Hear of changes by project events where the server offers them, and poll less (default: on)." group:"Watching"`
	Exec          string   `placeholder:"COMMAND" help:"Run after FILE was rewritten; split without a shell." group:"Watching"`
}

func (*exportCommand) Help() string {
	return `A value that the format cannot carry is refused by name, with the formats that can, and nothing is written.
A template (Go text/template) sees each secret as .NAME; its functions beside Go's own: ` + strings.Join(envfile.Functions(), ", ") + `,
and the official CLI's secret, listSecrets, listSecretsByProjectSlug and getSecretByName.

Examples:
  infuse export -e dev -o .env
  infuse export --format json | jq -r .DATABASE_URL
  infuse export -o /run/app.env --format systemd --watch \
    --exec 'systemctl try-restart app'
  infuse export --format github-actions    # masked, for the job's next steps
  infuse export --template config.tmpl -o config.yaml`
}

func (c *exportCommand) run(ctx context.Context, p *program) error {
	target, err := c.target()
	if err != nil {
		return err
	}
	helper, err := c.helper(p)
	if err != nil {
		return err
	}
	if _, err := c.config(p); err != nil {
		return err
	}
	start, cancel := context.WithTimeout(ctx, time.Duration(c.Timeout))
	defer cancel()
	read, err := p.read(start, &c.readFlags)
	if err != nil {
		return err
	}
	config, err := c.config(p)
	if err != nil {
		return err
	}
	plan, err := composeSnapshot(config, read.snapshot)
	if err != nil {
		return err
	}
	p.warn(read.snapshot.Warnings, plan.Warnings)
	w := &exporter{c: c, p: p, read: read, target: target}
	changed, err := w.write(start, plan)
	if err != nil || !c.Watch {
		return err
	}
	p.scrub(&c.credentialFlags, c.Set)
	return w.watch(ctx, plan, helper, changed)
}

// target is where the file goes, judged before anything is fetched. It settles
// the flags that have a default by others: the format, and - for /dev/stdout.
func (c *exportCommand) target() (envfile.SaveConfig, error) {
	mode, err := strconv.ParseUint(c.FileMode, 8, 12)
	if slices.Contains([]string{"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}, c.Output) {
		c.Output = "-"
	}
	target := envfile.SaveConfig{Path: c.Output, Mode: os.FileMode(mode)}
	switch {
	case err != nil || mode > 0o777 || mode == 0:
		return target, usage("export", fmt.Errorf("--file-mode: %q is not an octal mode such as 0600", c.FileMode))
	case c.Template != "" && c.Format != "" && c.Format != "template":
		return target, usage("export", errors.New("--template and --format are two formats: keep one"))
	case c.Format == "template" && c.Template == "":
		return target, usage("export", errors.New("--format template wants --template FILE"))
	case c.Watch && (c.Output == "" || c.Output == "-"):
		return target, usage("export", errors.New("--watch rewrites a file: name it with -o FILE"))
	case c.Watch && time.Duration(c.WatchInterval) < watch.MinimumInterval:
		return target, usage("export", fmt.Errorf("--watch-interval: at least %s", watch.MinimumInterval))
	case c.Exec != "" && !c.Watch:
		return target, usage("export", errors.New("--exec runs after a change: it needs --watch"))
	}
	if c.Template != "" {
		return target, nil
	}
	if c.Format == "" {
		c.Format = "dotenv"
	}
	if _, ok := envfile.Lookup(c.Format); !ok {
		return target, usage("export", fmt.Errorf("unknown format %q; there is %s", c.Format, formatNames()))
	}
	return target, nil
}

// formatNames lists the formats with their other names, for help and errors.
func formatNames() string {
	var names []string
	for _, format := range envfile.Formats() {
		name := format.Name
		if len(format.Aliases) > 0 {
			name += " (also " + strings.Join(format.Aliases, ", ") + ")"
		}
		names = append(names, name)
	}
	return strings.Join(append(names, "template"), ", ")
}

// helper finds the command of --exec before anything is fetched.
func (c *exportCommand) helper(p *program) ([]string, error) {
	if c.Exec == "" {
		return nil, nil
	}
	argv, err := helperCommand(p, c.Exec)
	if err != nil {
		return nil, usage("export", fmt.Errorf("--exec: %w", err))
	}
	return argv, nil
}

// config is what is exported: secrets, dotenv files and --set; not the parent's
// environment.
func (c *exportCommand) config(p *program) (environ.Config, error) {
	config, err := c.layers(p)
	config.Export, config.Parent = true, nil
	return config, err
}

// exporter writes a plan to the target.
type exporter struct {
	c      *exportCommand
	p      *program
	read   *reading
	target envfile.SaveConfig
}

// write encodes the whole file before it touches anything.
func (w *exporter) write(ctx context.Context, plan *environ.Plan) (changed bool, err error) {
	body, err := w.encode(ctx, plan)
	if err != nil {
		return false, err
	}
	if w.c.Format == "github-actions" {
		// The runner reads ::add-mask:: lines from the step's output, and hides
		// the values from then on.
		if _, err := w.p.stdout.Write(envfile.Masks(plan.Vars())); err != nil {
			return false, err
		}
		if w.c.Output == "" {
			w.target.Path = w.p.getenv("GITHUB_ENV")
		}
	}
	if w.target.Path == "" || w.target.Path == "-" {
		_, err := w.p.stdout.Write(body)
		return true, err
	}
	if w.c.Format == "github-actions" {
		return true, appendFile(w.target.Path, body)
	}
	return envfile.Save(w.target, body)
}

func (w *exporter) encode(ctx context.Context, plan *environ.Plan) ([]byte, error) {
	if w.c.Template == "" {
		return envfile.Encode(w.c.Format, w.document(plan))
	}
	text, err := os.ReadFile(w.c.Template)
	if err != nil {
		return nil, fmt.Errorf("--template: %w", readError(err))
	}
	return envfile.ExecuteTemplate(ctx, string(text), plan.Vars(), &templateSource{read: w.read, flags: &w.c.scopeFlags})
}

// appendFile adds to $GITHUB_ENV, which belongs to the runner and is shared by
// the steps of a job.
func appendFile(name string, body []byte) error {
	file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	_, err = file.Write(body)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// watch rewrites the file when the secrets change or somebody else touched it,
// until a signal ends it. The command of --exec runs after every rewrite, the
// one at the start (written) included.
func (w *exporter) watch(ctx context.Context, plan *environ.Plan, argv []string, written bool) error {
	own, err := environ.Compose(environ.Config{Parent: w.p.environ, Credentials: creds.EnvironmentNames(), PassCredentials: w.c.PassCredentials})
	if err != nil {
		return fmt.Errorf("--exec: %w", err)
	}
	after := &hook{argv: argv, env: own.Environ(), stdout: w.p.stdout, stderr: w.p.stderr, log: w.p.log, wake: make(chan struct{}, 1)}
	if written {
		after.changed()
	}
	loop := &watchLoop{
		p: w.p, read: w.read, flags: &w.c.readFlags,
		layers: func() (environ.Config, error) { return w.c.config(w.p) },
		files:  slices.Concat(w.c.EnvFile, w.c.RequireFrom), template: w.c.Template, interval: time.Duration(w.c.WatchInterval), timeout: time.Duration(w.c.Timeout),
		events: w.c.WatchEvents, agreed: plan, observe: func(*fetch.Snapshot, error) {},
	}
	loop.act = func(ctx context.Context, plan *environ.Plan, text string) error {
		changed, err := w.write(ctx, plan)
		if err == nil && changed {
			w.p.log.Warn(text, "file", w.target.Path)
			after.changed()
		}
		return err
	}
	loop.unchanged = func(ctx context.Context) {
		if w.c.Format == "github-actions" { // appends to a file of the runner's
			return
		}
		if changed, err := w.write(ctx, loop.agreed); err == nil && changed {
			w.p.log.Warn("the file was gone or somebody else's: written again", "file", w.target.Path)
			after.changed()
		}
	}
	var runs sync.WaitGroup
	runs.Go(func() { after.serve(ctx) })
	loop.run(ctx)
	runs.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return nil
}
