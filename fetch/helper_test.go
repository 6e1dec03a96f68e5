package fetch_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"infuse/fetch"
	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// tokens hands out t1, t2, ... and goes on to the next when one is rejected,
// as a session does.
type tokens struct {
	mu       sync.Mutex
	n        int
	given    int
	rejected []string
	static   string
}

func (s *tokens) Token(context.Context) (secret.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given++
	return secret.New(s.current()), nil
}

func (s *tokens) current() string {
	if s.static != "" {
		return s.static
	}
	return "t" + string(rune('1'+s.n))
}

func (s *tokens) Reject(_ context.Context, token secret.Value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejected = append(s.rejected, token.Reveal())
	if token.Reveal() == s.current() {
		s.n++
	}
}

// server answers by method and path, and remembers what was asked.
type server struct {
	mu     sync.Mutex
	routes map[string]http.HandlerFunc // by path
	asked  []string                    // paths
	query  []url.Values
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.asked = append(s.asked, req.URL.Path)
	s.query = append(s.query, req.URL.Query())
	s.mu.Unlock()
	rec := httptest.NewRecorder()
	h, ok := s.routes[req.URL.Path]
	if !ok {
		h = func(w http.ResponseWriter, r *http.Request) {
			answer(404, `{"message":"Route GET:`+r.URL.RequestURI()+` not found","error":"Not Found","statusCode":404}`)(w, r)
		}
	}
	h(rec, req)
	resp := rec.Result()
	resp.Request = req
	return resp, nil
}

// count is how often a path was asked for.
func (s *server) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, p := range s.asked {
		if p == path {
			n++
		}
	}
	return n
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

const (
	v4 = "/api/v4/secrets"
	v3 = "/api/v3/secrets/raw"

	oneSecret = `{"secrets":[{"secretKey":"A","secretValue":"1","type":"shared","secretPath":"/","environment":"dev"}],"imports":[]}`
	noSecrets = `{"secrets":[],"imports":[]}`
)

// source is an HTTPSource over a transport.
func source(t testing.TB, rt http.RoundTripper, tok fetch.TokenSource) *fetch.HTTPSource {
	t.Helper()
	base, err := api.ParseBase("http://h")
	if err != nil {
		t.Fatal(err)
	}
	hc, err := api.NewHTTPClient(api.TransportConfig{Base: rt, Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return &fetch.HTTPSource{API: &api.Client{Base: base, HTTP: hc}, Tokens: tok}
}

func dev() fetch.Scope {
	return fetch.Scope{ProjectID: "p", Environment: "dev", Imports: true, Expand: true, Personal: true}
}

func values(s *fetch.Snapshot) map[string]string {
	m := map[string]string{}
	for _, x := range s.Secrets {
		m[x.Key] = x.Value.Reveal()
	}
	return m
}

func hasWarning(s *fetch.Snapshot, part string) bool {
	for _, w := range s.Warnings {
		if strings.Contains(w, part) {
			return true
		}
	}
	return false
}
