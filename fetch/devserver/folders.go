package devserver

import (
	"net/http"
	"net/url"
	"strings"
)

type folderRow struct {
	ID           string  `json:"id"`
	Name         string  `json:"name"`
	Version      int     `json:"version"`
	CreatedAt    string  `json:"createdAt"`
	UpdatedAt    string  `json:"updatedAt"`
	EnvID        string  `json:"envId"`
	ParentID     *string `json:"parentId"`
	IsReserved   bool    `json:"isReserved"`
	RelativePath string  `json:"relativePath,omitempty"`
}

func (f *folder) row(env *environment) folderRow {
	r := folderRow{ID: f.id, Name: f.name, Version: 1, CreatedAt: timestamp(f.createdAt), UpdatedAt: timestamp(f.updatedAt), EnvID: env.ID}
	if f.parent != nil {
		r.ParentID = &f.parent.id
	}
	return r
}

type foldersAnswer struct {
	Folders []folderRow `json:"folders"`
}

// listFoldersV1 is GET /api/v1/folders: workspaceId, environment, path (or directory), recursive.
func (s *Server) listFoldersV1(c *call) (any, error) { return s.listFolders(c, "workspaceId") }

// listFoldersV2 is GET /api/v2/folders, with projectId.
func (s *Server) listFoldersV2(c *call) (any, error) { return s.listFolders(c, "projectId") }

func (s *Server) listFolders(c *call, idName string) (any, error) {
	q := c.r.URL.Query()
	var issues []any
	recursive := flag(q, "recursive", false, &issues)
	p, env, path, err := s.place(c, q, idName, issues)
	if err != nil {
		return nil, err
	}
	out := foldersAnswer{Folders: []folderRow{}}
	top := p.find(env.Slug, path)
	if top == nil {
		return out, nil
	}
	if !recursive {
		for _, f := range top.children {
			out.Folders = append(out.Folders, f.row(env))
		}
		return out, nil
	}
	top.walk("/", func(f *folder, path string) {
		if f != top {
			r := f.row(env)
			r.RelativePath = path
			out.Folders = append(out.Folders, r)
		}
	})
	return out, nil
}

// place is the project, environment and path of a read that is not about secrets.
func (s *Server) place(c *call, q url.Values, idName string, issues []any) (*Project, *environment, string, error) {
	id := required(q, idName, &issues)
	slug := required(q, "environment", &issues)
	if issues != nil {
		return nil, nil, "", s.invalid(issues...)
	}
	path := "/"
	for _, name := range []string{"path", "directory", "secretPath"} {
		if q.Has(name) {
			path = clean(strings.TrimSpace(q.Get(name)))
			break
		}
	}
	p := s.project(id)
	if p == nil {
		return nil, nil, "", notFound("Project with ID '" + id + "' not found")
	}
	if f := c.actor.member(p); f != nil {
		return nil, nil, "", f
	}
	env := p.environment(slug)
	if env == nil {
		return nil, nil, "", fail(http.StatusNotFound, "NotFound", "Environment with slug '"+slug+"' in project with ID '"+id+"' not found")
	}
	return p, env, path, nil
}

// listImports is GET /api/v1/secret-imports.
func (s *Server) listImports(c *call) (any, error) {
	q := c.r.URL.Query()
	idName := "workspaceId"
	if !q.Has(idName) && q.Has("projectId") {
		idName = "projectId"
	}
	p, env, path, err := s.place(c, q, idName, nil)
	if err != nil {
		return nil, err
	}
	type link struct {
		ID                   string         `json:"id"`
		Version              int            `json:"version"`
		Path                 string         `json:"importPath"`
		Position             int            `json:"position"`
		CreatedAt            string         `json:"createdAt"`
		UpdatedAt            string         `json:"updatedAt"`
		FolderID             string         `json:"folderId"`
		IsReplication        bool           `json:"isReplication"`
		IsReplicationSuccess *bool          `json:"isReplicationSuccess"`
		ReplicationStatus    *string        `json:"replicationStatus"`
		LastReplicated       *string        `json:"lastReplicated"`
		IsReserved           bool           `json:"isReserved"`
		Env                  environmentRow `json:"importEnv"`
	}
	links := []link{}
	f := p.find(env.Slug, path)
	if f == nil {
		return nil, notFound("Folder with path '" + path + "' in environment with slug '" + env.Slug + "' not found")
	}
	for _, l := range f.imports {
		links = append(links, link{
			ID: l.id, Version: 1, Path: l.path, Position: l.position, CreatedAt: timestamp(l.createdAt), UpdatedAt: timestamp(l.updatedAt),
			FolderID: f.id, Env: environmentRow{Name: l.env.Name, Slug: l.env.Slug, ID: l.env.ID},
		})
	}
	return struct {
		Message string `json:"message"`
		Imports []link `json:"secretImports"`
	}{"Successfully fetched secret imports", links}, nil
}
