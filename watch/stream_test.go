package watch_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"infuse/fetch/devserver"
	"infuse/fetch/secret"
	"infuse/watch"
)

const subscribeRoute = "POST /api/v1/events/subscribe/project-events"

// streaming runs test with an app that uses project events, connected.
func streaming(t *testing.T, id devserver.Identity, test func(t *testing.T, w *world, a *app)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(devserver.Config{}, id)
		a := newApp(t, w, "192.0.2.1")
		a.events = true
		a.random = half
		a.log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
		stop, err := a.start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		time.Sleep(20 * time.Second)
		test(t, w, a)
	})
}

func TestPushedChangeActsAtOnce(t *testing.T) {
	streaming(t, devserver.Identity{}, func(t *testing.T, w *world, a *app) {
		if w.srv.Streams() != 1 {
			t.Fatal("not connected")
		}
		for i := range 10 {
			began := time.Now()
			w.project.Set("prod", "/", "PLAIN", fmt.Sprint("pushed ", i))
			time.Sleep(time.Second)
			acts, _, _ := a.snapshot()
			if len(acts) != i+1 {
				t.Fatalf("%d acts after %d changes", len(acts), i+1)
			}
			if took := acts[i].at.Sub(began); took > 200*time.Millisecond {
				t.Errorf("acted %v after the change", took)
			}
			time.Sleep(7 * time.Second)
		}
	})
}

// TestManyEditsActOnce (R51): a person changes twenty secrets, one every 80 ms.
func TestManyEditsActOnce(t *testing.T) {
	streaming(t, devserver.Identity{}, func(t *testing.T, w *world, a *app) {
		for i := range 20 {
			w.project.Set("prod", "/", fmt.Sprint("NAME_", i), "v")
			time.Sleep(80 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		acts, looks, _ := a.snapshot()
		if len(acts) != 1 || len(acts[0].Added) != 20 {
			t.Errorf("%d acts for one session of edits", len(acts))
		}
		if last := looks[len(looks)-2]; !strings.Contains(last.Reason, "NAME_") || len(last.Reason) > 1000 {
			t.Errorf("reason %q", last.Reason)
		}
	})
}

// TestEndlessEditsActInTime (R51): the quiet never comes, five seconds are enough.
func TestEndlessEditsActInTime(t *testing.T) {
	streaming(t, devserver.Identity{}, func(t *testing.T, w *world, a *app) {
		_, before, _ := a.snapshot()
		for i := range 400 {
			w.project.Set("prod", "/", "OTHER", fmt.Sprint(i))
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		_, after, _ := a.snapshot()
		if n := len(after) - len(before); n < 3 || n > 40 {
			t.Errorf("%d looks in 20 seconds of edits", n)
		}
	})
}

func TestPollsLessWhileStreaming(t *testing.T) {
	count := func(mode devserver.EventsMode) (looks int) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(devserver.Config{}, devserver.Identity{})
			w.srv.SetEvents(mode)
			a := newApp(t, w, "192.0.2.1")
			a.events = true
			stop, err := a.start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			stop()
			_, l, errs := a.snapshot()
			if looks = len(l); len(errs) > 0 {
				t.Errorf("mode %v: looks failed: %v", mode, errs)
			}
			if n := w.srv.Count(subscribeRoute); n > 25 {
				t.Errorf("mode %v: %d subscriptions in an hour", mode, n)
			}
		})
		return looks
	}
	with := count(devserver.EventsOn)
	if with < 15 || with > 25 {
		t.Errorf("%d looks an hour with a stream", with)
	}
	// What the server refuses for good costs one request, and polling stays as it is.
	for _, mode := range []devserver.EventsMode{devserver.EventsForbidden, devserver.EventsNoPlan, devserver.EventsAbsent, devserver.EventsFull} {
		if without := count(mode); without < 55 || without > 65 {
			t.Errorf("mode %v: %d looks an hour", mode, without)
		}
	}
}

func TestPermanentRefusalAsksOnce(t *testing.T) {
	for _, mode := range []devserver.EventsMode{devserver.EventsForbidden, devserver.EventsNoPlan, devserver.EventsAbsent} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(devserver.Config{}, devserver.Identity{})
			w.srv.SetEvents(mode)
			a := newApp(t, w, "192.0.2.1")
			a.events = true
			stop, err := a.start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(24 * time.Hour)
			stop()
			if n := w.srv.Count(subscribeRoute); n != 1 {
				t.Errorf("mode %v: %d subscriptions", mode, n)
			}
		})
	}
}

// TestReconnectLooks: what changed while the stream was down is found with the
// first look after it is back; nothing is replayed.
func TestReconnectLooks(t *testing.T) {
	streaming(t, devserver.Identity{}, func(t *testing.T, w *world, a *app) {
		time.Sleep(time.Minute)
		_, before, _ := a.snapshot()
		w.srv.CloseStreams()
		w.project.Set("prod", "/", "PLAIN", "unseen")
		time.Sleep(5 * time.Second)
		acts, looks, _ := a.snapshot()
		if len(acts) != 1 || a.serves("PLAIN") != "unseen" {
			t.Errorf("%d acts after the reconnect", len(acts))
		}
		if ev := looks[len(before)]; ev.Kind != watch.Connected || !ev.Fresh {
			t.Errorf("first look: %+v", ev)
		}
	})
}

// TestSilentStreamReconnects: a connection that is there and dead is noticed by
// the pings that do not come.
func TestSilentStreamReconnects(t *testing.T) {
	streaming(t, devserver.Identity{}, func(t *testing.T, w *world, a *app) {
		time.Sleep(5 * time.Minute)
		if n := w.srv.Count(subscribeRoute); n != 1 {
			t.Fatalf("%d subscriptions while all is well", n)
		}
		w.srv.SilenceStreams(true)
		time.Sleep(61 * time.Second)
		w.srv.SilenceStreams(false)
		if n := w.srv.Count(subscribeRoute); n < 2 {
			t.Fatal("the dead stream was not noticed")
		}
		w.project.Set("prod", "/", "PLAIN", "again")
		time.Sleep(time.Second)
		if a.serves("PLAIN") != "again" {
			t.Error("the new stream does not work")
		}
	})
}

// TestLongOutageOfTheStream: attempts back off to a minute, and no further.
func TestLongOutageOfTheStream(t *testing.T) {
	streaming(t, devserver.Identity{}, func(t *testing.T, w *world, a *app) {
		before := w.srv.Count(subscribeRoute)
		remove := w.srv.Inject(devserver.Fault{Path: "/api/v1/events*", Drop: true, Times: -1})
		w.srv.CloseStreams()
		time.Sleep(2 * time.Hour)
		if n := w.srv.Count(subscribeRoute) - before; n < 100 || n > 300 {
			t.Errorf("%d attempts in two hours", n)
		}
		remove()
		time.Sleep(time.Minute)
		if w.srv.Streams() != 1 {
			t.Error("not back a minute after the outage")
		}
	})
}

// TestTokenOfTheStream: a refused token is handed back once and the new one
// used at once; a plain token that died is not handed back again and again.
func TestTokenOfTheStream(t *testing.T) {
	streaming(t, devserver.Identity{}, func(t *testing.T, w *world, a *app) {
		w.srv.ExpireTokens(w.identity.ID)
		if time.Sleep(time.Second); w.srv.Streams() != 1 {
			t.Error("the stream ended with its token")
		}
		a.session.mu.Lock()
		a.session.token = secret.New("no-token")
		a.session.mu.Unlock()
		w.srv.CloseStreams()
		time.Sleep(5 * time.Second)
		if w.srv.Streams() != 1 || a.session.rejected != 1 {
			t.Errorf("streams %d, rejected %d times", w.srv.Streams(), a.session.rejected)
		}
		a.session.mu.Lock()
		a.session.fixed, a.session.rejected, a.session.token = true, 0, secret.New("dead-token")
		a.session.mu.Unlock()
		before := w.srv.Count(subscribeRoute)
		w.srv.CloseStreams()
		time.Sleep(5 * time.Minute)
		if n := w.srv.Count(subscribeRoute) - before; n < 3 || n > 60 {
			t.Errorf("%d attempts with a dead token in five minutes", n)
		}
	})
}

func TestLostPermissionEndsTheStream(t *testing.T) {
	streaming(t, devserver.Identity{}, func(t *testing.T, w *world, a *app) {
		w.srv.SetRole(w.identity.ID, w.project.ID(), "")
		time.Sleep(10 * time.Minute)
		before := w.srv.Count(subscribeRoute)
		time.Sleep(time.Hour)
		if n := w.srv.Count(subscribeRoute); n != before || w.srv.Streams() != 0 {
			t.Errorf("%d streams, %d more attempts", w.srv.Streams(), n-before)
		}
	})
}

// rawStream answers a subscription with text, piece by piece.
type rawStream struct {
	kind   string
	pieces []string
}

func (s rawStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", s.kind)
	control := http.NewResponseController(w)
	_ = control.Flush()
	for _, piece := range s.pieces {
		time.Sleep(time.Second) // its own read, and its own quiet period
		_, _ = io.WriteString(w, piece)
		_ = control.Flush()
	}
	<-r.Context().Done()
}

// TestFraming: what arrives is a stream of bytes, not one event a read.
func TestFraming(t *testing.T) {
	const one = "id: 1\nevent: secret:update\ndata: {\"data\":{\"eventType\":\"secret:update\",\"payload\":[{\"environment\":\"prod\",\"secretPath\":\"/\",\"secretKey\":\"DB_URL\"}]}}\n\n"
	const other = "event: secret:delete\ndata: {\"data\":{\"eventType\":\"secret:delete\",\"payload\":[{\"environment\":\"prod\",\"secretPath\":\"/\",\"secretKey\":\"GONE\"}]}}\n\n"
	bytewise := strings.Split(one, "")
	for name, c := range map[string]struct {
		pieces []string
		want   []string // reasons
	}{
		"whole":              {[]string{one}, []string{"secret:update DB_URL"}},
		"two in one read":    {[]string{one + other}, []string{"secret:update DB_URL, secret:delete GONE"}},
		"one in two":         {[]string{one[:40], one[40:]}, []string{"secret:update DB_URL"}},
		"byte by byte":       {bytewise, []string{"secret:update DB_URL"}},
		"crlf":               {[]string{strings.ReplaceAll(one, "\n", "\r\n")}, []string{"secret:update DB_URL"}},
		"cr":                 {[]string{strings.ReplaceAll(one, "\n", "\r") + ":\r\r"}, []string{"secret:update DB_URL"}},
		"comments, pings":    {[]string{": hello\n\n", "event: ping\n\n", "event: ping\ndata:\n\n", one}, []string{"secret:update DB_URL"}},
		"data in lines":      {[]string{"event: secret:update\ndata: {\"data\":\ndata: {\"payload\":[{\"environment\":\"prod\",\"secretKey\":\"A\"}]}}\n\n"}, []string{"secret:update A"}},
		"object payload":     {[]string{"event: secret:import-mutation\ndata: {\"data\":{\"eventType\":\"secret:import-mutation\",\"payload\":{\"environment\":\"prod\",\"secretPath\":\"/\"}}}\n\n"}, []string{"secret:import-mutation"}},
		"older shape":        {[]string{"data: {\"data\":{\"type\":\"secret:create\",\"payload\":[{\"environment\":\"prod\",\"secretKeys\":[\"A\",\"B\"]}]}}\n\n"}, []string{"secret:create A B"}},
		"other environment":  {[]string{strings.ReplaceAll(one, `"prod"`, `"dev"`)}, nil},
		"not json":           {[]string{"event: secret:update\ndata: ?\n\n"}, []string{"secret:update"}},
		"other type":         {[]string{"event: secret:update\ndata: [1,2]\n\n", "data: {\"data\":7}\n\n"}, []string{"secret:update", "event"}},
		"control characters": {[]string{"event: secret:update\ndata: {\"data\":{\"payload\":[{\"secretKey\":\"A\\u001b[2J\\nB\"}]}}\n\n"}, []string{"secret:update A[2JB"}},
		"large event":        {[]string{"event: secret:update\ndata: {\"x\":\"" + strings.Repeat("x", 200<<10) + "\"}\n\n"}, []string{"secret:update"}},
		"unfinished":         {[]string{strings.TrimSuffix(one, "\n")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := reasons(t, rawStream{"text/event-stream; charset=utf-8", c.pieces}, time.Duration(len(c.pieces)+5)*time.Second)
				if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
					t.Errorf("pushed %q, want %q", got, c.want)
				}
			})
		})
	}
}

// TestEndlessEvent: an event without an end does not fill the memory; the
// stream is opened again.
func TestEndlessEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var subscriptions atomic.Int32
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			subscriptions.Add(1)
			w.Header().Set("Content-Type", "text/event-stream")
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, "data: "+strings.Repeat("x", 8<<10)+"\n"); err != nil {
					return
				}
			}
		})
		if got := reasons(t, handler, time.Minute); len(got) > 0 {
			t.Errorf("pushed %q", got)
		}
		if n := subscriptions.Load(); n < 3 || n > 60 {
			t.Errorf("%d subscriptions in a minute", n)
		}
	})
}

func TestPageInsteadOfStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got := reasons(t, rawStream{"text/html", []string{devserver.HTMLPage}}, time.Hour); len(got) > 0 {
			t.Errorf("pushed %q", got)
		}
	})
}

// TestHangingSubscription: no answer at all is given up and tried again.
func TestHangingSubscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		reasons(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			<-r.Context().Done()
		}), 10*time.Minute)
		if n := asked.Load(); n < 5 || n > 20 {
			t.Errorf("asked %d times in ten minutes", n)
		}
	})
}

type noToken struct{}

func (noToken) Token(context.Context) (secret.Value, error) { return secret.New("token"), nil }
func (noToken) Reject(context.Context, secret.Value)        {}

// reasons collects why the watcher of a server's event stream wants looks,
// pushed events only.
func reasons(t *testing.T, handler http.Handler, wait time.Duration) (got []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second+wait) // connects after half of the longest wait
	defer cancel()
	w := watch.Start(ctx, watch.Config{Interval: time.Hour, Random: half, Events: &watch.Events{
		Client: handlerClient(t, handler), Tokens: noToken{}, ProjectID: "p", Environment: "prod",
	}})
	for ev := range w.C {
		w.Report(nil)
		if ev.Kind == watch.Pushed {
			got = append(got, ev.Reason)
		}
	}
	w.Wait()
	return got
}
