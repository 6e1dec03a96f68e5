package devserver

// projectRow is a project on the wire; the nulls are settings this server has none of.
type projectRow struct {
	ID                 string           `json:"id"`
	Name               string           `json:"name"`
	Slug               string           `json:"slug"`
	AutoCapitalization bool             `json:"autoCapitalization"`
	OrgID              string           `json:"orgId"`
	CreatedAt          string           `json:"createdAt"`
	UpdatedAt          string           `json:"updatedAt"`
	Version            int              `json:"version"`
	UpgradeStatus      *string          `json:"upgradeStatus"`
	PITVersionLimit    int              `json:"pitVersionLimit"`
	KMSCertificateKey  *string          `json:"kmsCertificateKeyId"`
	AuditRetention     *int             `json:"auditLogsRetentionDays"`
	UnderID            string           `json:"_id"`
	Environments       []environmentRow `json:"environments"`
}

type environmentRow struct {
	Name string `json:"name"`
	Slug string `json:"slug"`
	ID   string `json:"id"`
}

func (p *Project) row() projectRow {
	r := projectRow{
		ID: p.cfg.ID, Name: p.cfg.Name, Slug: p.cfg.Slug, AutoCapitalization: true, OrgID: p.server.organization.ID,
		CreatedAt: timestamp(p.cfg.CreatedAt), UpdatedAt: timestamp(p.cfg.UpdatedAt), Version: 3, PITVersionLimit: 10,
		UnderID: p.cfg.ID, Environments: []environmentRow{},
	}
	if p.cfg.EndToEnd {
		r.Version = 1
	}
	for _, e := range p.envs {
		r.Environments = append(r.Environments, environmentRow{Name: e.Name, Slug: e.Slug, ID: e.ID})
	}
	return r
}

func (s *Server) visible(c *call) []projectRow {
	rows := []projectRow{}
	for _, p := range s.projects {
		if c.actor.role(p) != "" {
			rows = append(rows, p.row())
		}
	}
	return rows
}

// listWorkspaces is GET /api/v1/workspace; in 2024 for people only.
func (s *Server) listWorkspaces(c *call) (any, error) {
	if s.cfg.Era == Era2024 {
		if f := people.permit(c.actor, c.r.URL.Path); f != nil {
			return nil, f
		}
	}
	return struct {
		Workspaces []projectRow `json:"workspaces"`
	}{s.visible(c)}, nil
}

// listProjects is GET /api/v1/projects.
func (s *Server) listProjects(c *call) (any, error) {
	return struct {
		Projects []projectRow `json:"projects"`
	}{s.visible(c)}, nil
}

// getWorkspace is GET /api/v1/workspace/{id}.
func (s *Server) getWorkspace(c *call) (any, error) {
	r, err := s.projectByID(c)
	if err != nil {
		return nil, err
	}
	return struct {
		Workspace projectRow `json:"workspace"`
	}{r}, nil
}

// getProject is GET /api/v1/projects/{id}.
func (s *Server) getProject(c *call) (any, error) {
	r, err := s.projectByID(c)
	if err != nil {
		return nil, err
	}
	return struct {
		Project projectRow `json:"project"`
	}{r}, nil
}

func (s *Server) projectByID(c *call) (projectRow, error) {
	id := c.r.PathValue("id")
	p := s.project(id)
	if p == nil {
		return projectRow{}, notFound("Project with ID '" + id + "' not found")
	}
	if f := c.actor.member(p); f != nil {
		return projectRow{}, f
	}
	return p.row(), nil
}

// getProjectBySlug is GET /api/v2/workspace/{slug} and GET /api/v1/projects/slug/{slug}: the bare project.
func (s *Server) getProjectBySlug(c *call) (any, error) {
	slug := c.r.PathValue("slug")
	p := s.projectBySlug(slug)
	if p == nil {
		return nil, notFound("Project with slug '" + slug + "' not found")
	}
	if f := c.actor.member(p); f != nil {
		return nil, f
	}
	return p.row(), nil
}
