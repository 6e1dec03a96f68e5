package devserver_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"infuse/fetch/api"
	"infuse/fetch/devserver"
	"infuse/fetch/secret"
)

// client is an api.Client straight to the server.
func client(t *testing.T, s *devserver.Server) *api.Client {
	t.Helper()
	base, err := url.Parse("http://dev.test")
	if err != nil {
		t.Fatal(err)
	}
	return &api.Client{Base: base, HTTP: &http.Client{Transport: s.Transport()}}
}

// login is a bearer by Universal Auth.
func login(t *testing.T, c *api.Client, id devserver.Identity) secret.Value {
	t.Helper()
	var token api.Token
	call := api.Call{Method: "POST", Path: "/api/v1/auth/universal-auth/login", Body: api.UniversalAuthLogin{ClientID: id.ClientID, ClientSecret: api.Wrap(secret.New(id.ClientSecret))}}
	if _, err := c.Do(context.Background(), call, &token); err != nil {
		t.Fatal(err)
	}
	return token.AccessToken.Value
}

// TestLoginAndList is the short way through: over a socket and without one.
func TestLoginAndList(t *testing.T) {
	s := devserver.New(devserver.Config{})
	p := s.AddProject(devserver.ProjectConfig{Name: "app"})
	p.Set("dev", "/", "GREETING", "hello")
	p.Set("dev", "/backend", "URL", "${dev.GREETING}/x")
	id := s.AddIdentity(devserver.Identity{})
	socket := httptest.NewServer(s)
	defer socket.Close()
	base, _ := url.Parse(socket.URL)
	for name, c := range map[string]*api.Client{"socket": {Base: base, HTTP: socket.Client()}, "memory": client(t, s)} {
		t.Run(name, func(t *testing.T) {
			token := login(t, c, id)
			var list api.SecretList
			q := url.Values{"projectId": {p.ID()}, "environment": {"dev"}, "recursive": {"true"}}
			if _, err := c.Do(t.Context(), api.Call{Method: "GET", Path: "/api/v4/secrets", Query: q, Token: token}, &list); err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, sec := range list.Secrets {
				got[sec.Path+" "+sec.Key] = *sec.Value
			}
			if len(got) != 2 || got["/ GREETING"] != "hello" || got["/backend URL"] != "hello/x" {
				b, _ := json.Marshal(got)
				t.Errorf("got %s", b)
			}
		})
	}
	if n := s.Count("POST /api/v1/auth/universal-auth/login"); n != 2 {
		t.Errorf("%d logins were counted", n)
	}
}

func TestReadAllOfRoundTripper(t *testing.T) {
	s := devserver.New(devserver.Config{})
	resp, err := (&http.Client{Transport: s.Transport()}).Get("http://dev.test/api/status/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || len(body) == 0 {
		t.Errorf("status %d, %d bytes, %v", resp.StatusCode, len(body), err)
	}
}
