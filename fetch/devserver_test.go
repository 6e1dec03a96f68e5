package fetch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"infuse/fetch"
	"infuse/fetch/api"
	"infuse/fetch/devserver"
	"infuse/fetch/secret"
)

// world is a development server with a project in it.
type world struct {
	*devserver.Server
	project  *devserver.Project
	identity devserver.Identity
}

func newWorld(era devserver.Era) *world {
	w := &world{Server: devserver.New(devserver.Config{Era: era, Seed: 7})}
	w.project = w.AddProject(devserver.ProjectConfig{Name: "Wrap", Slug: "wrap"})
	w.identity = w.AddIdentity(devserver.Identity{})
	for _, s := range [][4]string{
		{"dev", "/", "A", "root"}, {"dev", "/", "REF", "x${A}y"}, {"dev", "/", "LEFT", "${NOWHERE}"}, {"dev", "/", "BOTH", "local"},
		{"dev", "/app", "A", "app"}, {"dev", "/app/db", "A", "db"}, {"dev", "/app/db", "DEEP", "1"},
		{"dev", "/shared", "BOTH", "first import"}, {"dev", "/shared", "IMPORTED", "first"}, {"prod", "/shared", "IMPORTED", "second"},
	} {
		w.project.Set(s[0], s[1], s[2], s[3])
	}
	w.project.Folder("dev", "/empty")
	w.project.AddImport(devserver.Import{Environment: "dev", Path: "/", FromEnvironment: "dev", FromPath: "/shared"})
	w.project.AddImport(devserver.Import{Environment: "dev", Path: "/", FromEnvironment: "prod", FromPath: "/shared"})
	return w
}

// login hands out one token and logs in again when it is refused.
type login struct {
	w     *world
	fixed string
	token string
}

func (l *login) Token(context.Context) (secret.Value, error) {
	if l.fixed != "" {
		return secret.New(l.fixed), nil
	}
	if l.token == "" {
		l.token = l.w.IssueToken(l.w.identity.ID)
	}
	return secret.New(l.token), nil
}

func (l *login) Reject(context.Context, secret.Value) { l.token = "" }

func (w *world) source(t *testing.T, cfg api.TransportConfig, fixed string) *fetch.HTTPSource {
	t.Helper()
	cfg.Base = w.Transport()
	hc, err := api.NewHTTPClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	base, err := api.ParseBase("http://dev.server")
	if err != nil {
		t.Fatal(err)
	}
	return &fetch.HTTPSource{API: &api.Client{Base: base, HTTP: hc}, Tokens: &login{w: w, fixed: fixed}}
}

func (w *world) scope(paths ...string) fetch.Scope {
	return fetch.Scope{ProjectID: w.project.ID(), Environment: "dev", Paths: paths, Imports: true, Expand: true, Personal: true}
}

// eras runs a test against a server of today and one of 2024.
func eras(t *testing.T, f func(*testing.T, *world)) {
	for name, era := range map[string]devserver.Era{"current": devserver.Current, "2024": devserver.Era2024} {
		t.Run(name, func(t *testing.T) { f(t, newWorld(era)) })
	}
}

// TestBothServersGiveTheSame: the outcome does not depend on the server's generation.
func TestBothServersGiveTheSame(t *testing.T) {
	eras(t, func(t *testing.T, w *world) {
		recursive := w.scope("app")
		recursive.Recursive = true
		bare := w.scope()
		bare.Imports, bare.Expand = false, false
		slug := w.scope("/app/db")
		slug.ProjectID, slug.ProjectSlug = "", "wrap"
		for name, c := range map[string]struct {
			scope fetch.Scope
			want  []string
		}{
			"root": {w.scope(), []string{"A=root from dev:/", "BOTH=local from dev:/ over [dev:/shared (import)]",
				"IMPORTED=second from prod:/shared (import) over [dev:/shared (import)]", "LEFT=${NOWHERE} from dev:/ unresolved", "REF=xrooty from dev:/"}},
			"bare":      {bare, []string{"A=root from dev:/", "BOTH=local from dev:/", "LEFT=${NOWHERE} from dev:/ unresolved", "REF=x${A}y from dev:/ unresolved"}},
			"recursive": {recursive, []string{"A=app from dev:/app over [dev:/app/db] conflict", "DEEP=1 from dev:/app/db"}},
			"two paths": {w.scope("/app", "/app/db"), []string{"A=db from dev:/app/db over [dev:/app]", "DEEP=1 from dev:/app/db"}},
			"slug":      {slug, []string{"A=db from dev:/app/db", "DEEP=1 from dev:/app/db"}},
			"empty":     {w.scope("/empty"), nil},
		} {
			snapshot, err := w.source(t, api.TransportConfig{}, "").Fetch(t.Context(), c.scope)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if diff := cmp.Diff(c.want, lines(snapshot.Secrets)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

func TestUnknownPlaces(t *testing.T) {
	eras(t, func(t *testing.T, w *world) {
		environment, project, slug := w.scope(), w.scope(), w.scope()
		environment.Environment = "nope"
		project.ProjectID = "00000000-0000-4000-8000-000000000000"
		slug.ProjectID, slug.ProjectSlug = "", "nope"
		for name, scope := range map[string]fetch.Scope{"environment": environment, "folder": w.scope("/nope"), "folder in a folder": w.scope("/app/nope"), "project": project, "slug": slug} {
			_, err := w.source(t, api.TransportConfig{}, "").Fetch(t.Context(), scope)
			if e, ok := errors.AsType[*fetch.NotFoundError](err); !ok || api.Failing(err) {
				t.Errorf("%s: %v", name, err)
			} else if !strings.Contains(e.What+" slug", strings.Fields(name)[0]) {
				t.Errorf("%s: no such %s", name, e.What)
			}
		}
	})
}

func TestPersonalOfAUser(t *testing.T) {
	eras(t, func(t *testing.T, w *world) {
		user := w.AddUser(devserver.User{Email: "a@example.com"})
		w.project.Put(devserver.Secret{Environment: "dev", Key: "A", Value: "mine", UserID: user.ID})
		for _, personal := range []bool{true, false} {
			scope := w.scope()
			scope.Personal = personal
			snapshot, err := w.source(t, api.TransportConfig{}, w.UserToken(user.ID)).Fetch(t.Context(), scope)
			if err != nil {
				t.Fatal(err)
			}
			if got := values(snapshot)["A"]; (got == "mine") != personal {
				t.Errorf("personal %v: A is %q", personal, got)
			}
		}
	})
}

func TestHiddenOnAServer(t *testing.T) {
	w := newWorld(devserver.Current)
	w.project.Put(devserver.Secret{Environment: "dev", Key: "MASKED", Value: "x", Hidden: true})
	scope := w.scope()
	_, err := w.source(t, api.TransportConfig{}, "").Fetch(t.Context(), scope)
	if e, ok := errors.AsType[*fetch.HiddenError](err); !ok || len(e.Names) != 1 || e.Names[0] != "MASKED" {
		t.Fatalf("%v", err)
	}
	scope.NamesOnly = true
	snapshot, err := w.source(t, api.TransportConfig{}, "").Fetch(t.Context(), scope)
	if s, _ := snapshot.Lookup("MASKED"); err != nil || !s.Hidden || !s.Value.IsZero() {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestServiceTokenOnAServer(t *testing.T) {
	eras(t, func(t *testing.T, w *world) {
		user := w.AddUser(devserver.User{})
		token := func(scopes ...devserver.ServiceTokenScope) string {
			return w.AddServiceToken(devserver.ServiceToken{ProjectID: w.project.ID(), Scopes: scopes, CreatedBy: user.ID}).Bearer() + ".key"
		}
		plain := token(devserver.ServiceTokenScope{Environment: "dev", Path: "/app"})
		src := w.source(t, api.TransportConfig{}, plain)
		src.ServiceToken = true
		snapshot, err := src.Fetch(t.Context(), fetch.Scope{Expand: true})
		if err != nil || values(snapshot)["A"] != "app" {
			t.Fatalf("%v", err)
		}
		if _, err := src.Fetch(t.Context(), w.scope("/")); err == nil || !strings.Contains(err.Error(), "reads dev:/app only") {
			t.Errorf("%v", err)
		}
		glob := w.source(t, api.TransportConfig{}, token(devserver.ServiceTokenScope{Environment: "dev", Path: "/app/**"}))
		if _, err := glob.Fetch(t.Context(), w.scope("/")); err == nil {
			t.Error("a folder outside of the token's glob can be read")
		}
	})
}

func TestExpiredTokenOnAServer(t *testing.T) {
	eras(t, func(t *testing.T, w *world) {
		src := w.source(t, api.TransportConfig{}, "")
		for _, spoil := range []func(string) int{w.ExpireTokens, w.RevokeTokens} {
			if _, err := src.Fetch(t.Context(), w.scope()); err != nil {
				t.Fatal(err)
			}
			spoil("")
			w.ResetLog()
			if _, err := src.Fetch(t.Context(), w.scope()); err != nil {
				t.Fatal(err)
			}
			refused := 0
			for _, r := range w.Requests() {
				if strings.Contains(r.Path, "/secrets") {
					refused++
				}
			}
			if refused < 2 || refused > 3 {
				t.Errorf("%d list requests around one new login", refused)
			}
		}
	})
}

func TestConditionalOnAServer(t *testing.T) {
	eras(t, func(t *testing.T, w *world) {
		src := w.source(t, api.TransportConfig{}, "")
		src.Conditional = true
		look := func() *fetch.Snapshot {
			s, err := src.Fetch(t.Context(), w.scope("/", "/app"))
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		first := look()
		if again := look(); again.Digest() != first.Digest() {
			t.Error("nothing changed, and the digest did")
		}
		w.project.Set("dev", "/app", "A", "new")
		if changed := look(); values(changed)["A"] != "new" {
			t.Errorf("%v", values(changed))
		}
		w.AnswerStale(-1)
		w.project.Set("dev", "/app", "A", "newer")
		if stale := look(); values(stale)["A"] != "new" {
			t.Errorf("a stale 304 gives %v", values(stale))
		}
		fresh, err := src.Fetch(fetch.Fresh(t.Context()), w.scope("/", "/app"))
		if err != nil || values(fresh)["A"] != "newer" {
			t.Errorf("Fresh gives %v, %v", values(fresh), err)
		}
	})
}

// TestFaults: trouble on the way, and what comes of it: an answer after all, or
// an error that a copy may stand in for, or one it may not.
func TestFaults(t *testing.T) {
	list := "/api/v4/secrets"
	status := func(code, times int) devserver.Fault { return devserver.Fault{Path: list, Status: code, Times: times} }
	for name, c := range map[string]struct {
		fault   devserver.Fault
		ok      bool
		failing bool
		lists   int // requests; 0: any number
		words   string
	}{
		"503 twice":         {status(503, 2), true, false, 3, ""},
		"429 twice":         {devserver.Fault{Path: list, Status: 429, Times: 2, Header: http.Header{"Retry-After": {"3"}}}, true, false, 3, ""},
		"429, a minute":     {devserver.Fault{Path: list, Status: 429, Times: -1, Header: http.Header{"Retry-After": {"60"}}}, false, true, 1, "429"},
		"500 for ever":      {status(500, -1), false, true, 0, "500"},
		"504 for ever":      {status(504, -1), false, true, 0, "504"},
		"400":               {status(400, -1), false, false, 1, "400"},
		"403":               {status(403, -1), false, false, 1, "403"},
		"404":               {status(404, -1), false, false, 1, "404"},
		"422":               {status(422, -1), false, false, 1, "422"},
		"dropped once":      {devserver.Fault{Path: list, Drop: true}, true, false, 2, ""},
		"dropped always":    {devserver.Fault{Path: list, Drop: true, Times: -1}, false, true, 0, ""},
		"hangs once":        {devserver.Fault{Path: list, Hang: true}, true, false, 2, ""},
		"hangs always":      {devserver.Fault{Path: list, Hang: true, Times: -1}, false, true, 0, "no answer within"},
		"slow":              {devserver.Fault{Path: list, Delay: 9 * time.Second}, true, false, 1, ""},
		"cut once":          {devserver.Fault{Path: list, Truncate: true}, true, false, 2, ""},
		"cut always":        {devserver.Fault{Path: list, Truncate: true, Times: -1}, false, true, 0, "middle of the answer"},
		"stalls once":       {devserver.Fault{Path: list, Stall: true}, true, false, 2, ""},
		"stalls always":     {devserver.Fault{Path: list, Stall: true, Times: -1}, false, true, 0, "nothing came for"},
		"a proxy's 502":     {devserver.Fault{Path: list, Status: 502, Times: 1, Body: devserver.HTMLPage, Header: http.Header{"Content-Type": {"text/html"}}}, true, false, 2, ""},
		"a login wall, 403": {devserver.Fault{Path: list, Status: 403, Times: -1, Body: devserver.HTMLPage, Header: http.Header{"Content-Type": {"text/html"}}}, false, false, 1, "not from Infisical"},
		"too large":         {devserver.Fault{Path: list, Size: 100 << 20, Times: -1}, false, true, 1, "larger than the limit of 8 MiB"},
		"JSON that ends":    {devserver.Fault{Path: list, Status: 200, Times: -1, Body: `{"secrets":[{"secretKey":"A","secret`, Header: http.Header{"Content-Type": {"application/json"}}}, false, true, 1, "is cut"},
		"nothing":           {devserver.Fault{Path: list, Status: 200, Times: -1, Body: " ", Header: http.Header{"Content-Type": {"application/json"}}}, false, true, 1, "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(devserver.Current)
				w.Inject(c.fault)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				start := time.Now()
				snapshot, err := w.source(t, api.TransportConfig{BodyLimit: 8 << 20}, "").Fetch(ctx, w.scope())
				if took := time.Since(start); took > 30*time.Second {
					t.Errorf("it took %s", took)
				}
				if n := w.count(list); c.lists > 0 && n != c.lists {
					t.Errorf("%d requests, want %d", n, c.lists)
				}
				switch {
				case c.ok && (err != nil || values(snapshot)["A"] != "root"):
					t.Errorf("%v", err)
				case !c.ok && (err == nil || api.Failing(err) != c.failing || !strings.Contains(err.Error(), c.words)):
					t.Errorf("failing %v: %v", api.Failing(err), err)
				}
			})
		})
	}
}

// count is how many requests a path had.
func (w *world) count(path string) int {
	n := 0
	for _, r := range w.Requests() {
		if r.Path == path {
			n++
		}
	}
	return n
}

// TestPageForEveryPath: a page from v4 and v3 alike is one clear error.
func TestPageForEveryPath(t *testing.T) {
	w := newWorld(devserver.Current)
	fault := devserver.HTML(200)
	fault.Times = -1
	w.Inject(fault)
	_, err := w.source(t, api.TransportConfig{}, "").Fetch(t.Context(), w.scope())
	if e, ok := errors.AsType[*api.NetworkError](err); !ok || !e.NotInfisical || !strings.Contains(e.Reason, "is this the address of an Infisical server?") {
		t.Errorf("%v", err)
	}
}

// TestServerOrderDoesNotMatter: servers answer in random order.
func TestServerOrderDoesNotMatter(t *testing.T) {
	var first [32]byte
	for seed := range 20 {
		w := &world{Server: devserver.New(devserver.Config{Seed: uint64(seed + 1)})}
		w.project = w.AddProject(devserver.ProjectConfig{})
		w.identity = w.AddIdentity(devserver.Identity{})
		for i := range 60 {
			w.project.Set("dev", fmt.Sprintf("/f%d", i%4), fmt.Sprintf("K%d", i%15), fmt.Sprint(i%4))
		}
		scope := w.scope()
		scope.Recursive = true
		snapshot, err := w.source(t, api.TransportConfig{}, "").Fetch(t.Context(), scope)
		if err != nil || len(snapshot.Secrets) != 15 {
			t.Fatalf("%v", err)
		}
		if digest := snapshot.Digest(); seed == 0 {
			first = digest
		} else if digest != first {
			t.Fatalf("seed %d gives something else", seed)
		}
	}
}
