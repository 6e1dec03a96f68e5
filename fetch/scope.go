package fetch

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
)

// Scope says which secrets are wanted. ProjectID or ProjectSlug names the
// project; the id counts where both are set. No path means "/".
type Scope struct {
	ProjectID   string
	ProjectSlug string
	Environment string // its slug, such as dev
	Paths       []string
	Recursive   bool
	Imports     bool
	Expand      bool
	Personal    bool
	Tags        []string
	// NamesOnly is for those who show no value: a secret whose value the
	// server hides is listed then, without it, instead of being an error.
	NamesOnly bool
}

// ScopeError is a scope that is refused before any request is sent.
type ScopeError struct {
	Missing string // "project" or "environment"; "" when something is wrong instead
	Reason  string
	Hint    string // the ways to give what is missing
}

// Error is the reason alone; Hint is for a line of its own.
func (e *ScopeError) Error() string { return e.Reason }

// Normalize validates a scope and brings it into its one form: paths begin
// with a slash and do not end in one, duplicates of a path count where they
// stand last, tags are sorted. The error is a *ScopeError.
func (s Scope) Normalize() (Scope, error) {
	switch {
	case s.ProjectID == "" && s.ProjectSlug == "":
		return s, missing("project", "--project-id (or --project-slug)", "INFISICAL_PROJECT_ID", "workspaceId")
	case s.Environment == "":
		return s, missing("environment", "--env", "INFISICAL_ENVIRONMENT", "defaultEnvironment")
	}
	return s.normalize()
}

func missing(what, flag, variable, key string) error {
	return &ScopeError{
		Missing: what,
		Reason:  "no " + what + " is given",
		Hint:    fmt.Sprintf("pass %s, set %s, or put %s into .infisical.json", flag, variable, key),
	}
}

// normalize is Normalize without the demand for a project and an environment.
func (s Scope) normalize() (Scope, error) {
	for _, field := range []struct{ name, value string }{
		{"project id", s.ProjectID}, {"project slug", s.ProjectSlug}, {"environment", s.Environment},
	} {
		if strings.ContainsFunc(field.value, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
			return s, &ScopeError{Reason: "the " + field.name + " holds a blank or a control character"}
		}
	}
	paths := make([]string, 0, len(s.Paths))
	for _, p := range s.Paths {
		p, err := normalizePath(p)
		if err != nil {
			return s, err
		}
		if i := slices.Index(paths, p); i >= 0 {
			paths = slices.Delete(paths, i, i+1)
		}
		paths = append(paths, p)
	}
	if len(paths) == 0 {
		paths = append(paths, "/")
	}
	s.Paths = paths
	s.Tags = slices.Clone(s.Tags)
	slices.Sort(s.Tags)
	s.Tags = slices.Compact(s.Tags)
	return s, nil
}

func normalizePath(p string) (string, error) {
	if strings.ContainsFunc(p, unicode.IsControl) {
		return "", &ScopeError{Reason: "a path holds a control character"}
	}
	for segment := range strings.SplitSeq(p, "/") {
		if segment == "." || segment == ".." {
			return "", &ScopeError{Reason: fmt.Sprintf("the path %q holds a %q segment: a secret path is absolute", p, segment)}
		}
	}
	return path.Clean("/" + strings.TrimSpace(p)), nil
}

// project is how messages name the project.
func (s Scope) project() string {
	if s.ProjectID != "" {
		return s.ProjectID
	}
	return s.ProjectSlug
}

// NotFoundError is a project, an environment or a folder that is not there.
type NotFoundError struct {
	What  string // "project", "environment", "folder"
	Name  string
	In    string   // where it was looked for
	Known []string // what is there instead, sorted
	Err   error    // the server's own answer, where it was one
}

// Error names what is missing and, where they are known, its siblings.
func (e *NotFoundError) Error() string {
	msg := fmt.Sprintf("no such %s: %s", e.What, e.Name)
	if e.In != "" {
		msg += " (in " + e.In + ")"
	}
	if len(e.Known) > 0 {
		msg += "; there is " + strings.Join(e.Known, ", ")
	}
	return msg
}

// Unwrap gives the server's answer.
func (e *NotFoundError) Unwrap() error { return e.Err }

// HiddenError names secrets whose values the server keeps back. They would
// reach a program as the text "<hidden-by-infisical>".
type HiddenError struct{ Names []string }

// Error names the secrets and the permission.
func (e *HiddenError) Error() string {
	return "the server hides the value of " + strings.Join(e.Names, ", ") + ": the identity lacks the permission to read values"
}
