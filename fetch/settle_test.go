package fetch_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"infuse/fetch"
	"infuse/fetch/api"
	"infuse/fetch/devserver"
	"infuse/fetch/secret"
)

type oneToken struct{ token string }

func (t oneToken) Token(context.Context) (secret.Value, error) { return secret.New(t.token), nil }
func (oneToken) Reject(context.Context, secret.Value)          {}

type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// TestSettle starts 500 times against a server that answers 11 of 60 requests
// half expanded. One look would give a wrong value about 92 times; three looks
// about three times.
func TestSettle(t *testing.T) {
	server := devserver.New(devserver.Config{Seed: 7})
	project := server.AddProject(devserver.ProjectConfig{Slug: "p"})
	project.Set("dev", "/", "BASE", "base")
	project.Set("dev", "/", "MIDDLE", "${BASE}-middle")
	project.Set("dev", "/", "TOP", "${MIDDLE}-top")
	project.Set("dev", "/", "PLAIN", "x")
	identity := server.AddIdentity(devserver.Identity{})
	server.SetFlicker(devserver.RealFlicker)
	base, err := api.ParseBase("http://server.test")
	if err != nil {
		t.Fatal(err)
	}
	source := &fetch.HTTPSource{
		API:    &api.Client{Base: base, HTTP: &http.Client{Transport: inProcess{server}}},
		Tokens: oneToken{server.IssueToken(identity.ID)}, Settle: true,
	}
	scope := fetch.Scope{ProjectID: project.ID(), Environment: "dev", Expand: true}
	const starts = 500
	wrong := 0
	for range starts {
		snapshot, err := source.Fetch(t.Context(), scope)
		if err != nil {
			t.Fatal(err)
		}
		if top, _ := snapshot.Lookup("TOP"); top.Value.Reveal() != "base-middle-top" {
			wrong++
		}
	}
	requests := server.Count("GET /api/v4/secrets")
	t.Logf("%d starts: %d wrong, %d requests", starts, wrong, requests)
	if wrong > 15 {
		t.Errorf("%d of %d starts got a half-expanded value", wrong, starts)
	}
	if requests > starts*3/2 {
		t.Errorf("%d requests for %d starts", requests, starts)
	}
}
