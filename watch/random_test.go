package watch_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infuse/fetch/devserver"
)

// TestRandomTroubles runs random schedules of changes and of everything that a
// server can do to a watcher, in virtual time. Whatever happens: nothing is
// delivered that nobody set, no change acts more than once, nothing half
// expanded reaches the child, and when the trouble is over the child has what
// the server has. A goroutine that stays would fail the bubble.
func TestRandomTroubles(t *testing.T) {
	total := 400
	if testing.Short() || underRaceDetector {
		total = 100
	}
	const workers = 4
	for worker := range workers {
		t.Run(fmt.Sprint("worker ", worker), func(t *testing.T) {
			t.Parallel()
			for i := worker; i < total && !t.Failed(); i += workers {
				synctest.Test(t, func(t *testing.T) { newTrouble(t, uint64(i)).run() })
			}
		})
	}
}

type trouble struct {
	t      *testing.T
	random *rand.Rand
	seed   uint64
	w      *world
	a      *app
	want   map[string]string   // what the server has, resolved
	were   map[string][]string // every value that a name had
	done   []string
	edits  int
}

func newTrouble(t *testing.T, seed uint64) *trouble {
	tr := &trouble{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 5)), want: map[string]string{}, were: map[string][]string{}}
	tr.w = newWorld(devserver.Config{Limits: &devserver.Limits{}}, devserver.Identity{TTL: time.Hour, MaxTTL: time.Hour})
	tr.set("PLAIN", "p0")
	tr.set("HOST", "db-0")
	tr.w.project.Set("prod", "/", "ADDRESS", "${HOST}:5432")
	tr.w.project.Set("prod", "/", "URL", "postgres://user@${ADDRESS}/app")
	tr.edits = 0
	modes := []devserver.EventsMode{devserver.EventsOn, devserver.EventsOn, devserver.EventsNoPlan, devserver.EventsAbsent, devserver.EventsFull}
	tr.w.srv.SetEvents(modes[seed%uint64(len(modes))])
	tr.a = newApp(t, tr.w, "192.0.2.1")
	tr.a.events, tr.a.random = true, rand.New(rand.NewPCG(seed, 6)).Float64
	return tr
}

func (tr *trouble) note(format string, args ...any) {
	tr.done = append(tr.done, time.Now().Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

// set changes a name on the server, and what follows from it.
func (tr *trouble) set(name, value string) {
	tr.note("set %s=%s", name, value)
	tr.edits++
	tr.w.project.Set("prod", "/", name, value)
	tr.remember(name, value)
	if name == "HOST" {
		tr.remember("ADDRESS", value+":5432")
		tr.remember("URL", "postgres://user@"+value+":5432/app")
	}
}

func (tr *trouble) remember(name, value string) {
	tr.want[name] = value
	tr.were[name] = append(tr.were[name], value)
}

func (tr *trouble) run() {
	stop, err := tr.a.start(tr.t.Context())
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.w.srv.SetFlicker(devserver.RealFlicker)
	for range 5 + tr.random.IntN(15) {
		tr.step()
		time.Sleep(time.Duration(tr.random.Int64N(int64(2 * time.Minute))))
	}
	tr.note("over")
	tr.w.srv.ClearFaults()
	time.Sleep(time.Minute + 10*time.Minute) // a Retry-After of up to a minute, and some intervals
	stop()
	tr.judge()
	if tr.t.Failed() {
		tr.t.Logf("seed %d:\n%s", tr.seed, strings.Join(tr.done, "\n"))
	}
}

func (tr *trouble) step() {
	r := tr.random
	lists := func(f devserver.Fault) {
		f.Path, f.Times = "/api/v4/secrets", 1+r.IntN(4)
		tr.note("fault %+v", f)
		tr.w.srv.Inject(f)
	}
	switch r.IntN(14) {
	case 0, 1, 2:
		tr.set("PLAIN", fmt.Sprint("p", r.IntN(1000)))
	case 3, 4:
		tr.set("HOST", fmt.Sprint("db-", r.IntN(1000)))
	case 5:
		tr.set(fmt.Sprint("MORE_", r.IntN(3)), fmt.Sprint("m", r.IntN(1000)))
	case 6:
		if name := fmt.Sprint("MORE_", r.IntN(3)); tr.want[name] != "" {
			tr.note("delete %s", name)
			tr.edits++
			tr.w.project.Delete("prod", "/", name)
			delete(tr.want, name)
		}
	case 7:
		lists(devserver.Fault{Status: []int{401, 403, 404, 500, 502, 503}[r.IntN(6)]})
	case 8:
		lists(devserver.Fault{Status: 429, Header: map[string][]string{"Retry-After": {fmt.Sprint(1 + r.IntN(60))}}})
	case 9:
		lists(devserver.HTML(200))
	case 10:
		lists([]devserver.Fault{{Hang: true}, {Drop: true}, {Truncate: true}, {Stall: true}}[r.IntN(4)])
	case 11:
		tr.note("streams closed")
		tr.w.srv.CloseStreams()
	case 12:
		tr.note("tokens revoked")
		tr.w.srv.RevokeTokens(tr.w.identity.ID)
	case 13:
		tr.note("outage")
		restore := tr.w.srv.Inject(devserver.Fault{Drop: true, Times: -1})
		tr.w.srv.CloseStreams()
		time.Sleep(time.Duration(r.Int64N(int64(10 * time.Minute))))
		restore()
		tr.note("outage over")
	}
}

func (tr *trouble) judge() {
	acts, looks, errs := tr.a.snapshot()
	if got := reveal(tr.a.served); !maps.Equal(got, tr.want) {
		tr.t.Errorf("the child has %v, the server %v", got, tr.want)
	}
	if len(acts) > tr.edits {
		tr.t.Errorf("%d acts for %d edits", len(acts), tr.edits)
	}
	for _, act := range acts {
		tr.note("acted at %s: changed %v added %v removed %v", act.at.Format("15:04:05"), act.Changed, act.Added, act.Removed)
		for name, v := range act.Vars {
			if !slices.Contains(tr.were[name], v.Value.Reveal()) {
				tr.t.Errorf("%s=%s was delivered and never set", name, v.Value.Reveal())
			}
		}
	}
	if len(looks) > 0 && len(errs) == len(looks) {
		tr.t.Errorf("all %d looks failed", len(looks))
	}
}
