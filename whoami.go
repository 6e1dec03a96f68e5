package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"infuse/creds"
	"infuse/fetch"
	"infuse/fetch/api"
	"infuse/fetch/secret"
	"infuse/runner"
	"infuse/runner/environ"
)

// whoamiCommand is `infuse whoami`: every provider's answer, whose token it is,
// how long it lives, whether the scope can be read, and whether run would start
// a program with it. It is what people paste into a bug report, so nothing in
// it is secret. Its exit status is 0 only if run would succeed, so it has what
// decides that: run's settings, and the flags that shape the environment.
type whoamiCommand struct {
	readFlags
	environmentFlags
	fileFlags
	Format string `enum:"text,json" default:"text" placeholder:"text|json" help:"text or json."`
}

func (c *whoamiCommand) run(ctx context.Context, p *program) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.Timeout))
	defer cancel()
	report := &identityReport{Version: version, Providers: []creds.Answer{}, Scope: scopeReport{Paths: []string{}}}
	err := c.inspect(ctx, p, report)
	if err != nil {
		if _, ok := errors.AsType[runner.Terminated](err); ok {
			return err // a signal ends it like every command
		}
		report.Error, report.Hints = oneLine(err.Error()), allHints(err)
	}
	write := report.text
	if c.Format == "json" {
		write = report.json
	}
	if failed := write(p.stdout); failed != nil {
		return failed
	}
	if err != nil {
		return exitStatus(statusFailed)
	}
	return nil
}

// inspect fills the report in as far as it gets.
func (c *whoamiCommand) inspect(ctx context.Context, p *program, report *identityReport) error {
	scope, err := scopeOf(&c.scopeFlags, p.settings, p.project, p.getenv)
	report.Scope = scopeReport{Project: scope.ProjectID + scope.ProjectSlug, Environment: scope.Environment, Paths: append([]string{}, scope.Paths...)}
	if err != nil {
		return err
	}
	connection, err := p.connect(ctx, &c.readFlags, scope)
	if connection != nil {
		report.Providers = append(report.Providers, connection.answers...)
	}
	if err != nil {
		return err
	}
	if full, err := scope.Normalize(); err == nil && connection.credential.Method != methodServiceToken {
		report.Scope.Paths = full.Paths
	}
	var token secret.Value
	switch {
	case connection.server == nil:
		report.Server = "file:" + connection.dir
		if len(scope.Paths) == 0 {
			report.Scope.Paths = []string{"/"}
		}
	case c.Offline: // nobody is asked
		report.Server = connection.server.Base.String()
	default:
		report.Server = connection.server.Base.String()
		token, err = connection.session.Token(ctx)
		if err == nil {
			report.describeToken(connection, token)
		} else if !c.Cache.On && !c.PreferCache {
			return fetchHint(ctx, err) // otherwise the copy may stand in
		}
	}
	snapshot, err := connection.source.Fetch(ctx, scope)
	report.askWhose(ctx, connection, token) // afterwards: a token may be good for one request only
	if err != nil {
		err = fetchHint(ctx, err)
		report.Scope.Why = oneLine(err.Error())
		return err
	}
	p.warn(snapshot.Warnings)
	report.Scope.Readable, report.Scope.Secrets, report.Scope.Source = true, len(snapshot.Secrets), snapshot.Source
	plan, err := c.plan(p, snapshot)
	if err != nil {
		report.Run = &runReport{Why: oneLine(err.Error())}
		return err
	}
	p.warn(plan.Warnings)
	report.Run = &runReport{Ready: true, Secrets: countSecrets(plan.Entries) + len(plan.Files), Skipped: len(plan.Skipped)}
	return nil
}

func countSecrets(entries []environ.Entry) int {
	n := 0
	for i := range entries {
		if entries[i].Layer == environ.Store && entries[i].PathOf == "" {
			n++
		}
	}
	return n
}

// plan composes what run would hand to a program: a name that no environment
// can hold, a missing required one or a value that is too large stops it too.
func (c *whoamiCommand) plan(p *program, snapshot *fetch.Snapshot) (*environ.Plan, error) {
	if err := c.checkSettings(p); err != nil {
		return nil, err
	}
	config, err := c.layers(p)
	if err != nil {
		return nil, err
	}
	config.Files, config.FileDir = c.File, c.FileDir != ""
	plan, err := composeSnapshot(config, snapshot)
	if err == nil && config.FileDir {
		if err = environ.CheckFileNames(plan.Files); err != nil {
			err = fmt.Errorf("--file-dir: %w", err)
		}
	}
	return plan, err
}

// checkSettings reads the settings that only run has, from its variables and
// .infisical.json, as run does before any request.
func (c *whoamiCommand) checkSettings(p *program) error {
	like := &program{
		args: []string{"run"}, environ: p.environ, now: p.now,
		stdin: p.stdin, stdout: p.stdout, stderr: io.Discard, // what it would warn of was said
		log: newLogger(io.Discard, slog.LevelError, false),
	}
	if c.ConfigDir != "" {
		like.args = append(like.args, "--config-dir", c.ConfigDir)
	}
	like.args = append(like.args, "--", "COMMAND")
	parsed, err := parse(like)
	if err != nil {
		return err
	}
	run, ok := parsed.(*runCommand)
	if !ok {
		return fmt.Errorf("reading the settings of run: got %T", parsed)
	}
	if _, err := run.supervision(like); err != nil {
		return err
	}
	_, err = runner.Choose(runner.Mode(run.Mode), os.Getpid(), "COMMAND", run.needsParent())
	return err
}

// describeToken tells what is known of the token without asking.
func (r *identityReport) describeToken(c *connection, token secret.Value) {
	l, claims := c.session.Life(), creds.ReadClaims(token)
	r.Token = &tokenLife{
		Method: c.credential.Method,
		TTL:    int64(l.TTL / time.Second), MaxTTL: int64(l.MaxTTL / time.Second), Uses: claims.Uses, Logins: l.Counts.Logins,
	}
	if expires := claims.ExpiresAt; !expires.IsZero() {
		r.Token.ExpiresAt = &expires
	} else if !c.credential.ExpiresAt.IsZero() {
		r.Token.ExpiresAt = &c.credential.ExpiresAt
	}
	r.Identity = &whose{Kind: "identity", ID: claims.IdentityID, Name: claims.IdentityName, OrganizationID: claims.OrganizationID}
	switch c.credential.Method {
	case methodServiceToken:
		r.Identity.Kind = "service token"
	case "user":
		r.Identity.Kind, r.Identity.ID = "user", claims.UserID
	}
	if who := c.credential.Identity; r.Identity.ID == "" {
		r.Identity.ID = who
	} else if r.Identity.Kind == "user" && who != r.Identity.ID {
		r.Identity.Name = who // the address of the login
	}
}

// askWhose asks the server for the rest, where it tells. Older servers do not
// know the routes and some tokens may not ask: then the token's word is all.
func (r *identityReport) askWhose(ctx context.Context, c *connection, token secret.Value) {
	if token.IsZero() || r.Token.Uses > 0 { // every request costs a use
		return
	}
	switch r.Identity.Kind {
	case "identity":
		var answer struct {
			IdentityDetails struct {
				Organization struct{ ID, Name string }
			}
		}
		call := api.Call{Method: "GET", Path: "/api/v1/identities/details", Token: token}
		if _, err := c.server.Do(ctx, call, &answer); err == nil {
			r.Identity.Organization, r.Identity.OrganizationID = answer.IdentityDetails.Organization.Name, answer.IdentityDetails.Organization.ID
		}
	case "service token":
		var own struct {
			Name, Workspace string
			ExpiresAt       *time.Time
			Scopes          []struct{ Environment, SecretPath string }
		}
		call := api.Call{Method: "GET", Path: "/api/v2/service-token", Token: token}
		if _, err := c.server.Do(ctx, call, &own); err != nil {
			return
		}
		r.Identity.Name, r.Token.ExpiresAt = own.Name, own.ExpiresAt
		if r.Scope.Project == "" {
			r.Scope.Project = own.Workspace
		}
		for _, scope := range own.Scopes {
			r.Identity.Scopes = append(r.Identity.Scopes, scope.Environment+":"+scope.SecretPath)
		}
	}
}
