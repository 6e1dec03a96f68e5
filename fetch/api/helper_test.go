package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"infuse/fetch/api"
)

// handler serves requests without a network, so that it works where time is virtual.
type handler func(http.ResponseWriter, *http.Request)

func (h handler) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	h(rec, req)
	resp := rec.Result()
	resp.Request = req
	return resp, nil
}

// trip is any round tripper.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// client is a Client over a transport of its own.
func client(t *testing.T, base string, cfg api.TransportConfig) *api.Client {
	t.Helper()
	u, err := api.ParseBase(base)
	if err != nil {
		t.Fatal(err)
	}
	hc, err := api.NewHTTPClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hc.CloseIdleConnections)
	return &api.Client{Base: u, HTTP: hc}
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
