package devserver

import (
	"net/http"
	"strings"
)

// target is the folder a write goes to.
type target struct {
	p         *Project
	env, path string
	f         *folder
	userID    string // of type=personal
}

// target reads and checks what every write names. action is what the actor must be allowed to do.
func (s *Server) target(c *call, body map[string]any, action string, issues []any) (target, error) {
	id := optional(body, "workspaceId", optional(body, "projectId", ""))
	if slug := optional(body, "projectSlug", optional(body, "workspaceSlug", "")); id == "" && slug != "" {
		if p := s.projectBySlug(slug); p != nil {
			id = p.cfg.ID
		}
	}
	if id == "" {
		name := "workspaceId"
		if strings.HasPrefix(c.r.URL.Path, "/api/v4/") {
			name = "projectId"
		}
		issues = append(issues, wrongType("string", "undefined", name))
	}
	t := target{env: c.stringField(body, "environment", &issues), path: clean(optional(body, "secretPath", "/"))}
	kind := optional(body, "type", "shared")
	if kind != "shared" && kind != "personal" {
		issues = append(issues, wrongEnum(kind, []string{"shared", "personal"}, "type"))
	}
	if issues != nil {
		return t, s.invalid(issues...)
	}
	p, f := s.openProject(id)
	if f != nil {
		return t, f
	}
	if f := c.actor.may(action, p, t.env, t.path); f != nil {
		return t, f
	}
	t.p, t.f = p, p.find(t.env, t.path)
	if t.f == nil {
		if s.cfg.Era == Era2024 {
			return t, fail(http.StatusNotFound, "Secret", "Folder with path '"+t.path+"' in environment with slug '"+t.env+"' not found")
		}
		return t, noFolder(t.env, t.path)
	}
	if kind == "personal" {
		if c.actor.user == nil {
			return t, badRequest("Must be user to create personal secret")
		}
		t.userID = c.actor.user.ID
	}
	return t, nil
}

// trimmed is a value as the server keeps it: without blanks around it, but for one newline at its end.
func trimmed(value string) string {
	if strings.HasSuffix(value, "\n") {
		return strings.TrimSpace(value) + "\n"
	}
	return strings.TrimSpace(value)
}

// valueField is a required secretValue; it is not trimmed as names are.
func valueField(body map[string]any, issues *[]any, path ...any) string {
	value, ok := body["secretValue"]
	if text, isString := value.(string); isString {
		return trimmed(text)
	}
	received := "undefined"
	if ok {
		received = typeName(value)
	}
	*issues = append(*issues, wrongType("string", received, append(path, "secretValue")...))
	return ""
}

// createSecret is POST /api/v3/secrets/raw/{name}, and v4.
func (s *Server) createSecret(c *call) (any, error) {
	body, f := c.object()
	if f != nil {
		return nil, f
	}
	var issues []any
	value := valueField(body, &issues)
	t, err := s.target(c, body, "create", issues)
	if err != nil {
		return nil, err
	}
	created, f := s.create(t, c.r.PathValue("name"), value, body)
	if f != nil {
		return nil, f
	}
	return singleAnswer{s.row(t.p, t.env, created)}, nil
}

func (s *Server) create(t target, name, value string, body map[string]any) (*secret, *failure) {
	if t.f.secret(name, t.userID) != nil {
		return nil, badRequest("Secret already exist")
	}
	if t.userID != "" && t.f.secret(name, "") == nil {
		return nil, badRequest("Failed to create personal secret override for no corresponding shared secret")
	}
	skip, _ := body["skipMultilineEncoding"].(bool)
	return t.p.put(Secret{
		Environment: t.env, Path: t.path, Key: name, Value: value, UserID: t.userID,
		Comment: optional(body, "secretComment", ""), SkipMultiline: skip,
	}), nil
}

// updateSecret is PATCH /api/v3/secrets/raw/{name}, and v4.
func (s *Server) updateSecret(c *call) (any, error) {
	body, f := c.object()
	if f != nil {
		return nil, f
	}
	t, err := s.target(c, body, "edit", nil)
	if err != nil {
		return nil, err
	}
	r, f := s.update(t, c.r.PathValue("name"), body)
	if f != nil {
		return nil, f
	}
	return singleAnswer{r}, nil
}

func (s *Server) update(t target, name string, body map[string]any) (row, *failure) {
	sec := t.f.secret(name, t.userID)
	if sec == nil {
		return row{}, notFound("Secret with name " + name + " not found")
	}
	if value, ok := body["secretValue"].(string); ok {
		sec.Value = trimmed(value)
	}
	if comment, ok := body["secretComment"].(string); ok {
		sec.Comment = comment
	}
	if skip, ok := body["skipMultilineEncoding"].(bool); ok {
		sec.SkipMultiline = skip
	}
	if renamed := optional(body, "newSecretName", ""); renamed != "" && renamed != name {
		if t.f.secret(renamed, t.userID) != nil {
			return row{}, badRequest("Secret with the new name already exists")
		}
		s.emit(t.p, "secret:delete", t.env, t.path, name)
		t.f.rename(sec, renamed)
	}
	sec.version++
	sec.updatedAt = s.now()
	s.emit(t.p, "secret:update", t.env, t.path, sec.Key)
	r := s.row(t.p, t.env, sec)
	// The answer shows the comment of this request, not the one that is kept.
	r.Comment = optional(body, "secretComment", "")
	return r, nil
}

// deleteSecret is DELETE /api/v3/secrets/raw/{name}, and v4.
func (s *Server) deleteSecret(c *call) (any, error) {
	body, f := c.object()
	if f != nil {
		return nil, f
	}
	t, err := s.target(c, body, "delete", nil)
	if err != nil {
		return nil, err
	}
	r, f := s.remove(t, c.r.PathValue("name"))
	if f != nil {
		return nil, f
	}
	return singleAnswer{r}, nil
}

func (s *Server) remove(t target, name string) (row, *failure) {
	sec := t.f.secret(name, t.userID)
	if sec == nil {
		return row{}, fail(http.StatusNotFound, "DeleteSecret", "Secret with name '"+name+"' not found")
	}
	r := s.row(t.p, t.env, sec)
	t.f.remove(sec)
	s.emit(t.p, "secret:delete", t.env, t.path, name)
	return r, nil
}

type batchAnswer struct {
	Secrets []row `json:"secrets"`
}

// batch runs one step for each member of "secrets", all or none.
func (s *Server) batch(c *call, action string, check func(target, string) *failure, needValue bool, step func(target, string, string, map[string]any) (row, *failure)) (any, error) {
	body, f := c.object()
	if f != nil {
		return nil, f
	}
	var issues []any
	list, ok := body["secrets"].([]any)
	if !ok {
		issues = append(issues, wrongType("array", map[bool]string{true: typeName(body["secrets"]), false: "undefined"}[body["secrets"] != nil], "secrets"))
	}
	var names, values []string
	var members []map[string]any
	for i, item := range list {
		object, _ := item.(map[string]any)
		name, isString := object["secretKey"].(string)
		if !isString {
			issues = append(issues, wrongType("string", "undefined", "secrets", i, "secretKey"))
		}
		value := ""
		if needValue {
			value = valueField(object, &issues, "secrets", i)
		}
		names, values, members = append(names, name), append(values, value), append(members, object)
	}
	t, err := s.target(c, body, action, issues)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if f := check(t, name); f != nil {
			return nil, f
		}
	}
	out := batchAnswer{Secrets: []row{}}
	for i, name := range names {
		r, f := step(t, name, values[i], members[i])
		if f != nil {
			return nil, f
		}
		out.Secrets = append(out.Secrets, r)
	}
	return out, nil
}

// createBatch is POST /api/v3/secrets/batch/raw, and v4.
func (s *Server) createBatch(c *call) (any, error) {
	return s.batch(c, "create", func(t target, name string) *failure {
		if t.f.secret(name, t.userID) != nil {
			return badRequest("Secret already exist")
		}
		return nil
	}, true, func(t target, name, value string, body map[string]any) (row, *failure) {
		sec, f := s.create(t, name, value, body)
		if f != nil {
			return row{}, f
		}
		return s.row(t.p, t.env, sec), nil
	})
}

// updateBatch is PATCH /api/v3/secrets/batch/raw, and v4.
func (s *Server) updateBatch(c *call) (any, error) {
	return s.batch(c, "edit", isThere("Secret"), false, func(t target, name, _ string, body map[string]any) (row, *failure) {
		return s.update(t, name, body)
	})
}

// deleteBatch is DELETE /api/v3/secrets/batch/raw, and v4.
func (s *Server) deleteBatch(c *call) (any, error) {
	return s.batch(c, "delete", isThere("DeleteSecret"), false, func(t target, name, _ string, _ map[string]any) (row, *failure) {
		return s.remove(t, name)
	})
}

func isThere(kind string) func(target, string) *failure {
	return func(t target, name string) *failure {
		if t.f.secret(name, t.userID) == nil {
			return fail(http.StatusNotFound, kind, "Secret with name '"+name+"' not found")
		}
		return nil
	}
}
