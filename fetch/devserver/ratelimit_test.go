package devserver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infuse/fetch/devserver"
)

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(devserver.Config{Limits: &devserver.Limits{Secrets: 2}})
		for want := 1; want >= 0; want-- {
			if r := w.list(t, "environment=dev"); r.status != 200 || r.header.Get("X-Ratelimit-Remaining") != []string{"0", "1"}[want] {
				t.Errorf("%d left %q", r.status, r.header.Get("X-Ratelimit-Remaining"))
			}
		}
		time.Sleep(10 * time.Second)
		r := w.list(t, "environment=dev")
		if r.status != 429 || r.header.Get("Retry-After") != "50" || !strings.Contains(r.body, "try again in 50 seconds") {
			t.Errorf("%d, retry after %q: %s", r.status, r.header.Get("Retry-After"), r.body)
		}
		if r := w.list(t, "environment=dev", "X-Forwarded-For", "203.0.113.9, 10.0.0.1"); r.status != 200 {
			t.Errorf("another address: %d", r.status)
		}
		if r := w.ask(t, "GET", "/api/v1/projects", ""); r.status != 200 || r.header.Get("X-Ratelimit-Limit") != "60" {
			t.Errorf("another bucket: %d", r.status)
		}
		time.Sleep(50 * time.Second)
		if r := w.list(t, "environment=dev"); r.status != 200 {
			t.Errorf("a minute later: %d", r.status)
		}
		w.SetLimits(nil)
		if r := w.list(t, "environment=dev"); r.header.Get("X-Ratelimit-Limit") != "" {
			t.Error("limits that are off show")
		}
	})
}
