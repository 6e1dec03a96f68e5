package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"infuse/creds"
	"infuse/fetch/api"
	"infuse/fetch/secret"
	"infuse/runner"
)

// whoamiCommand is `infuse whoami`: every provider's answer, whose token it is,
// how long it lives, and whether the scope can be read. It is what people paste
// into a bug report, so nothing in it is secret.
type whoamiCommand struct {
	readFlags
	Format string `enum:"text,json" default:"text" placeholder:"text|json" help:"text or json."`
}

// identityReport is what whoami says, as --format json prints it.
type identityReport struct {
	Version   string         `json:"version"`
	Server    string         `json:"server,omitempty"`
	Providers []creds.Answer `json:"providers"`
	Identity  *whose         `json:"identity,omitempty"`
	Token     *tokenLife     `json:"token,omitempty"`
	Scope     scopeReport    `json:"scope"`
	Error     string         `json:"error,omitempty"`
	Hints     []string       `json:"hints,omitempty"`
}

// whose names the identity or user behind the token.
type whose struct {
	Kind         string `json:"kind"` // identity, user, service token
	ID           string `json:"id,omitempty"`
	Name         string `json:"name,omitempty"`
	Organization string `json:"organization,omitempty"`
}

// tokenLife is what is known of the token, in seconds; 0 means no limit known.
type tokenLife struct {
	Method    string     `json:"method"`
	TTL       int64      `json:"ttlSeconds"`
	MaxTTL    int64      `json:"maxTtlSeconds"`
	ExpiresAt *time.Time `json:"claimsToExpireAt,omitempty"`
	Logins    int        `json:"logins"`
}

// scopeReport says whether run would get its secrets.
type scopeReport struct {
	Project     string   `json:"project,omitempty"`
	Environment string   `json:"environment,omitempty"`
	Paths       []string `json:"paths"`
	Readable    bool     `json:"readable"`
	Secrets     int      `json:"secrets"`
	Source      string   `json:"source,omitempty"`
	Why         string   `json:"why,omitempty"`
}

func (c *whoamiCommand) run(ctx context.Context, p *program) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.Timeout))
	defer cancel()
	report := &identityReport{Version: version, Providers: []creds.Answer{}}
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
	report.Scope = scopeReport{Project: scope.ProjectID + scope.ProjectSlug, Environment: scope.Environment, Paths: scope.Paths}
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
	switch {
	case connection.server == nil:
		report.Server = "file:" + connection.dir
	case c.Offline: // nobody is asked
		report.Server = connection.server.Base.String()
	default:
		report.Server = connection.server.Base.String()
		token, err := connection.session.Token(ctx)
		if err == nil {
			report.Token = life(connection)
			report.Identity = askWhose(ctx, connection, token)
		} else if !c.Cache.On && !c.PreferCache {
			return fetchHint(ctx, err) // otherwise the copy may stand in
		}
	}
	snapshot, err := connection.source.Fetch(ctx, scope)
	if err != nil {
		err = fetchHint(ctx, err)
		report.Scope.Why = oneLine(err.Error())
		return err
	}
	p.warn(snapshot.Warnings)
	report.Scope.Readable, report.Scope.Secrets, report.Scope.Source = true, len(snapshot.Secrets), snapshot.Source
	return nil
}

func life(c *connection) *tokenLife {
	l := c.session.Life()
	t := &tokenLife{
		Method: c.credential.Method,
		TTL:    int64(l.TTL / time.Second), MaxTTL: int64(l.MaxTTL / time.Second), Logins: l.Counts.Logins,
	}
	if !c.credential.ExpiresAt.IsZero() {
		t.ExpiresAt = &c.credential.ExpiresAt
	}
	return t
}

// askWhose asks the server whose token it is. Older servers do not know the
// route and some tokens may not ask: then what the credential says is all.
func askWhose(ctx context.Context, c *connection, token secret.Value) *whose {
	known := &whose{Kind: kindOf(c.credential.Method), ID: c.credential.Identity}
	if known.Kind != "identity" {
		return known
	}
	var answer struct {
		IdentityDetails struct {
			Organization struct{ Name, Slug string }
			Identity     struct{ ID, Name string }
		}
	}
	call := api.Call{Method: "GET", Path: "/api/v1/identities/details", Token: token}
	if _, err := c.server.Do(ctx, call, &answer); err != nil {
		return known
	}
	known.Organization = answer.IdentityDetails.Organization.Name
	if id := answer.IdentityDetails.Identity; id.ID != "" {
		known.ID, known.Name = id.ID, id.Name
	}
	return known
}

func kindOf(method string) string {
	switch method {
	case "service-token":
		return "service token"
	case "user", "user-login":
		return "user"
	}
	return "identity"
}

func (r *identityReport) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func (r *identityReport) text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "infuse\t%s\n", r.Version)
	for _, a := range r.Providers {
		fmt.Fprintf(t, "%s\t%s\n", a.Provider, describeAnswer(a))
	}
	if r.Server != "" {
		fmt.Fprintf(t, "server\t%s\n", r.Server)
	}
	if r.Identity != nil && r.Identity.ID+r.Identity.Name != "" {
		fmt.Fprintf(t, "%s\t%s\n", r.Identity.Kind, oneLine(join(r.Identity.Name, r.Identity.ID, r.Identity.Organization)))
	}
	if r.Token != nil {
		fmt.Fprintf(t, "token\t%s\n", r.Token.describe())
	}
	fmt.Fprintf(t, "scope\t%s\n", r.Scope.describe())
	if r.Error != "" {
		fmt.Fprintf(t, "error\t%s\n", r.Error)
	}
	for _, hint := range r.Hints {
		fmt.Fprintf(t, "hint\t%s\n", hint)
	}
	return t.Flush()
}

func describeAnswer(a creds.Answer) string {
	text := string(a.State)
	switch a.State {
	case creds.Wrong:
		text += ": " + oneLine(a.Why)
	case creds.Used:
		text += ": " + join(a.Method, a.Identity)
	}
	for _, warning := range a.Warnings {
		text += " (" + oneLine(warning) + ")"
	}
	return text
}

func (t *tokenLife) describe() string {
	text := t.Method
	if t.TTL > 0 {
		text += fmt.Sprintf(", lives %s", time.Duration(t.TTL)*time.Second)
	}
	if t.MaxTTL > 0 {
		text += fmt.Sprintf(", can be renewed up to %s", time.Duration(t.MaxTTL)*time.Second)
	}
	if t.ExpiresAt != nil {
		text += ", says it expires " + t.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return text
}

func (s scopeReport) describe() string {
	where := join(s.Project, s.Environment)
	for _, path := range s.Paths {
		where = join(where, path)
	}
	if s.Readable {
		return fmt.Sprintf("%s: readable, %d secrets from %s", where, s.Secrets, s.Source)
	}
	return where + ": not readable"
}

func join(parts ...string) string {
	text := ""
	for _, part := range parts {
		switch {
		case part == "":
		case text == "":
			text = part
		default:
			text += ", " + part
		}
	}
	return text
}
