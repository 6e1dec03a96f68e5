package devserver

import (
	"net/http"
	"net/url"
	"slices"
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

// listAnswer has imports only when they were asked for. An unknown folder in 2024
// is told from an empty one by the empty imports that nobody asked for.
type listAnswer struct {
	Secrets []row        `json:"secrets"`
	Imports *[]importRow `json:"imports,omitempty"`
}

// listV3 is GET /api/v3/secrets/raw.
func (s *Server) listV3(c *call) (any, error) {
	var issues []any
	q := s.parseV3(c.r.URL.Query(), &issues)
	return s.list(c, q, issues, "Missing workspace id or environment")
}

// listV4 is GET /api/v4/secrets.
func (s *Server) listV4(c *call) (any, error) {
	var issues []any
	q := s.parseV4(c.r.URL.Query(), &issues)
	return s.list(c, q, issues, "Missing project id or environment")
}

func (s *Server) list(c *call, q query, issues []any, missing string) (any, error) {
	if issues != nil {
		return nil, s.invalid(issues...)
	}
	sc, err := s.resolve(c, q, missing)
	if err != nil {
		return nil, err
	}
	top := sc.p.find(sc.env, sc.path)
	if top == nil {
		if s.cfg.Era == Era2024 {
			return listAnswer{Secrets: []row{}, Imports: &[]importRow{}}, nil
		}
		return nil, noFolder(sc.env, sc.path)
	}
	x := s.newExpansion(sc.p, c.actor)
	out := listAnswer{Secrets: []row{}}
	var links []*importLink
	top.walk(sc.path, func(f *folder, path string) {
		if f != top && (!sc.recursive || c.actor.may("read", sc.p, sc.env, path) != nil) {
			return
		}
		links = append(links, f.imports...)
		for _, sec := range f.secrets {
			if sc.shows(c.actor, f, sec) {
				out.Secrets = append(out.Secrets, s.listed(sc, x, sec, path))
			}
		}
	})
	if err := x.refused(); err != nil {
		return nil, err
	}
	slices.SortFunc(out.Secrets, func(a, b row) int { return strings.Compare(a.ID, b.ID) })
	if sc.imports {
		imports := s.imports(sc, x, links)
		out.Imports = &imports
	}
	return out, nil
}

// shows decides which rows of a folder are in a list: shared ones and the actor's own,
// or on v4 one of the two; of the tags if any were asked for.
func (sc scope) shows(who actor, f *folder, sec *secret) bool {
	if sec.UserID != "" && sec.UserID != who.userID() {
		return false
	}
	if sc.v4 {
		switch {
		case sec.UserID != "" && !sc.personal:
			return false
		case sec.UserID == "" && sc.personal && who.userID() != "" && f.secret(sec.Key, who.userID()) != nil:
			return false
		}
	}
	if sc.tags == nil {
		return true
	}
	return slices.ContainsFunc(sec.Tags, func(t Tag) bool { return slices.Contains(sc.tags, t.Slug) })
}

func (s *Server) listed(sc scope, x *expansion, sec *secret, path string) row {
	r := s.row(sc.p, sc.env, sec).tagged(sec, sc.tags)
	r.Path = path
	if !sec.Hidden && sc.expand {
		r.Value = x.value(sec, sc.env, path)
	}
	if !sc.value {
		r = r.hide()
	}
	return r
}

// maxImportDepth is how many imports of imports are followed.
const maxImportDepth = 10

// imports resolves the imports of the listed folders: by position, then those that
// the imported folders have themselves. Each folder is there once.
func (s *Server) imports(sc scope, x *expansion, links []*importLink) []importRow {
	rows := []importRow{}
	seen := map[*folder]bool{}
	for depth := 0; len(links) > 0 && depth <= maxImportDepth; depth++ {
		slices.SortStableFunc(links, func(a, b *importLink) int {
			if a.position != b.position {
				return a.position - b.position
			}
			return a.createdAt.Compare(b.createdAt)
		})
		var nested []*importLink
		for _, link := range links {
			f := sc.p.find(link.env.Slug, link.path)
			if f == nil || seen[f] || x.actor.may("read", sc.p, link.env.Slug, link.path) != nil {
				continue
			}
			seen[f] = true
			rows = append(rows, s.importRow(sc, x, link, f))
			nested = append(nested, f.imports...)
		}
		links = nested
	}
	return rows
}

func (s *Server) importRow(sc scope, x *expansion, link *importLink, f *folder) importRow {
	out := importRow{Path: link.path, Environment: link.env.Slug, FolderID: f.id, Secrets: []row{}}
	for _, sec := range f.secrets {
		if sec.UserID != "" {
			continue
		}
		r := s.imported(s.row(sc.p, link.env.Slug, sec))
		switch {
		case sec.Hidden:
		case sc.v4 && sc.expand:
			// A reference without a place is looked up in the importing folder.
			r.Value = x.value(sec, sc.env, sc.path)
		case sc.expand || s.cfg.Era == Era2024:
			// The server of 2024 expands imports whether it was asked to or not.
			r.Value = x.value(sec, link.env.Slug, link.path)
		}
		if !sc.value {
			r = r.hide()
		}
		out.Secrets = append(out.Secrets, r)
	}
	return out
}

type singleAnswer struct {
	Secret row `json:"secret"`
}

// getV3 is GET /api/v3/secrets/raw/{name}.
func (s *Server) getV3(c *call) (any, error) {
	var issues []any
	q := s.parseV3(c.r.URL.Query(), &issues)
	if issues == nil && q.env == "" && c.actor.token == nil {
		return nil, badRequest("Missing environment")
	}
	return s.get(c, q, issues, "You must provide workspaceSlug or workspaceId")
}

// getV4 is GET /api/v4/secrets/{name}.
func (s *Server) getV4(c *call) (any, error) {
	var issues []any
	q := s.parseV4(c.r.URL.Query(), &issues)
	return s.get(c, q, issues, "Missing project id or environment")
}

func (s *Server) get(c *call, q query, issues []any, missing string) (any, error) {
	if issues != nil {
		return nil, s.invalid(issues...)
	}
	sc, err := s.resolve(c, q, missing)
	if err != nil {
		return nil, err
	}
	name := c.r.PathValue("name")
	f := sc.p.find(sc.env, sc.path)
	if f == nil {
		if s.cfg.Era == Era2024 {
			return nil, fail(http.StatusNotFound, "GetSecretByName", "Folder with path '"+sc.path+"' in environment with slug '"+sc.env+"' not found")
		}
		return nil, noFolder(sc.env, sc.path)
	}
	x := s.newExpansion(sc.p, c.actor)
	if sec := sc.pick(c.actor, f, name); sec != nil {
		r := s.listed(sc, x, sec, sc.path)
		if s.cfg.Era == Era2024 {
			r.Path = ""
		}
		return singleAnswer{r}, x.refused()
	}
	if sc.imports && sc.kind == "shared" {
		for _, link := range slices.Backward(f.imports) {
			source := sc.p.find(link.env.Slug, link.path)
			if source == nil || c.actor.may("read", sc.p, link.env.Slug, link.path) != nil {
				continue
			}
			if sec := source.secret(name, ""); sec != nil {
				r := s.row(sc.p, link.env.Slug, sec)
				if sc.expand && !sec.Hidden {
					r.Value = x.value(sec, link.env.Slug, link.path)
				}
				if !sc.value {
					r = r.hide()
				}
				return singleAnswer{r}, nil
			}
		}
	}
	return nil, notFound("Secret with name '" + name + "' not found")
}

func (sc scope) pick(who actor, f *folder, name string) *secret {
	if sc.kind == "personal" {
		if who.userID() == "" {
			return nil
		}
		return f.secret(name, who.userID())
	}
	return f.secret(name, "")
}

// noFolder is the answer of a current server where that of 2024 has an empty list.
func noFolder(env, path string) *failure {
	return fail(http.StatusNotFound, "SecretPathNotFound",
		"Folder with path '"+path+"' in environment '"+env+"' was not found. Please ensure the environment slug and secret path is correct.")
}

// listEncrypted is GET /api/v3/secrets, the route before the raw ones: what is kept by
// today's servers is not in it.
func (s *Server) listEncrypted(c *call) (any, error) {
	var issues []any
	if _, err := s.resolve(c, s.parseV3(c.r.URL.Query(), &issues), "Missing workspace id or environment"); err != nil {
		return nil, err
	}
	return listAnswer{Secrets: []row{}}, nil
}
