package devserver

import (
	"net/http"
	"slices"
)

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
