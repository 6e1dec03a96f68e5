package api_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"infuse/fetch/api"
)

// TestOnce: a request of a watcher is not retried; its next look is the retry.
func TestOnce(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	base, err := api.ParseBase(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client, err := api.NewHTTPClient(api.TransportConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c := &api.Client{Base: base, HTTP: client}
	if _, err := c.Do(api.Once(t.Context()), api.Call{Method: "GET", Path: "/api/status"}, nil); err == nil {
		t.Error("a 503 is no error")
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}
