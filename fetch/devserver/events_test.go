package devserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infuse/fetch/devserver"
)

const everything = `[{"event":"secret:create"},{"event":"secret:update"},{"event":"secret:delete"},{"event":"secret:import-mutation"}]`

// subscription is an open stream, its events read line by line.
type subscription struct {
	t      *testing.T
	resp   *http.Response
	lines  *bufio.Reader
	cancel context.CancelFunc
}

func (w *world) subscribe(t *testing.T, register string) *subscription {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	body := fmt.Sprintf(`{"projectId":%q,"register":%s}`, w.p.ID(), register)
	req, err := http.NewRequestWithContext(ctx, "POST", "http://dev.test/api/v1/events/subscribe/project-events", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+w.token)
	resp, err := (&http.Client{Transport: w.Transport()}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return &subscription{t, resp, bufio.NewReader(resp.Body), cancel}
}

// next is the next event as "name data".
func (s *subscription) next() string {
	var name, data string
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return err.Error()
		}
		switch line = strings.TrimSuffix(line, "\n"); {
		case line == "":
			return strings.TrimSpace(name + " " + data)
		case strings.HasPrefix(line, "event: "):
			name = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			data = line[len("data: "):]
		}
	}
}

func (s *subscription) close() {
	s.cancel()
	s.resp.Body.Close()
	synctest.Wait()
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(devserver.Config{})
		s := w.subscribe(t, everything)
		defer s.close()
		if s.resp.StatusCode != 200 || s.resp.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%d %v", s.resp.StatusCode, s.resp.Header)
		}
		w.p.Set("dev", "/", "KEY", "c4n4ry")
		w.p.Set("dev", "/", "KEY", "changed")
		w.p.Set("dev", "/", "KEY", "changed")
		w.p.Delete("dev", "/", "KEY")
		w.p.AddImport(devserver.Import{Environment: "dev", Path: "/a", FromEnvironment: "prod"})
		w.ask(t, "POST", "/api/v4/secrets/API", `{"projectId":"PROJECT","environment":"dev","secretValue":"x"}`)
		for _, want := range []string{
			`secret:create {"projectType":"secret-manager","data":{"eventType":"secret:create","payload":[{"environment":"dev","secretPath":"/","secretKey":"KEY"}]}}`,
			`secret:update {"projectType":"secret-manager","data":{"eventType":"secret:update","payload":[{"environment":"dev","secretPath":"/","secretKey":"KEY"}]}}`,
			`secret:delete {"projectType":"secret-manager","data":{"eventType":"secret:delete","payload":[{"environment":"dev","secretPath":"/","secretKey":"KEY"}]}}`,
			`secret:import-mutation {"projectType":"secret-manager","data":{"eventType":"secret:import-mutation","payload":{"environment":"dev","secretPath":"/a"}}}`,
			`secret:create {"projectType":"secret-manager","data":{"eventType":"secret:create","payload":[{"environment":"dev","secretPath":"/","secretKey":"API"}]}}`,
		} {
			if got := s.next(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
		for range 3 {
			start := time.Now()
			if got := s.next(); got != "ping" || time.Since(start) != devserver.PingInterval {
				t.Errorf("%s after %v", got, time.Since(start))
			}
		}
		w.PushRaw("event: odd\ndata: raw\n\n")
		if got := s.next(); got != "odd raw" {
			t.Errorf("pushed: %s", got)
		}
	})
}

func TestEventConditions(t *testing.T) {
	for register, want := range map[string]string{
		`[{"event":"secret:create","conditions":{"environmentSlug":"dev"}}]`:                            "dev / A",
		`[{"event":"secret:create","conditions":{"environmentSlug":"dev","secretPath":"/**"}}]`:         "dev / A,dev /x B,dev /x/y C",
		`[{"event":"secret:create","conditions":{"environmentSlug":"dev","secretPath":"/x/**"}}]`:       "dev /x B,dev /x/y C",
		`[{"event":"secret:create","conditions":{"environmentSlug":"dev","secretPath":"/x"}}]`:          "dev /x B",
		`[{"event":"secret:create","conditions":{"environmentSlug":"dev","secretPath":"/*"}}]`:          "dev / A,dev /x B",
		`[{"event":"secret:update","conditions":{"environmentSlug":"dev","secretPath":"/**"}}]`:         "",
		`[{"event":"secret:create","conditions":{"environmentSlug":"prod"}},{"event":"secret:delete"}]`: "prod / D",
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(devserver.Config{})
			s := w.subscribe(t, register)
			defer s.close()
			for _, at := range [][3]string{{"dev", "/", "A"}, {"dev", "/x", "B"}, {"dev", "/x/y", "C"}, {"prod", "/", "D"}} {
				w.p.Set(at[0], at[1], at[2], "v")
			}
			var got []string
			for event := s.next(); event != "ping"; event = s.next() {
				for _, at := range []string{"dev / A", "dev /x B", "dev /x/y C", "prod / D"} {
					parts := strings.Fields(at)
					if strings.Contains(event, fmt.Sprintf(`[{"environment":%q,"secretPath":%q,"secretKey":%q}]`, parts[0], parts[1], parts[2])) {
						got = append(got, at)
					}
				}
			}
			if strings.Join(got, ",") != want {
				t.Errorf("%s: got %q, want %q", register, got, want)
			}
		})
	}
}

func TestEventKnobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(devserver.Config{})
		for mode, want := range map[devserver.EventsMode]int{
			devserver.EventsForbidden: 403, devserver.EventsNoPlan: 400, devserver.EventsFull: 429, devserver.EventsAbsent: 404,
		} {
			w.SetEvents(mode)
			s := w.subscribe(t, everything)
			if s.resp.StatusCode != want {
				t.Errorf("mode %d: %d", mode, s.resp.StatusCode)
			}
			s.close()
		}
		w.SetEvents(devserver.EventsOn)

		s := w.subscribe(t, everything)
		if w.Streams() != 1 {
			t.Errorf("%d streams", w.Streams())
		}
		w.CloseStreams()
		if got := s.next(); got != io.EOF.Error() {
			t.Errorf("closed: %s", got)
		}
		s.close()

		s = w.subscribe(t, everything)
		w.SilenceStreams(true)
		w.p.Set("dev", "/", "A", "1")
		time.AfterFunc(10*time.Minute, func() { w.SilenceStreams(false) })
		start := time.Now()
		if got := s.next(); got != "ping" || time.Since(start) < 10*time.Minute {
			t.Errorf("silence: %s after %v", got, time.Since(start))
		}
		s.close()
		if w.Streams() != 0 {
			t.Errorf("%d streams are left", w.Streams())
		}

		s = w.subscribe(t, everything)
		w.SetRole(w.id.ID, w.p.ID(), "")
		var last string
		for event := s.next(); event != io.EOF.Error(); event = s.next() {
			last = event
		}
		if !strings.HasPrefix(last, "error ") || !strings.Contains(last, "Permission denied") {
			t.Errorf("after the role was lost: %s", last)
		}
		s.close()
	})
}
