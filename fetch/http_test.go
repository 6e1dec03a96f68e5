package fetch_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"infuse/fetch"
	"infuse/fetch/api"
)

// TestScopeIsRefusedFirst: what is missing costs no request and no login.
func TestScopeIsRefusedFirst(t *testing.T) {
	for name, c := range map[string]struct {
		scope   fetch.Scope
		missing string
		words   []string
	}{
		"project":     {fetch.Scope{Environment: "dev"}, "project", []string{"no project is given", "--project-id", "INFISICAL_PROJECT_ID", "workspaceId", ".infisical.json"}},
		"environment": {fetch.Scope{ProjectSlug: "p"}, "environment", []string{"no environment is given", "--env", "INFISICAL_ENVIRONMENT", "defaultEnvironment", ".infisical.json"}},
		"path":        {fetch.Scope{ProjectID: "p", Environment: "dev", Paths: []string{"/a/../b"}}, "", []string{`".."`}},
		"control":     {fetch.Scope{ProjectID: "p", Environment: "dev", Paths: []string{"/a\nb"}}, "", []string{"control character"}},
		"blank":       {fetch.Scope{ProjectID: "p", Environment: "de v"}, "", []string{"the environment holds a blank"}},
	} {
		s, tok := &server{}, &tokens{}
		_, err := source(t, s, tok).Fetch(t.Context(), c.scope)
		e, ok := errors.AsType[*fetch.ScopeError](err)
		if !ok || e.Missing != c.missing {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, word := range c.words {
			if !strings.Contains(e.Error()+"\n"+e.Hint, word) {
				t.Errorf("%s: %q says nothing about %s", name, e.Error()+"\n"+e.Hint, word)
			}
		}
		if len(s.asked) != 0 || tok.given != 0 {
			t.Errorf("%s: %d requests and %d tokens", name, len(s.asked), tok.given)
		}
	}
}

func TestNormalize(t *testing.T) {
	got, err := fetch.Scope{ProjectID: "p", Environment: "dev", Paths: []string{"backend", "/backend/", "//a//b/", " x ", "/", "backend"}, Tags: []string{"b", "a", "b"}}.Normalize()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/a/b", "/x", "/", "/backend"}, got.Paths); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, got.Tags); diff != "" {
		t.Error(diff)
	}
	if got, err = (fetch.Scope{ProjectID: "p", Environment: "dev"}).Normalize(); err != nil || !slices.Equal(got.Paths, []string{"/"}) {
		t.Errorf("%v, %v", got.Paths, err)
	}
}

// TestQuery: every boolean is sent, under both spellings, true or false.
func TestQuery(t *testing.T) {
	for _, on := range []bool{true, false} {
		s := &server{routes: map[string]http.HandlerFunc{v3: answer(200, oneSecret)}}
		scope := fetch.Scope{ProjectID: "p", Environment: "dev", Paths: []string{"backend"}, Recursive: on, Imports: on, Expand: on, Personal: on, Tags: []string{"a", "b"}}
		snapshot, err := source(t, s, &tokens{}).Fetch(t.Context(), scope)
		if err != nil {
			t.Fatal(err)
		}
		b := map[bool]string{true: "true", false: "false"}[on]
		want := url.Values{
			"environment": {"dev"}, "secretPath": {"/backend"}, "recursive": {b}, "includeImports": {b}, "include_imports": {b},
			"expandSecretReferences": {b}, "includePersonalOverrides": {b}, "viewSecretValue": {"true"}, "tagSlugs": {"a,b"},
		}
		for i, key := range []string{"projectId", "workspaceId"} {
			want.Set(key, "p")
			if diff := cmp.Diff(want, s.query[i]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", s.asked[i], diff)
			}
			want.Del(key)
		}
		if values(snapshot)["A"] != "1" || snapshot.Source != "http://h" || snapshot.FetchedAt.IsZero() {
			t.Errorf("%+v", snapshot)
		}
	}
}

// TestFallback: v3 only where v4 has no route; remembered, and said once.
func TestFallback(t *testing.T) {
	for name, route := range map[string]http.HandlerFunc{
		"no route": nil,
		"a proxy's 404": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(404)
			_, _ = w.Write([]byte("<html>not found"))
		},
		"a page for every path": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<!doctype html>"))
		},
	} {
		s := &server{routes: map[string]http.HandlerFunc{v3: answer(200, oneSecret)}}
		if route != nil {
			s.routes[v4] = route
		}
		src := source(t, s, &tokens{})
		for i := range 3 {
			snapshot, err := src.Fetch(t.Context(), dev())
			if err != nil || values(snapshot)["A"] != "1" {
				t.Fatalf("%s: %v", name, err)
			}
			if hasWarning(snapshot, "deprecated") != (i == 0) {
				t.Errorf("%s: fetch %d warns %q", name, i+1, snapshot.Warnings)
			}
		}
		if s.count(v4) != 1 || s.count(v3) != 3 {
			t.Errorf("%s: asked %v", name, s.asked)
		}
	}
}

func TestNoFallback(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		what   string
	}{
		"unknown folder":  {404, `{"reqId":"r","message":"Folder with path '/' in environment 'dev' was not found","error":"SecretPathNotFound"}`, "environment"},
		"unknown project": {404, `{"reqId":"r","message":"Project with ID 'p' not found","error":"NotFound"}`, "project"},
		"forbidden":       {403, `{"message":"You are not allowed to read on secrets","error":"PermissionDenied"}`, ""},
		"broken":          {500, `{"message":"Something went wrong","error":"InternalServerError"}`, ""},
		"bad request":     {400, `{"message":"m","error":"BadRequest"}`, ""},
		"invalid":         {422, `{"message":[{"path":["environment"]}],"error":"ValidationFailure"}`, ""},
		"rate":            {429, `{"message":"Rate limit exceeded","error":"RateLimitExceeded"}`, ""},
	} {
		s := &server{routes: map[string]http.HandlerFunc{v4: answer(c.status, c.body), v3: answer(200, oneSecret)}}
		_, err := source(t, s, &tokens{}).Fetch(t.Context(), dev())
		e, ok := errors.AsType[*api.Error](err)
		if !ok || e.Status != c.status || s.count(v3) != 0 {
			t.Errorf("%s: %v", name, err)
		}
		if missing, ok := errors.AsType[*fetch.NotFoundError](err); ok != (c.what != "") || ok && missing.What != c.what {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNeitherRoute(t *testing.T) {
	s := &server{}
	_, err := source(t, s, &tokens{}).Fetch(t.Context(), dev())
	if e, ok := errors.AsType[*api.Error](err); !ok || !e.NoRoute || e.Path != v4 {
		t.Errorf("%v", err)
	}
}

// TestAllPathsAtOnce holds every answer back until all are asked for.
func TestAllPathsAtOnce(t *testing.T) {
	var wg sync.WaitGroup
	wg.Add(3)
	s := &server{routes: map[string]http.HandlerFunc{v4: func(w http.ResponseWriter, r *http.Request) {
		wg.Done()
		wg.Wait()
		path := r.URL.Query().Get("secretPath")
		answer(200, `{"secrets":[{"secretKey":"A","secretValue":"`+path+`","type":"shared","secretPath":"`+path+`"}],"imports":[]}`)(w, r)
	}}}
	scope := dev()
	scope.Paths = []string{"/c", "/a", "/b"}
	snapshot, err := source(t, s, &tokens{}).Fetch(t.Context(), scope)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A=/b from dev:/b over [dev:/a dev:/c]"}, lines(snapshot.Secrets)); diff != "" {
		t.Error(diff)
	}
}

// TestOnePathFails: the others are given up, and the first failure is the outcome.
func TestOnePathFails(t *testing.T) {
	s := &server{routes: map[string]http.HandlerFunc{v4: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("secretPath") == "/b" {
			answer(403, `{"message":"no","error":"PermissionDenied"}`)(w, r)
			return
		}
		answer(200, oneSecret)(w, r)
	}}}
	scope := dev()
	scope.Paths = []string{"/a", "/b"}
	_, err := source(t, s, &tokens{}).Fetch(t.Context(), scope)
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Status != 403 || !strings.Contains(err.Error(), "/b") {
		t.Errorf("%v", err)
	}
}

const project = `{"id":"p","name":"P","slug":"p-slug","environments":[{"name":"Dev","slug":"dev"},{"name":"Prod","slug":"prod"}]}`

func TestSlug(t *testing.T) {
	bare := answer(200, project)
	for name, c := range map[string]struct {
		routes map[string]http.HandlerFunc
		asked  []string
		key    string
		what   string
	}{
		"today":     {map[string]http.HandlerFunc{"/api/v1/projects/slug/p-slug": bare, v4: answer(200, oneSecret)}, []string{"/api/v1/projects/slug/p-slug", v4}, "projectId", ""},
		"2024":      {map[string]http.HandlerFunc{"/api/v2/workspace/p-slug": bare, v3: answer(200, oneSecret)}, []string{"/api/v1/projects/slug/p-slug", "/api/v2/workspace/p-slug", v4, v3}, "workspaceId", ""},
		"forbidden": {map[string]http.HandlerFunc{"/api/v1/projects/slug/p-slug": answer(403, `{"message":"m","error":"PermissionDenied"}`), v3: answer(200, oneSecret)}, []string{"/api/v1/projects/slug/p-slug", v3}, "workspaceSlug", ""},
		"neither":   {map[string]http.HandlerFunc{v3: answer(200, oneSecret)}, []string{"/api/v1/projects/slug/p-slug", "/api/v2/workspace/p-slug", v3}, "workspaceSlug", ""},
		"unknown":   {map[string]http.HandlerFunc{"/api/v1/projects/slug/p-slug": answer(404, `{"message":"Project with slug 'p-slug' not found","error":"NotFound"}`)}, []string{"/api/v1/projects/slug/p-slug"}, "", "project"},
		"unknown, v3 only": {map[string]http.HandlerFunc{v3: answer(500, `{"message":"Something went wrong","error":"Failed to find project by slug"}`)},
			[]string{"/api/v1/projects/slug/p-slug", "/api/v2/workspace/p-slug", v3}, "workspaceSlug", "project"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{routes: c.routes}
			scope := dev()
			scope.ProjectID, scope.ProjectSlug = "", "p-slug"
			src := source(t, s, &tokens{})
			_, err := src.Fetch(t.Context(), scope)
			if diff := cmp.Diff(c.asked, s.asked); diff != "" {
				t.Error(diff)
			}
			if missing, ok := errors.AsType[*fetch.NotFoundError](err); ok != (c.what != "") || ok && missing.What != c.what || !ok && err != nil {
				t.Fatal(err)
			}
			if last := s.query[len(s.query)-1]; c.key != "" && last.Get(c.key) == "" {
				t.Errorf("no %s in %v", c.key, last)
			}
			if c.what == "" && name == "today" {
				if _, err := src.Fetch(t.Context(), scope); err != nil || s.count("/api/v1/projects/slug/p-slug") != 1 {
					t.Errorf("the slug is resolved %d times: %v", s.count("/api/v1/projects/slug/p-slug"), err)
				}
			}
		})
	}
}

// TestEmptyList: a server that answers an unknown place with an empty list.
func TestEmptyList(t *testing.T) {
	wrapped := answer(200, `{"workspace":`+project+`}`)
	folders := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("path") {
		case "/":
			answer(200, `{"folders":[{"id":"1","name":"backend"},{"id":"2","name":"empty"}]}`)(w, r)
		case "/backend":
			answer(200, `{"folders":[{"id":"3","name":"db"}]}`)(w, r)
		default:
			answer(200, `{"folders":[]}`)(w, r)
		}
	}
	forbidden := answer(403, `{"message":"You are not allowed","error":"PermissionDenied"}`)
	for name, c := range map[string]struct {
		env, path          string
		workspace, folders http.HandlerFunc
		what, words        string
		warning            string
	}{
		"empty root":            {"dev", "/", wrapped, folders, "", "", ""},
		"empty folder":          {"dev", "/empty", wrapped, folders, "", "", ""},
		"empty folder, deep":    {"dev", "/backend/db", wrapped, folders, "", "", ""},
		"unknown environment":   {"nope", "/", wrapped, folders, "environment", "no such environment: nope (in project p); there is dev, prod", ""},
		"unknown folder":        {"dev", "/nope", wrapped, folders, "folder", "no such folder: /nope (in environment dev); there is /backend, /empty", ""},
		"unknown parent":        {"dev", "/nope/x", wrapped, folders, "folder", "no such folder: /nope/x (in environment dev)", ""},
		"unknown project":       {"dev", "/", answer(404, `{"message":"Project not found","error":"NotFound"}`), folders, "project", "no such project: p", ""},
		"project not readable":  {"nope", "/", forbidden, folders, "", "", "could not be checked"},
		"no such route":         {"nope", "/", nil, folders, "", "", "could not be checked"},
		"folders not readable":  {"dev", "/nope", wrapped, forbidden, "", "", "could not be checked"},
		"environment unchecked": {"dev", "/", wrapped, forbidden, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{routes: map[string]http.HandlerFunc{v3: answer(200, noSecrets), "/api/v1/folders": c.folders}}
			if c.workspace != nil {
				s.routes["/api/v1/workspace/p"] = c.workspace
			}
			scope := dev()
			scope.Environment, scope.Paths = c.env, []string{c.path}
			snapshot, err := source(t, s, &tokens{}).Fetch(t.Context(), scope)
			if c.what != "" {
				if e, ok := errors.AsType[*fetch.NotFoundError](err); !ok || e.What != c.what || e.Error() != c.words || api.Failing(err) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || len(snapshot.Secrets) != 0 {
				t.Fatal(err)
			}
			if hasWarning(snapshot, "could not be checked") != (c.warning != "") {
				t.Errorf("warnings: %q", snapshot.Warnings)
			}
		})
	}
	broken := &server{routes: map[string]http.HandlerFunc{v3: answer(200, noSecrets), "/api/v1/workspace/p": answer(503, `{}`)}}
	if _, err := source(t, broken, &tokens{}).Fetch(t.Context(), dev()); !api.Failing(err) {
		t.Errorf("a project that cannot be read right now: %v", err)
	}
}

// TestNotFoundIsLocated: a "not found" of the list is made more exact where the
// project can be read, and stays as it is, at once, where it cannot.
func TestNotFoundIsLocated(t *testing.T) {
	missing := answer(404, `{"message":"Folder with path '/nope' in environment with slug 'dev' not found","error":"SecretPathNotFound"}`)
	folders := answer(200, `{"folders":[{"id":"1","name":"backend"}]}`)
	for name, c := range map[string]struct {
		env       string
		workspace http.HandlerFunc
		words     string
	}{
		"folder":                {"dev", answer(200, `{"workspace":`+project+`}`), "no such folder: /nope (in environment dev); there is /backend"},
		"environment":           {"nope", answer(200, `{"workspace":`+project+`}`), "no such environment: nope (in project p); there is dev, prod"},
		"project forbidden":     {"dev", answer(403, `{"message":"m","error":"PermissionDenied"}`), "no such folder or environment: /nope (in environment dev)"},
		"project said unknown":  {"dev", answer(404, `{"message":"Project not found","error":"NotFound"}`), "no such folder or environment: /nope (in environment dev)"},
		"project route failing": {"dev", answer(503, `{}`), "no such folder or environment: /nope (in environment dev)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{routes: map[string]http.HandlerFunc{v4: missing, "/api/v1/workspace/p": c.workspace, "/api/v1/folders": folders}}
			scope := dev()
			scope.Environment, scope.Paths = c.env, []string{"/nope"}
			src := source(t, s, &tokens{})
			retrying, err := api.NewHTTPClient(api.TransportConfig{Base: s, Retries: 1})
			if err != nil {
				t.Fatal(err)
			}
			src.API.HTTP = retrying
			_, err = src.Fetch(t.Context(), scope)
			if err == nil || err.Error() != c.words {
				t.Errorf("%v, want %q", err, c.words)
			}
			if n := s.count("/api/v1/workspace/p"); n != 1 {
				t.Errorf("the project was asked for %d times", n)
			}
		})
	}
}

// TestEmptyListIsLookedAtAgain: a folder that goes away while it is watched.
func TestEmptyListIsLookedAtAgain(t *testing.T) {
	body := `{"folders":[{"id":"1","name":"x"}]}`
	s := &server{routes: map[string]http.HandlerFunc{v3: answer(200, noSecrets), "/api/v1/workspace/p": answer(200, `{"workspace":`+project+`}`),
		"/api/v1/folders": func(w http.ResponseWriter, r *http.Request) { answer(200, body)(w, r) }}}
	src := source(t, s, &tokens{})
	scope := dev()
	scope.Paths = []string{"/x"}
	if _, err := src.Fetch(t.Context(), scope); err != nil {
		t.Fatal(err)
	}
	body = `{"folders":[]}`
	if _, err := src.Fetch(t.Context(), scope); err == nil {
		t.Error("the folder is gone, and nothing is said")
	}
}

func TestOneNewLogin(t *testing.T) {
	expired := answer(403, `{"message":"Your token has expired. Please re-authenticate.","error":"TokenError"}`)
	reject := func(bad ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if slices.Contains(bad, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
				expired(w, r)
				return
			}
			answer(200, oneSecret)(w, r)
		}
	}
	for name, c := range map[string]struct {
		bad      []string
		static   string
		paths    []string
		requests int
		rejected []string
		ok       bool
	}{
		"good":          {nil, "", []string{"/"}, 1, nil, true},
		"expired":       {[]string{"t1"}, "", []string{"/"}, 2, []string{"t1"}, true},
		"twice":         {[]string{"t1", "t2"}, "", []string{"/"}, 2, []string{"t1", "t2"}, false},
		"nothing else":  {[]string{"fix"}, "fix", []string{"/"}, 1, []string{"fix"}, false},
		"several paths": {[]string{"t1"}, "", []string{"/a", "/b", "/c"}, 0, nil, true},
	} {
		s, tok := &server{routes: map[string]http.HandlerFunc{v4: reject(c.bad...)}}, &tokens{static: c.static}
		scope := dev()
		scope.Paths = c.paths
		_, err := source(t, s, tok).Fetch(t.Context(), scope)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if c.requests > 0 && (s.count(v4) != c.requests || !slices.Equal(tok.rejected, c.rejected) || c.static == "" && tok.given != c.requests) {
			t.Errorf("%s: %d requests, rejected %v, %d tokens handed out", name, s.count(v4), tok.rejected, tok.given)
		}
		if name == "several paths" && tok.n != 1 {
			t.Errorf("%s: %d new logins", name, tok.n)
		}
	}
	forbidden := &server{routes: map[string]http.HandlerFunc{v4: answer(403, `{"message":"You are not allowed to read on secrets","error":"PermissionDenied"}`)}}
	tok := &tokens{}
	if _, err := source(t, forbidden, tok).Fetch(t.Context(), dev()); err == nil || len(tok.rejected) != 0 {
		t.Errorf("a missing permission costs a login: %v, %v", err, tok.rejected)
	}
}

func TestConditional(t *testing.T) {
	body, tag, unchanged := oneSecret, `"one"`, 0
	s := &server{routes: map[string]http.HandlerFunc{v4: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			unchanged++
			w.WriteHeader(304)
			return
		}
		answer(200, body)(w, r)
	}}}
	src := source(t, s, &tokens{})
	look := func(ctx context.Context) map[string]string {
		snapshot, err := src.Fetch(ctx, dev())
		if err != nil {
			t.Fatal(err)
		}
		return values(snapshot)
	}
	look(t.Context())
	look(t.Context())
	if unchanged != 0 {
		t.Error("a tag is sent although nobody wants that")
	}
	src.Conditional = true
	look(t.Context())
	if got := look(t.Context()); got["A"] != "1" || unchanged != 1 {
		t.Errorf("%v, %d unchanged answers", got, unchanged)
	}
	look(fetch.Fresh(t.Context()))
	if unchanged != 1 {
		t.Error("Fresh sends a tag")
	}
	body, tag = strings.Replace(oneSecret, `"1"`, `"2"`, 1), `"two"`
	if got := look(t.Context()); got["A"] != "2" {
		t.Errorf("%v", got)
	}
	if got := look(t.Context()); got["A"] != "2" || unchanged != 2 {
		t.Errorf("%v, %d unchanged answers", got, unchanged)
	}
	scope := dev()
	scope.Recursive = true
	if _, err := src.Fetch(t.Context(), scope); err != nil || unchanged != 2 {
		t.Errorf("another request has the tag of the first: %v", err)
	}
}

func TestServiceToken(t *testing.T) {
	const self = "/api/v2/service-token"
	details := func(scopes string) http.HandlerFunc { return answer(200, `{"workspace":"p","scopes":[`+scopes+`]}`) }
	one, glob := `{"environment":"dev","secretPath":"/app"}`, `{"environment":"dev","secretPath":"/**"}`
	for name, c := range map[string]struct {
		scopes string
		scope  fetch.Scope
		path   string // asked for in the end
		words  string
	}{
		"all from the token":  {one, fetch.Scope{}, "/app", ""},
		"the same":            {one, fetch.Scope{ProjectID: "p", Environment: "dev", Paths: []string{"app/"}}, "/app", ""},
		"another path":        {one, fetch.Scope{Paths: []string{"/"}}, "", "reads dev:/app only, and dev:/ is asked for"},
		"another environment": {one, fetch.Scope{Environment: "prod"}, "", "reads dev:/app only, and prod:/app is asked for"},
		"another project":     {one, fetch.Scope{ProjectID: "q"}, "", "belongs to project p, and project q is asked for"},
		"a slug":              {one, fetch.Scope{ProjectSlug: "p-slug"}, "/app", ""},
		"a glob":              {glob, fetch.Scope{}, "/", ""},
		"a glob, a path":      {glob, fetch.Scope{Paths: []string{"/x"}}, "/x", ""},
		"two scopes":          {one + "," + glob, fetch.Scope{}, "/", ""},
		"two environments":    {one + `,{"environment":"prod","secretPath":"/"}`, fetch.Scope{}, "", "no environment is given"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{routes: map[string]http.HandlerFunc{self: details(c.scopes), v4: answer(200, oneSecret)}}
			src := source(t, s, &tokens{static: "st.a.b"})
			src.ServiceToken = true
			_, err := src.Fetch(t.Context(), c.scope)
			if c.words != "" {
				if _, ok := errors.AsType[*fetch.ScopeError](err); !ok || !strings.Contains(err.Error(), c.words) || s.count(v4) != 0 {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := s.query[len(s.query)-1]; got.Get("secretPath") != c.path || got.Get("projectId") != "p" || got.Get("environment") != "dev" {
				t.Errorf("asked for %v", got)
			}
			if _, err := src.Fetch(t.Context(), c.scope); err != nil || s.count(self) != 1 {
				t.Errorf("the token is looked at %d times: %v", s.count(self), err)
			}
		})
	}
	s := &server{routes: map[string]http.HandlerFunc{self: details(one), v4: answer(200, oneSecret)}}
	if _, err := source(t, s, &tokens{static: "st.a.b"}).Fetch(t.Context(), dev()); err == nil || !strings.Contains(err.Error(), "reads dev:/app only") {
		t.Errorf("without being told that it is a service token: %v", err)
	}
}

func TestProjects(t *testing.T) {
	for _, route := range []string{"/api/v1/projects", "/api/v1/workspace"} {
		key := map[string]string{"/api/v1/projects": "projects", "/api/v1/workspace": "workspaces"}[route]
		s := &server{routes: map[string]http.HandlerFunc{route: answer(200, `{"`+key+`":[{"id":"2","name":"B"},`+project+`,{"id":"1","name":"B"}]}`)}}
		got, err := source(t, s, &tokens{}).Projects(t.Context())
		if err != nil || len(got) != 3 || got[0].ID != "1" || got[2].Slug != "p-slug" || got[2].Environments[1].Slug != "prod" {
			t.Errorf("%s: %+v, %v", route, got, err)
		}
	}
	for route, body := range map[string]string{"/api/v1/workspace/p": `{"workspace":` + project + `}`, "/api/v1/projects/p": `{"project":` + project + `}`} {
		s := &server{routes: map[string]http.HandlerFunc{route: answer(200, body)}}
		got, err := source(t, s, &tokens{}).Project(t.Context(), dev())
		if err != nil || got.Slug != "p-slug" || len(got.Environments) != 2 {
			t.Errorf("%s: %+v, %v", route, got, err)
		}
	}
}
