package devserver

import (
	"net/url"
	"strings"
)

// query is what a list or a single secret was asked with, v3 or v4.
type query struct {
	v4                       bool
	project, slug            string
	env, path                string
	expand, recursive        bool
	imports, personal, value bool
	tags                     []string
	kind                     string // type=shared|personal of a single secret
}

// scope is where a request leads after the checks: the project is there and open to the actor.
type scope struct {
	query
	p *Project
}

func (s *Server) parseV3(q url.Values, issues *[]any) query {
	return query{
		project: strings.TrimSpace(q.Get("workspaceId")), slug: strings.TrimSpace(q.Get("workspaceSlug")),
		env: strings.TrimSpace(q.Get("environment")), path: pathOf(q),
		expand:    flag(q, "expandSecretReferences", false, issues),
		recursive: flag(q, "recursive", false, issues),
		imports:   flag(q, "include_imports", false, issues),
		value:     s.cfg.Era == Era2024 || flag(q, "viewSecretValue", true, issues),
		tags:      tagsOf(q), kind: kindOf(q, issues),
	}
}

func (s *Server) parseV4(q url.Values, issues *[]any) query {
	return query{
		v4:      true,
		project: strings.TrimSpace(q.Get("projectId")),
		env:     strings.TrimSpace(q.Get("environment")), path: pathOf(q),
		value:     flag(q, "viewSecretValue", true, issues),
		expand:    flag(q, "expandSecretReferences", true, issues),
		recursive: flag(q, "recursive", false, issues),
		personal:  flag(q, "includePersonalOverrides", false, issues),
		imports:   flag(q, "includeImports", true, issues),
		tags:      tagsOf(q), kind: kindOf(q, issues),
	}
}

// pathOf keeps an empty path empty: the server finds no folder there.
func pathOf(q url.Values) string {
	if !q.Has("secretPath") {
		return "/"
	}
	return clean(strings.TrimSpace(q.Get("secretPath")))
}

func tagsOf(q url.Values) []string {
	if q.Get("tagSlugs") == "" {
		return nil
	}
	return strings.Split(q.Get("tagSlugs"), ",")
}

func kindOf(q url.Values, issues *[]any) string {
	switch kind := q.Get("type"); kind {
	case "", "shared":
		return "shared"
	case "personal":
		return kind
	default:
		*issues = append(*issues, wrongEnum(kind, []string{"shared", "personal"}, "type"))
		return kind
	}
}

// resolve applies the service token trap, finds the project and checks the actor.
func (s *Server) resolve(c *call, q query, missing string) (scope, error) {
	if t := c.actor.token; t != nil && len(t.Scopes) == 1 && !isGlob(t.Scopes[0].Path) {
		// A token of one folder overrides what was asked for, without a word.
		q.project, q.env, q.path = t.ProjectID, t.Scopes[0].Environment, t.Scopes[0].Path
	}
	if q.project == "" && q.slug != "" && c.actor.token == nil {
		p := s.projectBySlug(q.slug)
		if p == nil {
			if s.cfg.Era == Era2024 {
				return scope{}, somethingWentWrong("Failed to find project by slug")
			}
			return scope{}, notFound("Project with slug '" + q.slug + "' not found")
		}
		q.project = p.cfg.ID
	}
	if q.project == "" || q.env == "" {
		return scope{}, badRequest(missing)
	}
	p, f := s.openProject(q.project)
	if f != nil {
		return scope{}, f
	}
	if f := c.actor.may("read", p, q.env, q.path); f != nil {
		return scope{}, f
	}
	return scope{query: q, p: p}, nil
}

// openProject finds a project whose secrets the raw routes can read.
func (s *Server) openProject(id string) (*Project, *failure) {
	p := s.project(id)
	switch {
	case p == nil && s.cfg.Era == Era2024:
		return nil, notFound("Project with ID '" + id + "' not found during bot lookup. Are you sure you are using the correct project ID?")
	case p == nil:
		return nil, notFound("Project with ID '" + id + "' not found")
	case p.cfg.EndToEnd:
		return nil, notFound("Project bot not found for project with ID '" + id + "'. Please ask an administrator to log-in to the Infisical Console.")
	}
	return p, nil
}
