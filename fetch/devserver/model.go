package devserver

import (
	"slices"
	"strings"
	"time"
)

// Project is a project of the server. Its methods may be called at any time.
type Project struct {
	server *Server
	cfg    ProjectConfig
	envs   []*environment
	fill   *fill // set by FillFrom
}

// ProjectConfig describes a project. Empty fields are made up.
type ProjectConfig struct {
	ID, Name, Slug       string
	Environments         []Environment // empty: Development, Staging and Production, as a new project has
	EndToEnd             bool          // a project of version 1: its secrets cannot be read by the raw routes
	CreatedAt, UpdatedAt time.Time
}

// Environment of a project. Everything addresses it by Slug.
type Environment struct{ ID, Name, Slug string }

type environment struct {
	Environment
	root *folder
}

type folder struct {
	id, name             string
	parent               *folder
	children             []*folder // in the order of their creation
	secrets              []*secret // sorted by id
	byKey                map[keyOf]*secret
	imports              []*importLink
	createdAt, updatedAt time.Time
}

// keyOf is a key and whose it is; the user of a shared secret is empty.
type keyOf struct{ key, userID string }

type secret struct {
	Secret
	version              int
	createdAt, updatedAt time.Time
}

type importLink struct {
	id                   string
	folder               *folder
	env                  *environment // the source
	path                 string
	position             int
	createdAt, updatedAt time.Time
}

// AddProject makes a project.
func (s *Server) AddProject(cfg ProjectConfig) *Project {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	cfg.ID = or(cfg.ID, s.newID())
	cfg.Name = or(cfg.Name, or(cfg.Slug, "Project"))
	cfg.Slug = or(cfg.Slug, slugify(cfg.Name))
	if cfg.CreatedAt.IsZero() {
		cfg.CreatedAt = now
	}
	if cfg.UpdatedAt.IsZero() {
		cfg.UpdatedAt = cfg.CreatedAt
	}
	if cfg.Environments == nil {
		cfg.Environments = []Environment{{Name: "Development", Slug: "dev"}, {Name: "Staging", Slug: "staging"}, {Name: "Production", Slug: "prod"}}
	}
	p := &Project{server: s, cfg: cfg}
	for _, e := range cfg.Environments {
		p.addEnvironment(e)
	}
	s.projects = append(s.projects, p)
	return p
}

// ID of the project, a UUID.
func (p *Project) ID() string { return p.cfg.ID }

// Slug of the project.
func (p *Project) Slug() string { return p.cfg.Slug }

// Name of the project.
func (p *Project) Name() string { return p.cfg.Name }

// Environments lists the project's environments by slug, in the order of their creation.
func (p *Project) Environments() []string {
	p.server.mu.Lock()
	defer p.server.mu.Unlock()
	var slugs []string
	for _, e := range p.envs {
		slugs = append(slugs, e.Slug)
	}
	return slugs
}

func (p *Project) addEnvironment(e Environment) *environment {
	now := p.server.now()
	e.ID = or(e.ID, p.server.newID())
	e.Name = or(e.Name, e.Slug)
	env := &environment{Environment: e, root: &folder{id: p.server.newID(), name: "root", createdAt: now, updatedAt: now}}
	p.envs = append(p.envs, env)
	return env
}

// now is the server's clock at the resolution it reports, milliseconds.
func (s *Server) now() time.Time { return s.cfg.Now().UTC().Truncate(time.Millisecond) }

func (s *Server) project(id string) *Project {
	for _, p := range s.projects {
		if p.cfg.ID == id {
			return p
		}
	}
	return nil
}

func (s *Server) projectBySlug(slug string) *Project {
	for _, p := range s.projects {
		if p.cfg.Slug == slug {
			return p
		}
	}
	return nil
}

func (p *Project) environment(slug string) *environment {
	for _, e := range p.envs {
		if e.Slug == slug {
			return e
		}
	}
	return nil
}

// find is the folder at path, or nil. A path starts with a slash; one
// slash at its end is ignored. Anything else is not there, as on the server.
func (p *Project) find(env, path string) *folder {
	e := p.environment(env)
	if e == nil || !strings.HasPrefix(path, "/") {
		return nil
	}
	f := e.root
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if name == "" {
			continue
		}
		if f = f.child(name); f == nil {
			return nil
		}
	}
	return f
}

// make is find that creates what is missing, the environment included.
func (p *Project) make(env, path string) *folder {
	e := p.environment(env)
	if e == nil {
		e = p.addEnvironment(Environment{Slug: env})
	}
	f := e.root
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if name == "" {
			continue
		}
		next := f.child(name)
		if next == nil {
			now := p.server.now()
			next = &folder{id: p.server.newID(), name: name, parent: f, createdAt: now, updatedAt: now}
			f.children = append(f.children, next)
		}
		f = next
	}
	return f
}

func (f *folder) child(name string) *folder {
	for _, c := range f.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// walk calls visit for f and every folder below it, with their paths.
func (f *folder) walk(path string, visit func(*folder, string)) {
	visit(f, path)
	for _, c := range f.children {
		c.walk(join(path, c.name), visit)
	}
}

func join(path, name string) string { return strings.TrimSuffix(path, "/") + "/" + name }

// clean is path without a slash at its end.
func clean(path string) string {
	if len(path) > 1 {
		return strings.TrimSuffix(path, "/")
	}
	return path
}

// secret finds a row by key: the shared one, or the personal one of a user.
func (f *folder) secret(key, userID string) *secret { return f.byKey[keyOf{key, userID}] }

func (f *folder) add(sec *secret) {
	i, _ := slices.BinarySearchFunc(f.secrets, sec.ID, func(a *secret, id string) int { return strings.Compare(a.ID, id) })
	f.secrets = slices.Insert(f.secrets, i, sec)
	if f.byKey == nil {
		f.byKey = map[keyOf]*secret{}
	}
	f.byKey[keyOf{sec.Key, sec.UserID}] = sec
}

func (f *folder) rename(sec *secret, key string) {
	delete(f.byKey, keyOf{sec.Key, sec.UserID})
	sec.Key = key
	f.byKey[keyOf{key, sec.UserID}] = sec
}

// remove takes a row away; the personal values of a key go with the shared one.
func (f *folder) remove(sec *secret) {
	f.secrets = slices.DeleteFunc(f.secrets, func(other *secret) bool {
		gone := other == sec || sec.UserID == "" && other.Key == sec.Key
		if gone {
			delete(f.byKey, keyOf{other.Key, other.UserID})
		}
		return gone
	})
}

func slugify(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return or(strings.TrimSuffix(b.String(), "-"), "project")
}

// Project finds a project by its id.
func (s *Server) Project(id string) (*Project, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.project(id)
	return p, p != nil
}
