package devserver

import (
	"slices"
	"sort"
)

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
	sort.Slice(out.Secrets, func(i, j int) bool { return out.Secrets[i].ID < out.Secrets[j].ID })
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
