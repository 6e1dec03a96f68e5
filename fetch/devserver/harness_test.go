package devserver_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"infuse/fetch/devserver"
)

// reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	body   string
}

// decode reads the body into a generic value.
func (r reply) object(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatalf("%v in %.200s", err, r.body)
	}
	return v
}

// values are the secrets of a list as "path KEY" -> value; those of imports as "env:path KEY".
func (r reply) values(t *testing.T) map[string]string {
	t.Helper()
	type secret struct{ SecretKey, SecretValue, SecretPath, Type string }
	var list struct {
		Secrets []secret
		Imports []struct {
			SecretPath, Environment string
			Secrets                 []secret
		}
	}
	if err := json.Unmarshal([]byte(r.body), &list); err != nil {
		t.Fatalf("%v in %.200s", err, r.body)
	}
	out := map[string]string{}
	for _, sec := range list.Secrets {
		name := sec.SecretPath + " " + sec.SecretKey
		if sec.Type == "personal" {
			name += " (personal)"
		}
		out[name] = sec.SecretValue
	}
	for _, imp := range list.Imports {
		for _, sec := range imp.Secrets {
			out[imp.Environment+":"+imp.SecretPath+" "+sec.SecretKey] = sec.SecretValue
		}
	}
	return out
}

// world is a server with one project and one identity with a token.
type world struct {
	*devserver.Server
	p     *devserver.Project
	id    devserver.Identity
	token string
}

func newWorld(cfg devserver.Config) *world {
	s := devserver.New(cfg)
	w := &world{Server: s, p: s.AddProject(devserver.ProjectConfig{Name: "App"}), id: s.AddIdentity(devserver.Identity{})}
	w.token = s.IssueToken(w.id.ID)
	return w
}

// ask sends one request with the world's token and reads the answer.
func (w *world) ask(t *testing.T, method, path, body string, header ...string) reply {
	t.Helper()
	r, err := w.try(t, method, path, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (w *world) try(t *testing.T, method, path, body string, header ...string) (reply, error) {
	t.Helper()
	path = strings.NewReplacer("PROJECT", w.p.ID()).Replace(path)
	body = strings.NewReplacer("PROJECT", w.p.ID()).Replace(body)
	req, err := http.NewRequestWithContext(t.Context(), method, "http://dev.test"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Transport: w.Transport()}).Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(data)}, err
}

// list is GET of a list, with v4's parameter names, as the version has them.
func (w *world) list(t *testing.T, query string, header ...string) reply {
	t.Helper()
	return w.ask(t, "GET", "/api/v4/secrets?projectId=PROJECT&"+query, "", header...)
}

func (w *world) listV3(t *testing.T, query string, header ...string) reply {
	t.Helper()
	return w.ask(t, "GET", "/api/v3/secrets/raw?workspaceId=PROJECT&"+query, "", header...)
}
