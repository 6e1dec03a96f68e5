package fetch

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// serviceToken is what a service token says about itself.
type serviceToken struct {
	Workspace string         `json:"workspace"`
	ProjectID string         `json:"projectId"`
	Scopes    []serviceScope `json:"scopes"`
}

type serviceScope struct {
	Environment string `json:"environment"`
	SecretPath  string `json:"secretPath"`
}

func (s serviceScope) String() string { return s.Environment + ":" + s.SecretPath }

// adoptServiceToken completes the scope from a service token and checks it
// against the token's own. A server answers a token with exactly one plain
// scope out of that scope, whatever the request asked for: a mismatch would run
// a program with the secrets of another place, so it is an error here.
func (f *httpFetch) adoptServiceToken(ctx context.Context, token secret.Value) error {
	own, err := f.serviceDetails(ctx, token)
	if err != nil {
		return err
	}
	if err := own.complete(&f.scope); err != nil {
		return err
	}
	if f.scope, err = f.scope.Normalize(); err != nil {
		return err
	}
	if len(own.Scopes) != 1 || own.Scopes[0].isGlob() {
		return nil // the server itself refuses what is outside
	}
	only := own.Scopes[0]
	path, err := normalizePath(only.SecretPath)
	if err != nil {
		return err
	}
	for _, asked := range f.scope.Paths {
		if f.scope.Environment != only.Environment || asked != path {
			return &ScopeError{Reason: fmt.Sprintf("the service token reads %s only, and %s:%s is asked for (the server would answer with the former)",
				only, f.scope.Environment, asked)}
		}
	}
	return nil
}

// serviceDetails asks the server about the token, once for each token.
func (f *httpFetch) serviceDetails(ctx context.Context, token secret.Value) (own serviceToken, err error) {
	s, key := f.source, sha256.Sum256([]byte(token.Reveal()))
	s.mu.Lock()
	own, known := s.service[key]
	s.mu.Unlock()
	if known {
		return own, nil
	}
	if _, err := f.do(ctx, api.Call{Method: http.MethodGet, Path: "/api/v2/service-token"}, &own); err != nil {
		return own, fmt.Errorf("reading the service token's own scope: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.service == nil {
		s.service = map[[sha256.Size]byte]serviceToken{}
	}
	s.service[key] = own
	return own, nil
}

// complete fills what the caller left open and refuses another project.
func (t serviceToken) complete(scope *Scope) error {
	project := t.Workspace
	if project == "" {
		project = t.ProjectID
	}
	switch {
	case scope.ProjectID == "" && project != "":
		// A slug cannot be resolved by a service token, and the token knows one project only.
		scope.ProjectID = project
	case project != "" && scope.ProjectID != project:
		return &ScopeError{Reason: fmt.Sprintf("the service token belongs to project %s, and project %s is asked for", project, scope.ProjectID)}
	}
	if len(t.Scopes) == 0 {
		return nil
	}
	first := t.Scopes[0]
	oneEnvironment := !slices.ContainsFunc(t.Scopes, func(s serviceScope) bool { return s.Environment != first.Environment })
	if scope.Environment == "" && oneEnvironment && !isGlob(first.Environment) {
		scope.Environment = first.Environment
	}
	if len(scope.Paths) == 0 && len(t.Scopes) == 1 && !first.isGlob() {
		scope.Paths = []string{first.SecretPath}
	}
	return nil
}

func (s serviceScope) isGlob() bool { return isGlob(s.SecretPath) || isGlob(s.Environment) }

func isGlob(pattern string) bool { return strings.ContainsAny(pattern, "*?[]{}!()") }
