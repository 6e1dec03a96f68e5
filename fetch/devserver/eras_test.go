package devserver_test

import (
	"fmt"
	"strings"
	"testing"

	"infuse/fetch/devserver"
)

// TestEras is where the two generations differ.
func TestEras(t *testing.T) {
	for _, c := range []struct {
		name, method, path, body string
		current, old             int
		kind, oldKind            string // the member "error", where there is one
	}{
		{"list", "GET", "/api/v3/secrets/raw?workspaceId=PROJECT&environment=dev", "", 200, 200, "", ""},
		{"list v4", "GET", "/api/v4/secrets?projectId=PROJECT&environment=dev", "", 200, 404, "", "Not Found"},
		{"single v4", "GET", "/api/v4/secrets/A?projectId=PROJECT&environment=dev", "", 200, 404, "", "Not Found"},
		{"unknown path", "GET", "/api/v3/secrets/raw?workspaceId=PROJECT&environment=dev&secretPath=/no", "", 404, 200, "SecretPathNotFound", ""},
		{"unknown path v4", "GET", "/api/v4/secrets?projectId=PROJECT&environment=dev&secretPath=/no", "", 404, 404, "SecretPathNotFound", "Not Found"},
		{"unknown environment", "GET", "/api/v3/secrets/raw?workspaceId=PROJECT&environment=no", "", 404, 200, "SecretPathNotFound", ""},
		{"unknown project", "GET", "/api/v3/secrets/raw?workspaceId=no&environment=dev", "", 404, 404, "NotFound", "NotFound"},
		{"unknown slug", "GET", "/api/v3/secrets/raw?workspaceSlug=no&environment=dev", "", 404, 500, "NotFound", "Failed to find project by slug"},
		{"bad flag", "GET", "/api/v3/secrets/raw?workspaceId=PROJECT&environment=dev&recursive=1", "", 422, 401, "ValidationFailure", "ValidationFailure"},
		{"no environment", "GET", "/api/v4/secrets?projectId=PROJECT", "", 400, 404, "BadRequest", "Not Found"},
		{"slug on v4 is ignored", "GET", "/api/v4/secrets?workspaceSlug=app&environment=dev", "", 400, 404, "BadRequest", "Not Found"},
		{"workspaces of an identity", "GET", "/api/v1/workspace", "", 200, 403, "", "Forbidden access to /api/v1/workspace"},
		{"projects", "GET", "/api/v1/projects", "", 200, 404, "", "Not Found"},
		{"project", "GET", "/api/v1/projects/PROJECT", "", 200, 404, "", "Not Found"},
		{"project by slug", "GET", "/api/v1/projects/slug/app", "", 200, 404, "", "Not Found"},
		{"project by unknown slug", "GET", "/api/v1/projects/slug/no", "", 404, 404, "NotFound", "Not Found"},
		{"folders v2", "GET", "/api/v2/folders?projectId=PROJECT&environment=dev", "", 200, 404, "", "Not Found"},
		{"folders of an unknown environment", "GET", "/api/v1/folders?workspaceId=PROJECT&environment=no", "", 404, 404, "NotFound", "NotFound"},
		{"identity", "GET", "/api/v1/identities/details", "", 200, 200, "", ""},
		{"checkAuth is for people", "POST", "/api/v1/auth/checkAuth", "", 403, 403, "Forbidden access to /api/v1/auth/checkAuth", "Forbidden access to /api/v1/auth/checkAuth"},
		{"events", "POST", "/api/v1/events/subscribe/project-events", `{"projectId":"PROJECT","register":[]}`, 422, 404, "ValidationFailure", "Not Found"},
		{"double slash", "GET", "/api//status", "", 404, 404, "Not Found", "Not Found"},
	} {
		for era, want := range map[devserver.Era]int{devserver.Current: c.current, devserver.Era2024: c.old} {
			t.Run(fmt.Sprintf("%s/%d", c.name, era), func(t *testing.T) {
				w := newWorld(devserver.Config{Era: era})
				w.p.Set("dev", "/", "A", "1")
				r := w.ask(t, c.method, c.path, c.body)
				if r.status != want {
					t.Fatalf("status %d, want %d: %.300s", r.status, want, r.body)
				}
				kind := c.kind
				if era == devserver.Era2024 {
					kind = c.oldKind
				}
				if kind == "" {
					return
				}
				e := r.object(t)
				if e["error"] != kind {
					t.Errorf("error %q, want %q", e["error"], kind)
				}
				// Only the framework's own 404 has none on a current server.
				if _, has := e["reqId"]; has != (era == devserver.Current && kind != "Not Found") {
					t.Errorf("reqId: %v in %s", has, r.body)
				}
			})
		}
	}
}

func TestHiddenValues(t *testing.T) {
	w := newWorld(devserver.Config{})
	w.p.Put(devserver.Secret{Environment: "dev", Key: "H", Value: "s3cret", Hidden: true})
	w.p.Set("dev", "/", "REF", "<${H}>")
	w.p.Set("dev", "/", "OPEN", "open")
	for _, query := range []string{"environment=dev", "environment=dev&viewSecretValue=false"} {
		r := w.list(t, query)
		if strings.Contains(r.body, "s3cret") {
			t.Errorf("%s shows a hidden value", query)
		}
		if got := r.values(t)["/ H"]; got != "<hidden-by-infisical>" {
			t.Errorf("%s: %q", query, got)
		}
		if open := r.values(t)["/ OPEN"]; (open == "open") == strings.Contains(query, "false") {
			t.Errorf("%s: OPEN is %q", query, open)
		}
	}
	if r := w.ask(t, "GET", "/api/v4/secrets/H?projectId=PROJECT&environment=dev", ""); strings.Contains(r.body, "s3cret") || !strings.Contains(r.body, `"secretValueHidden":true`) {
		t.Errorf("single: %s", r.body)
	}
}

// TestPersonal: v3 answers both rows, v4 one of them; machines have none.
func TestPersonal(t *testing.T) {
	w := newWorld(devserver.Config{})
	user, other := w.AddUser(devserver.User{}), w.AddUser(devserver.User{Email: "other@localhost"})
	w.p.Set("dev", "/", "KEY", "shared")
	w.p.Put(devserver.Secret{Environment: "dev", Key: "KEY", Value: "mine", UserID: user.ID})
	w.p.Put(devserver.Secret{Environment: "dev", Key: "KEY", Value: "not mine", UserID: other.ID})
	machine := w.token
	for _, c := range []struct {
		token string
		list  func(*testing.T, string, ...string) reply
		query string
		want  string
	}{
		{w.UserToken(user.ID), w.listV3, "environment=dev", "map[/ KEY:shared / KEY (personal):mine]"},
		{w.UserToken(user.ID), w.list, "environment=dev", "map[/ KEY:shared]"},
		{w.UserToken(user.ID), w.list, "environment=dev&includePersonalOverrides=true", "map[/ KEY (personal):mine]"},
		{machine, w.listV3, "environment=dev", "map[/ KEY:shared]"},
		{machine, w.list, "environment=dev&includePersonalOverrides=true", "map[/ KEY:shared]"},
	} {
		w.token = c.token
		if got := fmt.Sprint(c.list(t, c.query).values(t)); got != c.want {
			t.Errorf("%s: %s, want %s", c.query, got, c.want)
		}
	}
}

// TestImports: position order, imports of imports after them, each folder once though they go in a circle.
func TestImports(t *testing.T) {
	w := newWorld(devserver.Config{})
	w.p.Set("dev", "/", "A", "local")
	w.p.Set("dev", "/one", "A", "1")
	w.p.Set("dev", "/one", "REF", "${A}")
	w.p.Set("prod", "/two", "A", "2")
	w.p.Set("prod", "/three", "A", "3")
	for _, imp := range []devserver.Import{
		{Environment: "dev", Path: "/", FromEnvironment: "dev", FromPath: "/one"},
		{Environment: "dev", Path: "/", FromEnvironment: "prod", FromPath: "/two"},
		{Environment: "dev", Path: "/one", FromEnvironment: "prod", FromPath: "/three"},
		{Environment: "prod", Path: "/three", FromEnvironment: "dev", FromPath: "/one"},
	} {
		w.p.AddImport(imp)
	}
	r := w.list(t, "environment=dev")
	if got, want := order(t, r), "[dev:/one prod:/two prod:/three]"; got != want {
		t.Errorf("imports %s, want %s", got, want)
	}
	if got := r.values(t)["dev:/one REF"]; got != "local" {
		t.Errorf("v4 expands an imported reference to %q; it is relative to the importing folder", got)
	}
	r = w.listV3(t, "environment=dev&include_imports=true&expandSecretReferences=true")
	if got := r.values(t)["dev:/one REF"]; got != "1" {
		t.Errorf("v3 expands an imported reference to %q; it is relative to its own folder", got)
	}
	if r := w.listV3(t, "environment=dev&includeImports=true"); strings.Contains(r.body, `"imports"`) {
		t.Error("v3 knows includeImports, which is v4's name")
	}
	single := w.ask(t, "GET", "/api/v4/secrets/REF?projectId=PROJECT&environment=dev", "")
	if !strings.Contains(single.body, `"secretPath":""`) && single.status != 200 {
		t.Errorf("an imported single secret: %d %s", single.status, single.body)
	}
}

func order(t *testing.T, r reply) string {
	var out []string
	for _, imp := range r.object(t)["imports"].([]any) {
		m := imp.(map[string]any)
		out = append(out, fmt.Sprint(m["environment"], ":", m["secretPath"]))
	}
	return fmt.Sprint(out)
}

// TestServiceTokenTrap: a token of one folder overrides what was asked for.
func TestServiceTokenTrap(t *testing.T) {
	w := newWorld(devserver.Config{})
	w.p.Set("dev", "/only", "A", "1")
	w.p.Set("prod", "/", "B", "2")
	w.token = w.AddServiceToken(devserver.ServiceToken{ProjectID: w.p.ID(), Scopes: []devserver.ServiceTokenScope{{Environment: "dev", Path: "/only"}}}).Bearer()
	if got := fmt.Sprint(w.list(t, "environment=prod").values(t)); got != "map[/only A:1]" {
		t.Errorf("got %s", got)
	}
	w.token = w.AddServiceToken(devserver.ServiceToken{ProjectID: w.p.ID(), Permissions: []string{"read"}, Scopes: []devserver.ServiceTokenScope{{Environment: "dev", Path: "/**"}}}).Bearer()
	if r := w.list(t, "environment=prod"); r.status != 403 {
		t.Errorf("out of its scope: status %d", r.status)
	}
	if r := w.ask(t, "POST", "/api/v3/secrets/raw/N", `{"workspaceId":"PROJECT","environment":"dev","secretValue":"x"}`); r.status != 403 {
		t.Errorf("a write by a token that reads: status %d", r.status)
	}
	w.token += "x"
	if r := w.list(t, "environment=dev"); r.status != 401 {
		t.Errorf("a wrong secret: status %d", r.status)
	}
}

// TestDeniedReference: a reference to what the token may not read fails the list of a current
// server and stays as it is on one of 2024; in imports it always stays.
func TestDeniedReference(t *testing.T) {
	for era, want := range map[devserver.Era]int{devserver.Current: 403, devserver.Era2024: 200} {
		w := newWorld(devserver.Config{Era: era})
		w.p.Set("dev", "/", "REF", "${prod.KEY}")
		w.p.Set("prod", "/", "KEY", "s3cret")
		w.p.Set("dev", "/imported", "REF", "${prod.KEY}")
		w.p.AddImport(devserver.Import{Environment: "dev", Path: "/importing", FromEnvironment: "dev", FromPath: "/imported"})
		w.token = w.AddServiceToken(devserver.ServiceToken{ProjectID: w.p.ID(), Scopes: []devserver.ServiceTokenScope{{Environment: "dev", Path: "/**"}}}).Bearer()
		r := w.listV3(t, "environment=dev&expandSecretReferences=true")
		if r.status != want || strings.Contains(r.body, "s3cret") || want == 403 && !strings.Contains(r.body, `"details":["You do not have permission`) {
			t.Errorf("era %d: %d %s", era, r.status, r.body)
		}
		r = w.listV3(t, "environment=dev&expandSecretReferences=true&include_imports=true&secretPath=/importing")
		if r.status != 200 || r.values(t)["dev:/imported REF"] != "${prod.KEY}" {
			t.Errorf("era %d: imports: %d %s", era, r.status, r.body)
		}
	}
}

func TestRoles(t *testing.T) {
	w := newWorld(devserver.Config{})
	w.p.Set("dev", "/", "A", "1")
	w.SetRole(w.id.ID, w.p.ID(), devserver.Viewer)
	if r := w.list(t, "environment=dev"); r.status != 200 {
		t.Errorf("a viewer reads: %d", r.status)
	}
	body := `{"workspaceId":"PROJECT","environment":"dev","secretValue":"x"}`
	for _, method := range []string{"POST", "PATCH", "DELETE"} {
		if r := w.ask(t, method, "/api/v3/secrets/raw/A", body); r.status != 403 || r.object(t)["error"] != "PermissionDenied" {
			t.Errorf("%s by a viewer: %d %s", method, r.status, r.body)
		}
	}
	w.SetRole(w.id.ID, w.p.ID(), "")
	for _, path := range []string{
		"/api/v4/secrets?projectId=PROJECT&environment=dev", "/api/v4/secrets/A?projectId=PROJECT&environment=dev", "/api/v1/workspace/PROJECT",
		"/api/v1/folders?workspaceId=PROJECT&environment=dev", "/api/v1/projects/slug/app", "/api/v1/secret-imports?workspaceId=PROJECT&environment=dev",
	} {
		if r := w.ask(t, "GET", path, ""); r.status != 403 {
			t.Errorf("%s by nobody of the project: %d", path, r.status)
		}
	}
	if r := w.ask(t, "GET", "/api/v1/projects", ""); strings.Contains(r.body, w.p.ID()) {
		t.Error("a project is listed to one who is not in it")
	}
}

// TestOddNames: names the server allows and a path does not.
func TestOddNames(t *testing.T) {
	w := newWorld(devserver.Config{})
	for name, escaped := range map[string]string{"a/b": "a%2Fb", "with space": "with%20space", "ü=ö": "%C3%BC%3D%C3%B6", "100%": "100%25", "a.b-c": "a.b-c"} {
		w.p.Set("dev", "/odd folder", name, "v")
		r := w.ask(t, "GET", "/api/v4/secrets/"+escaped+"/?projectId=PROJECT&environment=dev&secretPath=%2Fodd+folder", "")
		if r.status != 200 || r.object(t)["secret"].(map[string]any)["secretKey"] != name {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

// TestFolders: recursion with relative paths, and lists by recursion.
func TestFolders(t *testing.T) {
	w := newWorld(devserver.Config{})
	w.p.Set("dev", "/a/b", "KEY", "deep")
	w.p.Set("dev", "/a", "KEY", "middle")
	r := w.ask(t, "GET", "/api/v2/folders?projectId=PROJECT&environment=dev&recursive=true", "")
	for _, want := range []string{`"relativePath":"/a"`, `"relativePath":"/a/b"`} {
		if !strings.Contains(r.body, want) {
			t.Errorf("no %s in %s", want, r.body)
		}
	}
	if got := fmt.Sprint(w.list(t, "environment=dev&recursive=true").values(t)); got != "map[/a KEY:middle /a/b KEY:deep]" {
		t.Errorf("recursive: %s", got)
	}
	if got := fmt.Sprint(w.list(t, "environment=dev&secretPath=/a").values(t)); got != "map[/a KEY:middle]" {
		t.Errorf("one folder: %s", got)
	}
	if !w.p.DeleteFolder("dev", "/a") || w.p.DeleteFolder("dev", "/a") {
		t.Error("a folder is deleted once")
	}
	if r := w.list(t, "environment=dev&secretPath=/a/b"); r.status != 404 {
		t.Errorf("a deleted folder: %d", r.status)
	}
}
