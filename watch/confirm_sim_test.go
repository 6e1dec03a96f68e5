package watch_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"infuse/fetch/secret"
	"infuse/watch"
)

// flickerServer answers as a real server was measured to: a value that refers
// to a value with a reference comes back half expanded in 11 of 60 answers,
// each such value by itself or all of one answer together.
type flickerServer struct {
	random   *rand.Rand
	values   map[string]string // resolved
	halves   map[string][]string
	together bool
	rate     float64
}

const measuredRate = 11.0 / 60

func newFlickerServer(seed uint64, flickering int) *flickerServer {
	s := &flickerServer{
		random: rand.New(rand.NewPCG(seed, 1)),
		values: map[string]string{"PLAIN": "p1", "PORT": "80", "LITERAL": "costs ${NOTHING}"},
		halves: map[string][]string{},
		rate:   measuredRate, together: seed%4 == 0,
	}
	for i := range flickering {
		name := fmt.Sprintf("URL_%d", i)
		s.values[name] = fmt.Sprintf("postgres://user-%d@host", i)
		s.halves[name] = []string{"postgres://${USER}@host", "postgres://${USER}@${HOST}"}[:1+i%2] // two forms, or always equal ones
	}
	return s
}

func unresolved(value string) bool { return strings.Contains(value, "${") }

func (s *flickerServer) vars(half func(name string) bool) map[string]watch.Var {
	vars := map[string]watch.Var{}
	for name, value := range s.values {
		if h := s.halves[name]; len(h) > 0 && half(name) {
			value = h[s.random.IntN(len(h))]
		}
		vars[name] = watch.Var{Value: secret.New(value), Unresolved: unresolved(value)}
	}
	return vars
}

func (s *flickerServer) resolved() map[string]watch.Var {
	return s.vars(func(string) bool { return false })
}

func (s *flickerServer) answer() map[string]watch.Var {
	all := s.random.Float64() < s.rate
	return s.vars(func(string) bool {
		if s.together {
			return all
		}
		return s.random.Float64() < s.rate
	})
}

// poller runs a Confirm as the watch loop does, in a time of its own.
type poller struct {
	confirm  *watch.Confirm
	server   *flickerServer
	interval time.Duration
	kind     watch.Kind
	now      time.Duration
	requests int
	acts     []watch.Decision
	actedAt  []time.Duration
	longest  time.Duration
}

func newPoller(s *flickerServer, interval time.Duration) *poller {
	return &poller{
		server: s, interval: interval, kind: watch.Poll,
		confirm: watch.NewConfirm(interval, watch.Look{Vars: s.resolved()}),
	}
}

// poll is one hint and all looks that follow from it.
func (p *poller) poll() {
	began := p.now
	for kind := p.kind; ; kind = watch.Again {
		p.requests++
		d := p.confirm.Look(watch.Look{Vars: p.server.answer(), Event: watch.Event{Kind: kind}})
		if d.Do == watch.Act {
			p.acts = append(p.acts, d)
			p.actedAt = append(p.actedAt, p.now)
		}
		if d.Do != watch.LookAgain {
			break
		}
		p.now += d.After
	}
	p.longest = max(p.longest, p.now-began)
	p.now = began + p.interval
}

// seeds is how many worlds are tried. The race detector makes each ten times
// as expensive and has nothing to find in what runs on one goroutine.
func seeds() uint64 {
	switch {
	case testing.Short():
		return 100
	case underRaceDetector:
		return 250
	}
	return 1000
}

// TestFlickerNeverActsAndOneChangeActsOnce is the promise: 500 polls of a
// flickering server and no restart, then one real change and exactly one,
// within two intervals.
func TestFlickerNeverActsAndOneChangeActsOnce(t *testing.T) {
	t.Parallel()
	changes := map[string]func(s *flickerServer){
		"another value":    func(s *flickerServer) { s.values["PLAIN"] = "p2" },
		"flickering value": func(s *flickerServer) { s.values["URL_0"] = "postgres://new@host" },
		"both": func(s *flickerServer) {
			s.values["PLAIN"], s.values["URL_1"] = "p2", "postgres://p2@host"
		},
		"every flickering value": func(s *flickerServer) {
			for name := range s.halves {
				s.values[name] += "/db"
			}
		},
		"new name":        func(s *flickerServer) { s.values["NEW"] = "n" },
		"name gone":       func(s *flickerServer) { delete(s.values, "PORT") },
		"flickering gone": func(s *flickerServer) { delete(s.values, "URL_0") },
		"new flickering": func(s *flickerServer) {
			s.values["URL_9"], s.halves["URL_9"] = "http://x", []string{"http://${X}"}
		},
		"reference target gone": func(s *flickerServer) {
			delete(s.values, "PORT")
			s.values["URL_0"], s.halves["URL_0"] = "postgres://${PORT}", nil
		},
	}
	names := slices.Sorted(maps.Keys(changes))
	type tally struct{ runs, polls, flickering, after, most int }
	byCount := map[int]*tally{} // by number of flickering values
	var slowest, longest time.Duration
	for seed := range seeds() {
		name := names[seed%uint64(len(names))]
		count := 2 + int(seed/uint64(len(names)))%4
		s := newFlickerServer(seed, count)
		p := newPoller(s, time.Minute)
		for range 500 {
			p.poll()
		}
		if len(p.acts) > 0 {
			t.Fatalf("seed %d: %d acts without a change: %v", seed, len(p.acts), p.acts[0].Changed)
		}
		changed, before := p.now, p.requests
		changes[name](s)
		for range 10 {
			p.poll()
		}
		if len(p.acts) != 1 {
			t.Fatalf("seed %d, %s: %d acts for one change, want 1", seed, name, len(p.acts))
		}
		took := p.actedAt[0] - changed + p.interval // it may have come just after a poll
		if took > 2*p.interval {
			t.Fatalf("seed %d, %s: acted %v after the change", seed, name, took)
		}
		if got, want := fmt.Sprint(reveal(p.acts[0].Vars)), fmt.Sprint(reveal(s.resolved())); got != want {
			t.Fatalf("seed %d, %s: delivered %v, want %v", seed, name, got, want)
		}
		slowest, longest = max(slowest, took-p.interval), max(longest, p.longest)
		sum := byCount[count]
		if sum == nil {
			sum = &tally{}
			byCount[count] = sum
		}
		sum.runs++
		sum.polls += 500
		sum.flickering += before
		sum.after += p.requests - before
		sum.most = max(sum.most, p.requests-before)
	}
	for _, count := range slices.Sorted(maps.Keys(byCount)) {
		sum := byCount[count]
		t.Logf("%d flickering values, %d runs: %.2f requests a poll; %.1f in the ten polls after a change (at most %d)", count, sum.runs,
			float64(sum.flickering)/float64(sum.polls), float64(sum.after)/float64(sum.runs), sum.most)
	}
	t.Logf("first look to act: at most %v; longest burst %v of an interval of 1m", slowest, longest)
}

func reveal(vars map[string]watch.Var) map[string]string {
	m := map[string]string{}
	for name, v := range vars {
		m[name] = v.Value.Reveal()
	}
	return m
}
