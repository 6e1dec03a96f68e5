package api_test

import (
	"context"
	"net/http"
	"testing"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

func TestTraceTellsOfEveryAttemptAndNothingSecret(t *testing.T) {
	var got []api.Exchange
	attempts := 0
	hc, err := api.NewHTTPClient(api.TransportConfig{
		Trace: func(e api.Exchange) { e.Took = 0; got = append(got, e) },
		Base: trip(func(r *http.Request) (*http.Response, error) {
			if attempts++; attempts == 1 {
				return nil, context.DeadlineExceeded
			}
			h := http.Header{"X-Request-Id": {"req-1"}, "Content-Type": {"application/json"}}
			return &http.Response{StatusCode: 200, Header: h, Body: http.NoBody, Request: r}, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	base, err := api.ParseBase("http://127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	c := &api.Client{Base: base, HTTP: hc}
	call := api.Call{Method: http.MethodGet, Path: "/api/v4/secrets", Query: map[string][]string{"q": {"query"}}, Token: secret.New("token")}
	if _, err := c.Do(t.Context(), call, nil); err != nil {
		t.Fatal(err)
	}
	want := []api.Exchange{
		{Method: "GET", Path: "/api/v4/secrets", Reason: got[0].Reason},
		{Method: "GET", Path: "/api/v4/secrets", Status: 200, RequestID: "req-1"},
	}
	if len(got) != 2 || got[0].Reason == "" || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("traced %+v, want %+v", got, want)
	}
}
