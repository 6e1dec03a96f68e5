package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"infuse/fetch"
	"infuse/fetch/api"
)

// reading is a scope that was read, with all that is needed to read it again.
type reading struct {
	*connection
	scope    fetch.Scope
	snapshot *fetch.Snapshot
}

// namesOnly is for commands that print no value: hidden ones are listed then.
func namesOnly(s *fetch.Scope) { s.NamesOnly = true }

// read resolves the scope, connects and fetches once.
func (p *program) read(ctx context.Context, f *readFlags, adjust ...func(*fetch.Scope)) (*reading, error) {
	scope, err := scopeOf(&f.scopeFlags, p.settings, p.project, p.getenv)
	if err != nil {
		return nil, err
	}
	for _, change := range adjust {
		change(&scope)
	}
	connection, err := p.connect(ctx, f, scope)
	if err != nil {
		return nil, err
	}
	r := &reading{connection: connection, scope: scope}
	began := time.Now()
	if r.snapshot, err = connection.source.Fetch(ctx, scope); err != nil {
		if n := p.waits.Load(); n > 0 && api.Failing(err) {
			err = fmt.Errorf("%w (retries: %d, in %s)", err, n, time.Since(began).Round(100*time.Millisecond))
		}
		if mayPass(err) && !f.Cache.On && !f.PreferCache && !f.Offline {
			err = hinted(err, "--cache keeps a copy that stands in for a failing server")
		}
		return r, fetchHint(ctx, err)
	}
	if len(r.snapshot.Secrets) == 0 && len(scope.Tags) > 0 {
		p.log.Warn("no secret has one of the tags", "tags", strings.Join(scope.Tags, ","))
	}
	p.log.Info("read", "secrets", len(r.snapshot.Secrets), "source", r.snapshot.Source, "project", scope.ProjectID+scope.ProjectSlug,
		"environment", scope.Environment, "paths", strings.Join(scope.Paths, ","), "took", time.Since(began).Round(time.Millisecond).String())
	return r, nil
}

// again reads the scope once more, while watching: from the source itself, not
// from its offline copy, which only stands in at the start.
func (r *reading) again(ctx context.Context) (*fetch.Snapshot, error) {
	fetchNow := r.source.Fetch
	if copied, ok := r.source.(*fetch.Copy); ok {
		fetchNow = copied.Refresh
	}
	snapshot, err := fetchNow(ctx, r.scope)
	return snapshot, fetchHint(ctx, err)
}

// fetchHint adds the next step to what a server answered. A signal that ended
// the fetch counts more than how the fetch ended.
func fetchHint(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	if timedOut(err) || ctx.Err() != nil || mayPass(err) {
		return hinted(err, "--timeout gives it longer")
	}
	if answer, ok := errors.AsType[*api.Error](err); ok {
		switch {
		case answer.NoRoute:
			return hinted(err, "is this an Infisical server? --url names it")
		case answer.Status == 403 && !answer.TokenRejected():
			return hinted(err, "the identity needs read access to this project, environment and path")
		}
	}
	return err
}

// mayPass reports whether err is about a server that fails now and may work later.
func mayPass(err error) bool {
	network, ok := errors.AsType[*api.NetworkError](err)
	return api.Failing(err) && (!ok || network.MayPass())
}

// timedOut reports whether an error anywhere in err's chain is a time limit.
func timedOut(err error) bool {
	limit, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && limit.Timeout()
}

// warn prints warnings of the layers below.
func (p *program) warn(lists ...[]string) {
	for _, list := range lists {
		for _, warning := range list {
			p.log.Warn(warning)
		}
	}
}
