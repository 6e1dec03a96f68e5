package devserver_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infuse/fetch/devserver"
)

func TestFaultStatus(t *testing.T) {
	w := newWorld(devserver.Config{})
	w.Inject(devserver.Fault{Method: "GET", Path: "/api/v4/*", Skip: 1, Times: 2, Status: 503, Header: http.Header{"Retry-After": {"7"}}})
	var got []int
	for range 4 {
		got = append(got, w.list(t, "environment=dev").status)
	}
	if want := []int{200, 503, 503, 200}; !equal(got, want) {
		t.Errorf("statuses %v, want %v", got, want)
	}
	remove := w.Inject(devserver.Fault{Status: 429, Times: -1, Header: http.Header{"retry-after": {"3"}}})
	r := w.list(t, "environment=dev")
	if r.status != 429 || r.header.Get("Retry-After") != "3" || r.object(t)["error"] != "RateLimitExceeded" || r.header.Get("ETag") == "" {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
	remove()
	remove() // twice does nothing
	if r := w.list(t, "environment=dev"); r.status != 200 {
		t.Errorf("removed: %d", r.status)
	}
	w.Inject(devserver.HTML(200))
	if r := w.list(t, "environment=dev"); r.body != devserver.HTMLPage || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
		t.Errorf("HTML: %q %s", r.header.Get("Content-Type"), r.body)
	}
	w.Inject(devserver.Fault{Path: "/api/status", Times: -1, Status: 500})
	w.ClearFaults()
	if r := w.ask(t, "GET", "/api/status", ""); r.status != 200 {
		t.Errorf("cleared: %d", r.status)
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestFaultTime: a delay delays the real answer; a hang ends with the client.
func TestFaultTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(devserver.Config{})
		w.Inject(devserver.Fault{Delay: 40 * time.Second})
		start := time.Now()
		if r := w.list(t, "environment=dev"); r.status != 200 || time.Since(start) != 40*time.Second {
			t.Errorf("status %d after %v", r.status, time.Since(start))
		}
		for name, fault := range map[string]devserver.Fault{"hang": {Hang: true}, "long delay": {Delay: time.Hour}, "stall": {Stall: true, Body: strings.Repeat("x", 10000)}} {
			w.Inject(fault)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			req, _ := http.NewRequestWithContext(ctx, "GET", "http://dev.test/api/status", nil)
			start := time.Now()
			resp, err := (&http.Client{Transport: w.Transport()}).Do(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 30*time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
			cancel()
			synctest.Wait() // every handler has ended, or the bubble would say so
		}
	})
}

// TestFaultWire: what is broken on the wire is broken on a socket and in memory.
func TestFaultWire(t *testing.T) {
	s := devserver.New(devserver.Config{})
	socket := httptest.NewServer(s)
	defer socket.Close()
	for name, c := range map[string]*http.Client{"socket": socket.Client(), "memory": {Transport: s.Transport()}} {
		get := func() (int, int, error) {
			resp, err := c.Get(socket.URL + "/api/status")
			if err != nil {
				return 0, 0, err
			}
			defer resp.Body.Close()
			n, err := io.Copy(io.Discard, resp.Body)
			return resp.StatusCode, int(n), err
		}
		// A client may repeat an idempotent request on a connection that was used before, so drop more than one.
		remove := s.Inject(devserver.Fault{Drop: true, Times: -1})
		if _, _, err := get(); err == nil {
			t.Errorf("%s: a dropped connection is answered", name)
		}
		remove()
		s.Inject(devserver.Fault{Truncate: true, Body: strings.Repeat("x", 100000)})
		if status, n, err := get(); err == nil || status != 200 || n == 0 || n >= 100000 {
			t.Errorf("%s: a truncated body: %d, %d bytes, %v", name, status, n, err)
		}
		s.Inject(devserver.Fault{Size: 70 << 20})
		if status, n, err := get(); err != nil || status != 200 || n != 70<<20 {
			t.Errorf("%s: a huge body: %d, %d bytes, %v", name, status, n, err)
		}
		if status, _, err := get(); err != nil || status != 200 {
			t.Errorf("%s: afterwards: %d, %v", name, status, err)
		}
	}
}

func TestRequestLog(t *testing.T) {
	w := newWorld(devserver.Config{KeepRequests: 10})
	w.list(t, "environment=dev", "X-Test", "yes")
	w.ask(t, "GET", "/nowhere", "")
	token := w.token
	w.token = ""
	w.ask(t, "GET", "/api/status/", "")
	log := w.Requests()
	if len(log) != 3 || w.Total() != 3 {
		t.Fatalf("%d requests are logged, %d counted", len(log), w.Total())
	}
	first := log[0]
	if first.Route != "GET /api/v4/secrets" || first.Path != "/api/v4/secrets" || first.Query.Get("environment") != "dev" || !first.Authorization || first.Header.Get("X-Test") != "yes" {
		t.Errorf("%+v", first)
	}
	if first.Header.Get("Authorization") != "" || strings.Contains(strings.Join(first.Header.Values("Authorization"), ""), token) {
		t.Error("the log holds a token")
	}
	if log[2].Authorization || log[2].Path != "/api/status" {
		t.Errorf("%+v", log[2])
	}
	if w.Count("GET /api/v4/secrets") != 1 || w.Count("") != 1 {
		t.Error("the counts by route are wrong")
	}
	for range 30 {
		w.ask(t, "GET", "/api/status", "")
	}
	if n := len(w.Requests()); n > 10 || w.Count("GET /api/status") != 31 {
		t.Errorf("%d entries are kept, %d counted", n, w.Count("GET /api/status"))
	}
	w.ResetLog()
	if len(w.Requests()) != 0 || w.Total() != 0 {
		t.Error("ResetLog left something")
	}
}
