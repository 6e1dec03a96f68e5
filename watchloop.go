package main

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"time"

	"infuse/fetch"
	"infuse/fetch/api"
	"infuse/fetch/secret"
	"infuse/runner/environ"
	"infuse/watch"
)

// watchLoop looks whenever the watcher says so, lets Confirm judge what it saw,
// and hands agreed changes on. A look that fails changes nothing: the running
// child stays.
type watchLoop struct {
	p           *program
	read        *reading
	flags       *readFlags
	layers      func() (environ.Config, error) // reads the dotenv files again
	files       []string                       // that layers reads
	template    string                         // a file whose text counts too; "" for none
	events      bool                           // subscribe to project events
	interval    time.Duration
	timeout     time.Duration
	agreed      *environ.Plan // what Confirm last agreed to: at first, what the program was started with
	owed        string        // agreed is not delivered yet: what changed, in words
	delivered   digest        // of what was
	act         func(context.Context, *environ.Plan, string) error
	observe     func(*fetch.Snapshot, error)
	unchanged   func(context.Context) // after a look that changed nothing; may be nil
	complaints  map[string]*complaint // by what failed
	undelivered complaint
	fileProblem string       // what was said about an unparsable file
	text        secret.Value // of template, as it was when it could be read last
}

// run ends with ctx, and returns when everything it started has ended.
func (l *watchLoop) run(ctx context.Context) {
	if l.read.http != nil {
		l.read.http.Conditional, l.read.http.Settle = true, false // Confirm judges every look
	}
	confirm := watch.NewConfirm(l.interval, l.look(l.agreed, l.read.snapshot, watch.Event{}))
	l.delivered = l.digest()
	for l.watch(ctx, confirm) {
	}
}

// watch looks until ctx ends or, which it reports, .infisical.json names
// another place: its events are for another subscription.
func (l *watchLoop) watch(ctx context.Context, confirm *watch.Confirm) (moved bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	scope := l.read.scope
	w := watch.Start(ctx, l.watchConfig())
	l.p.log.Debug("watching", "interval", l.interval) // a file counts as it is now
	defer w.Wait()
	defer cancel()
	for event := range w.C {
		snapshot, plan, required, err := l.takeLook(ctx, event)
		w.Report(err)
		if ctx.Err() != nil {
			return false
		}
		l.said(err)
		l.observe(snapshot, err)
		if err != nil {
			continue
		}
		look := l.look(plan, snapshot, event)
		look.Missing = missingNames(plan, required)
		decision := confirm.Look(look)
		switch decision.Do {
		case watch.LookAgain:
			w.LookAgain(decision.After)
		case watch.Refuse:
			if decision.Shout {
				l.p.log.Error("the new secrets are not acted upon: " + decision.Reason)
			}
		case watch.Act:
			l.agreed = withVars(plan, l.agreed, decision.Vars)
			l.owed = joinTexts(l.owed, changeText(decision))
		}
		l.deliver(ctx)
		if decision.Do == watch.Same && l.owed == "" && l.unchanged != nil {
			l.unchanged(ctx)
		}
		if decision.Recovered {
			l.p.log.Warn("the secrets are acceptable again")
		}
		if decision.Do != watch.LookAgain && !reflect.DeepEqual(scope, l.read.scope) {
			return true
		}
	}
	return false
}

// deliver hands on what was agreed. What cannot be delivered, on a full disk for
// example, stays owed and is tried again with every look: the source will not
// speak of it a second time.
func (l *watchLoop) deliver(ctx context.Context) {
	if l.owed == "" {
		return
	}
	now := l.digest()
	if now == l.delivered {
		l.p.log.Info("taken back before it could be delivered", "what", l.owed)
		l.owed, l.undelivered = "", complaint{}
		return
	}
	err := l.act(ctx, l.agreed, l.owed)
	switch {
	case err == nil:
		l.owed, l.undelivered, l.delivered = "", complaint{}, now
	case ctx.Err() == nil && l.undelivered.due(l.p.now()):
		l.p.log.Error("the new secrets could not be delivered: "+l.owed+"; trying again with every check", "reason", err)
	}
}

func joinTexts(before, now string) string {
	if before == "" {
		return now
	}
	return before + "; then " + now
}

func (l *watchLoop) watchConfig() watch.Config {
	config := watch.Config{Interval: l.interval, Files: slices.Clone(l.files), Log: l.p.log}
	config.Files = append(config.Files, l.read.files()...)
	if l.template != "" {
		config.Files = append(config.Files, l.template)
	}
	if l.p.project != nil {
		config.Files = append(config.Files, l.p.project.File)
	}
	if l.read.server == nil {
		config.Trees = []string{l.read.dir}
		return config
	}
	if l.read.scope.ProjectID == "" || l.read.credential.Method == methodServiceToken || !l.events {
		return config // events go by project id, and are not for service tokens
	}
	config.Events = &watch.Events{
		Client: l.read.server, Tokens: l.read.session,
		ProjectID: l.read.scope.ProjectID, Environment: l.read.scope.Environment,
		Paths: l.read.scope.Paths, Recursive: l.read.scope.Recursive,
	}
	return config
}

// takeLook fetches and composes once.
func (l *watchLoop) takeLook(ctx context.Context, event watch.Event) (snapshot *fetch.Snapshot, plan *environ.Plan, required []string, err error) {
	// A server that hangs costs this look, and the next one is its retry.
	ctx, cancel := context.WithTimeout(api.Once(ctx), min(l.timeout, l.interval))
	defer cancel()
	if l.p.project != nil && slices.Contains(event.Files, l.p.project.File) {
		l.rescope()
	}
	for _, file := range event.Files {
		if slices.Contains(l.read.files(), file) {
			l.read.session.Forget() // a credential file changed: log in with what it holds now
		}
	}
	if event.Fresh {
		ctx = fetch.Fresh(ctx)
	}
	if snapshot, err = l.read.again(ctx); err != nil {
		return nil, nil, nil, err
	}
	config, err := l.layers()
	if err != nil {
		return nil, nil, nil, &layerError{err}
	}
	required, config.Require = config.Require, nil // judged by Confirm, from the plan
	plan, err = composeSnapshot(config, snapshot)
	return snapshot, plan, required, err
}

// rescope reads .infisical.json again. One that cannot be read leaves the
// scope as it is.
func (l *watchLoop) rescope() {
	project, err := findProject(filepath.Dir(l.p.project.File), true)
	if err != nil || project == nil {
		l.p.log.Warn("keeping the old settings", "file", l.p.project.File, "reason", err)
		return
	}
	scope, err := scopeOf(&l.flags.scopeFlags, l.p.settings, project, l.p.getenv)
	if err != nil {
		l.p.log.Warn("keeping the old settings", "file", project.File, "reason", err)
		return
	}
	l.p.project, l.read.scope = project, scope
}

// layerError is a local file that cannot be read: named once, not a failed check.
type layerError struct{ err error }

func (e *layerError) Error() string { return e.err.Error() }
func (e *layerError) Unwrap() error { return e.err }

// said complains about a failed check: at once, then at growing intervals, and
// once when it works again.
func (l *watchLoop) said(err error) {
	if local, ok := errors.AsType[*layerError](err); ok {
		if text := local.Error(); text != l.fileProblem {
			l.fileProblem = text
			l.p.log.Warn("the running program stays as it is: " + text)
		}
		return
	}
	if err == nil {
		l.fileProblem = ""
		if len(l.complaints) > 0 {
			l.p.log.Warn("checking for changes works again")
		}
		l.complaints = nil
		return
	}
	if l.complain(err) {
		l.p.log.Warn("checking for changes failed, the running program stays as it is", "reason", err)
		return
	}
	l.p.log.Debug("checking for changes failed", "reason", err)
}

// complain reports whether err is worth a word now: every kind of failure is
// said at once, and each at its own growing intervals.
func (l *watchLoop) complain(err error) bool {
	kind := "local"
	if answer, ok := errors.AsType[*api.Error](err); ok {
		kind = strconv.Itoa(answer.Status)
	} else if _, ok := errors.AsType[*api.NetworkError](err); ok {
		kind = "network"
	}
	if l.complaints == nil {
		l.complaints = map[string]*complaint{}
	}
	if l.complaints[kind] == nil {
		l.complaints[kind] = &complaint{}
	}
	return l.complaints[kind].due(l.p.now())
}
