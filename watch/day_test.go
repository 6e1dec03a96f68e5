package watch_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"infuse/fetch/devserver"
)

// TestADay watches for 24 hours of virtual time: a token that lives for an
// hour, rate limits, an outage of two hours, references that flicker as on a
// real server, and 20 changes. None is lost, none acts twice.
func TestADay(t *testing.T) {
	for _, events := range []bool{false, true} {
		t.Run(fmt.Sprintf("events=%v", events), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { aDay(t, events) })
		})
	}
}

func aDay(t *testing.T, events bool) {
	const outageFrom, outageTo = 9*time.Hour + 10*time.Minute, 11*time.Hour + 10*time.Minute
	random := rand.New(rand.NewPCG(7, 7))
	w := newWorld(devserver.Config{Limits: &devserver.Limits{}, KeepRequests: 100000}, devserver.Identity{TTL: time.Hour, MaxTTL: time.Hour})
	w.project.Set("prod", "/", "HOST", "db.internal")
	w.project.Set("prod", "/", "ADDRESS", "${HOST}:5432")
	w.project.Set("prod", "/", "URL", "postgres://user@${ADDRESS}/app")
	if !events {
		w.srv.SetEvents(devserver.EventsNoPlan)
	}
	a := newApp(t, w, "192.0.2.1")
	a.events, a.random = events, random.Float64
	began := time.Now()
	stop, err := a.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.srv.SetFlicker(devserver.RealFlicker)

	var restore func()
	steps := 24 * 60
	changed := map[int]time.Time{}
	for minute := range steps {
		at := time.Duration(minute) * time.Minute
		switch at {
		case outageFrom:
			restore = w.srv.Inject(devserver.Fault{Drop: true, Times: -1})
			w.srv.CloseStreams()
		case outageTo:
			restore()
		}
		// Twenty changes, the ninth in the outage; every third of a value that flickers.
		if n := minute / 72; minute%72 == 36 {
			if n%3 == 2 {
				w.project.Set("prod", "/", "HOST", fmt.Sprintf("db-%d.internal", n))
			} else {
				w.project.Set("prod", "/", "PLAIN", fmt.Sprint("p", n+1))
			}
			changed[n] = time.Now()
		}
		time.Sleep(time.Minute)
	}
	stop()
	acts, looks, errs := a.snapshot()
	if len(changed) != 20 || len(acts) != 20 {
		t.Errorf("%d changes, %d acts", len(changed), len(acts))
	}
	var slowest time.Duration
	for i, act := range acts {
		from := changed[i]
		if end := began.Add(outageTo); from.Before(end) && act.at.After(end) {
			from = end
		}
		if slowest = max(slowest, act.at.Sub(from)); slowest > 2*time.Minute {
			t.Errorf("change %d acted after %v", i, act.at.Sub(from))
		}
	}
	if got := a.serves("URL"); got != "postgres://user@db-17.internal:5432/app" {
		t.Errorf("the child has %s", got)
	}
	hours := make([]int, 24)
	minutes := map[int]int{}
	for _, r := range w.srv.Requests() {
		hours[min(23, int(r.Time.Sub(began)/time.Hour))]++
		minutes[int(r.Time.Sub(began)/time.Minute)]++
	}
	most := 0
	for _, n := range minutes {
		most = max(most, n)
	}
	for hour, n := range hours {
		if n > 250 {
			t.Errorf("a request storm in hour %d: %d", hour, n)
		}
	}
	if most > 40 {
		t.Errorf("%d requests in a minute, more than the server's limit", most)
	}
	if a.session.logins < 20 || a.session.logins > 30 {
		t.Errorf("%d logins with a token that lives an hour", a.session.logins)
	}
	t.Logf("requests per hour: %v", hours)
	t.Logf("at most %d a minute; %d looks, %d failed, %d logins; slowest act %v", most, len(looks), len(errs), a.session.logins, slowest)
}
