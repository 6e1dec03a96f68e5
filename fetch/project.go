package fetch

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	pathpkg "path"
	"slices"
	"sort"
	"strings"

	"infuse/fetch/api"
)

// Projects lists the projects the token's owner can see, sorted by name. An
// identity of an older server may not list them; the error is its 403 then.
func (s *HTTPSource) Projects(ctx context.Context) ([]api.Project, error) {
	var wire struct {
		Projects   []api.Project `json:"projects"`
		Workspaces []api.Project `json:"workspaces"`
	}
	err := (&httpFetch{source: s}).firstRoute(ctx, &wire, api.Call{Path: "/api/v1/projects"}, api.Call{Path: "/api/v1/workspace"})
	if err != nil {
		return nil, err
	}
	all := append(wire.Projects, wire.Workspaces...)
	sort.Slice(all, func(i, j int) bool {
		return cmp.Or(strings.Compare(all[i].Name, all[j].Name), strings.Compare(all[i].ID, all[j].ID)) < 0
	})
	return all, nil
}

// Project looks up the project of a scope, with its environments. The answer
// is kept for the life of s.
func (s *HTTPSource) Project(ctx context.Context, scope Scope) (api.Project, error) {
	return (&httpFetch{source: s, scope: scope}).project(ctx)
}

func (f *httpFetch) project(ctx context.Context) (api.Project, error) {
	s, scope := f.source, f.scope
	key := "id " + scope.ProjectID
	if scope.ProjectID == "" {
		key = "slug " + scope.ProjectSlug
	}
	s.mu.Lock()
	p, known := s.projects[key]
	s.mu.Unlock()
	if known {
		return p, nil
	}
	p, err := f.lookUpProject(ctx)
	if err != nil {
		return api.Project{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.projects == nil {
		s.projects = map[string]api.Project{}
	}
	s.projects[key] = p
	return p, nil
}

// lookUpProject asks the routes of today's servers and of older ones; some
// wrap their answer, some do not.
func (f *httpFetch) lookUpProject(ctx context.Context) (api.Project, error) {
	scope := f.scope
	var wire struct {
		api.Project
		Wrapped   *api.Project `json:"project"`
		Workspace *api.Project `json:"workspace"`
	}
	routes := []api.Call{
		{Path: "/api/v1/workspace/" + url.PathEscape(scope.ProjectID)},
		{Path: "/api/v1/projects/" + url.PathEscape(scope.ProjectID)},
	}
	if scope.ProjectID == "" {
		slug := url.PathEscape(scope.ProjectSlug)
		routes = []api.Call{{Path: "/api/v1/projects/slug/" + slug}, {Path: "/api/v2/workspace/" + slug}}
	}
	err := f.firstRoute(ctx, &wire, routes...)
	if e, ok := errors.AsType[*api.Error](err); ok && (e.Status == http.StatusNotFound && !e.NoRoute && !e.Foreign || e.Status >= 500 && !e.Retryable()) {
		err = &NotFoundError{What: "project", Name: scope.project(), Err: err}
	}
	switch {
	case err != nil:
		return api.Project{}, err
	case wire.Wrapped != nil:
		return *wire.Wrapped, nil
	case wire.Workspace != nil:
		return *wire.Workspace, nil
	}
	return wire.Project, nil
}

// firstRoute asks the routes in turn until one exists on the server.
func (f *httpFetch) firstRoute(ctx context.Context, out any, calls ...api.Call) error {
	var err error
	for _, call := range calls {
		call.Method = http.MethodGet
		if _, err = f.do(ctx, call, out); err == nil || !routeMissing(err) {
			return err
		}
	}
	return err
}

// resolveProject finds the id for a slug, which v4 has no parameter for. Where
// the identity may not look, or the server cannot, the slug is left for v3.
func (f *httpFetch) resolveProject(ctx context.Context) error {
	if f.scope.ProjectID != "" {
		return nil
	}
	p, err := f.project(ctx)
	switch {
	case err == nil && p.ID != "":
		f.scope.ProjectID = p.ID
		return nil
	case err == nil, forbidden(err), routeMissing(err):
		return nil
	}
	return err
}

// forbidden reports a 403 about the thing asked for, not about the token.
func forbidden(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Status == http.StatusForbidden && !e.TokenRejected()
}

// verify finds out whether an empty list means "nothing in it" or "no such
// place": v3 servers answer both alike. The environment is looked for in the
// project, the folder among its parent's folders.
func (f *httpFetch) verify(ctx context.Context, path string) error {
	// Not from memory: a place that was there an hour ago may be gone.
	p, err := f.lookUpProject(ctx)
	switch {
	case forbidden(err) || routeMissing(err):
		f.warn("the list of " + path + " in " + f.scope.Environment + " is empty, and whether that place exists could not be checked: reading the project is not allowed")
		return nil
	case err != nil:
		return err
	}
	slugs := make([]string, len(p.Environments))
	for i, env := range p.Environments {
		slugs[i] = env.Slug
	}
	if !slices.Contains(slugs, f.scope.Environment) {
		slices.Sort(slugs)
		return &NotFoundError{What: "environment", Name: f.scope.Environment, In: "project " + f.scope.project(), Known: slugs}
	}
	if path == "/" {
		return nil
	}
	return f.verifyFolder(ctx, p.ID, path)
}

func (f *httpFetch) verifyFolder(ctx context.Context, projectID, path string) error {
	parent, name := pathpkg.Dir(path), pathpkg.Base(path)
	var wire struct {
		Folders []api.Folder `json:"folders"`
	}
	err := f.firstRoute(ctx, &wire,
		api.Call{Path: "/api/v1/folders", Query: url.Values{"workspaceId": {projectID}, "environment": {f.scope.Environment}, "path": {parent}, "directory": {parent}}},
		api.Call{Path: "/api/v2/folders", Query: url.Values{"projectId": {projectID}, "environment": {f.scope.Environment}, "path": {parent}}})
	switch {
	case forbidden(err) || routeMissing(err):
		f.warn("the list of " + path + " in " + f.scope.Environment + " is empty, and whether that folder exists could not be checked: reading folders is not allowed")
		return nil
	case err != nil:
		return err
	}
	names := make([]string, 0, len(wire.Folders))
	for _, folder := range wire.Folders {
		if folder.Name == name {
			return nil
		}
		names = append(names, pathpkg.Join(parent, folder.Name))
	}
	slices.Sort(names)
	return &NotFoundError{What: "folder", Name: path, In: "environment " + f.scope.Environment, Known: names}
}
