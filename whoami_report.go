package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"infuse/creds"
)

// identityReport is what whoami says, as --format json prints it.
type identityReport struct {
	Version   string         `json:"version"`
	Server    string         `json:"server,omitempty"`
	Providers []creds.Answer `json:"providers"`
	Identity  *whose         `json:"identity,omitempty"`
	Token     *tokenLife     `json:"token,omitempty"`
	Scope     scopeReport    `json:"scope"`
	Run       *runReport     `json:"run,omitempty"` // nil: it did not come so far
	Error     string         `json:"error,omitempty"`
	Hints     []string       `json:"hints,omitempty"`
}

// whose names the identity or user behind the token.
type whose struct {
	Kind           string   `json:"kind"` // identity, user, service token
	ID             string   `json:"id,omitempty"`
	Name           string   `json:"name,omitempty"`
	Organization   string   `json:"organization,omitempty"`
	OrganizationID string   `json:"organizationId,omitempty"`
	Scopes         []string `json:"scopes,omitempty"` // of a service token: environment:path
}

// tokenLife is what is known of the token, in seconds; 0 means no limit known.
type tokenLife struct {
	Method    string     `json:"method"`
	TTL       int64      `json:"ttlSeconds"`
	MaxTTL    int64      `json:"maxTtlSeconds"`
	Uses      int        `json:"uses,omitempty"` // for how many requests it is good
	ExpiresAt *time.Time `json:"claimsToExpireAt,omitempty"`
	Logins    int        `json:"logins"`
}

// runReport says whether run would start a program with what was read.
type runReport struct {
	Ready   bool   `json:"ready"`
	Secrets int    `json:"secrets"` // that the program would get
	Skipped int    `json:"skipped"`
	Why     string `json:"why,omitempty"`
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
		fmt.Fprintf(t, "%s\t%s\n", r.Identity.Kind, oneLine(join(append([]string{r.Identity.Name, r.Identity.ID}, r.Identity.Scopes...)...)))
	}
	if r.Identity != nil && r.Identity.Organization+r.Identity.OrganizationID != "" {
		fmt.Fprintf(t, "organisation\t%s\n", oneLine(join(r.Identity.Organization, r.Identity.OrganizationID)))
	}
	if r.Token != nil {
		fmt.Fprintf(t, "token\t%s\n", r.Token.describe())
	}
	fmt.Fprintf(t, "scope\t%s\n", r.Scope.describe())
	if r.Run != nil {
		fmt.Fprintf(t, "run\t%s\n", r.Run.describe())
	}
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
	if t.Uses > 0 {
		text += ", is good for " + countOf(t.Uses, "request")
	}
	if t.ExpiresAt != nil {
		text += ", says it expires " + t.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return text
}

func (r *runReport) describe() string {
	if !r.Ready {
		return "would be refused"
	}
	text := "would start with " + countOf(r.Secrets, "secret")
	if r.Skipped > 0 {
		text += fmt.Sprintf(" (%d skipped)", r.Skipped)
	}
	return text
}

func (s scopeReport) describe() string {
	where := join(s.Project, s.Environment)
	for _, path := range s.Paths {
		where = join(where, path)
	}
	if where == "" {
		where = "nothing is named"
	}
	if s.Readable {
		return fmt.Sprintf("%s: readable, %s from %s", where, countOf(s.Secrets, "secret"), s.Source)
	}
	return where + ": not readable"
}

func countOf(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
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
