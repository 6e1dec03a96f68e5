package watch_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"infuse/fetch/secret"
	"infuse/watch"
)

// set is a look in short: "A=1 B=${C}".
func set(pairs ...string) map[string]watch.Var {
	vars := map[string]watch.Var{}
	for i := 0; i < len(pairs); i += 2 {
		vars[pairs[i]] = watch.Var{Value: secret.New(pairs[i+1]), Unresolved: unresolved(pairs[i+1])}
	}
	return vars
}

func look(kind watch.Kind, vars map[string]watch.Var) watch.Look {
	return watch.Look{Vars: vars, Event: watch.Event{Kind: kind}}
}

// want checks what a decision asks for.
func want(t *testing.T, d watch.Decision, do watch.Action) watch.Decision {
	t.Helper()
	if d.Do != do {
		t.Fatalf("decision %v, want %v (pending %v)", d.Do, do, d.Pending)
	}
	return d
}

func TestSecondLookMustAgree(t *testing.T) {
	c := watch.NewConfirm(time.Minute, look(watch.Poll, set("A", "1", "B", "1", "C", "1")))
	want(t, c.Look(look(watch.Poll, set("A", "1", "B", "1", "C", "1"))), watch.Same)
	d := want(t, c.Look(look(watch.Poll, set("A", "2", "C", "1", "D", "1"))), watch.LookAgain)
	if d.After != 500*time.Millisecond || !slices.Equal(d.Pending, []string{"A", "B", "D"}) {
		t.Errorf("second look in %v for %v", d.After, d.Pending)
	}
	d = want(t, c.Look(look(watch.Again, set("A", "2", "C", "1", "D", "1"))), watch.Act)
	if fmt.Sprint(d.Changed, d.Added, d.Removed, d.Held) != "[A] [D] [B] []" {
		t.Errorf("changed, added, removed, held: %v %v %v %v", d.Changed, d.Added, d.Removed, d.Held)
	}
	want(t, c.Look(look(watch.Poll, set("A", "2", "C", "1", "D", "1"))), watch.Same)
}

func TestPushedChangeIsConfirmedAtOnce(t *testing.T) {
	c := watch.NewConfirm(time.Minute, look(watch.Poll, set("A", "1")))
	if d := want(t, c.Look(look(watch.Pushed, set("A", "2"))), watch.LookAgain); d.After > 100*time.Millisecond {
		t.Errorf("second look of a pushed change in %v", d.After)
	}
}

// TestChangeBackCancels is R51: what is as it was needs no restart.
func TestChangeBackCancels(t *testing.T) {
	c := watch.NewConfirm(time.Minute, look(watch.Poll, set("A", "1")))
	want(t, c.Look(look(watch.Poll, set("A", "2"))), watch.LookAgain)
	want(t, c.Look(look(watch.Again, set("A", "1"))), watch.Same)
	want(t, c.Look(look(watch.Poll, set("A", "2"))), watch.LookAgain) // it starts anew
}

func TestLocalSourceNeedsOneLook(t *testing.T) {
	c := watch.NewConfirm(time.Minute, look(watch.Poll, set("A", "1")))
	l := look(watch.File, set("A", "${B}"))
	l.Local = true
	want(t, c.Look(l), watch.Act)
	want(t, c.Look(l), watch.Same)
}

// TestRealChangeWhileAReferenceFlickers: the plain value acts with its second
// look, and the half-expanded value of that very look is not delivered.
func TestRealChangeWhileAReferenceFlickers(t *testing.T) {
	c := watch.NewConfirm(time.Minute, look(watch.Poll, set("A", "1", "URL", "db://x")))
	want(t, c.Look(look(watch.Poll, set("A", "2", "URL", "db://x"))), watch.LookAgain)
	d := want(t, c.Look(look(watch.Again, set("A", "2", "URL", "db://${X}"))), watch.Act)
	if got := reveal(d.Vars)["URL"]; got != "db://x" || !slices.Equal(d.Held, []string{"URL"}) {
		t.Errorf("URL=%s, held %v", got, d.Held)
	}
	want(t, c.Look(look(watch.Poll, set("A", "2", "URL", "db://x"))), watch.Same)
}

// TestReferenceThatMayHaveChangedToo: both looks show URL half expanded, so it
// is not known whether it changed along; one restart must do for both.
func TestReferenceThatMayHaveChangedToo(t *testing.T) {
	c := watch.NewConfirm(time.Minute, look(watch.Poll, set("X", "1", "URL", "db://1")))
	want(t, c.Look(look(watch.Poll, set("X", "2", "URL", "db://${X}"))), watch.LookAgain)
	want(t, c.Look(look(watch.Again, set("X", "2", "URL", "db://${X}"))), watch.LookAgain)
	for range 5 {
		want(t, c.Look(look(watch.Again, set("X", "2", "URL", "db://2"))), watch.LookAgain)
	}
	d := want(t, c.Look(look(watch.Again, set("X", "2", "URL", "db://2"))), watch.Act)
	if fmt.Sprint(d.Changed) != "[URL X]" {
		t.Errorf("changed %v", d.Changed)
	}
}

func TestStartedHalfExpandedHealsOnce(t *testing.T) {
	c := watch.NewConfirm(time.Minute, look(watch.Poll, set("URL", "db://${X}")))
	for i := range 5 {
		kind := watch.Again
		if i == 0 {
			kind = watch.Poll
		}
		want(t, c.Look(look(kind, set("URL", "db://x"))), watch.LookAgain)
	}
	want(t, c.Look(look(watch.Again, set("URL", "db://${X}"))), watch.LookAgain) // says nothing against it
	d := want(t, c.Look(look(watch.Again, set("URL", "db://x"))), watch.Act)
	if got := reveal(d.Vars)["URL"]; got != "db://x" {
		t.Errorf("URL=%s", got)
	}
}

// TestReferenceTargetGone: an unresolved value that stays is a change too.
func TestReferenceTargetGone(t *testing.T) {
	c := watch.NewConfirm(time.Minute, look(watch.Poll, set("URL", "db://x")))
	looks, acts := 0, 0
	for range 3 {
		d := c.Look(look(watch.Poll, set("URL", "db://${X}")))
		for looks++; d.Do == watch.LookAgain; looks++ {
			d = c.Look(look(watch.Again, set("URL", "db://${X}")))
		}
		if d.Do == watch.Act {
			acts++
			break
		}
	}
	if acts != 1 || looks != 12 {
		t.Errorf("%d acts after %d looks, want 1 after 12", acts, looks)
	}
}

func TestRefusals(t *testing.T) {
	full := look(watch.Poll, set("A", "1", "B", "2"))
	empty := look(watch.Poll, nil)
	empty.Empty = true
	missing := look(watch.Poll, set("A", "1"))
	missing.Missing = []string{"B"}
	for name, bad := range map[string]watch.Look{"empty": empty, "missing": missing} {
		t.Run(name, func(t *testing.T) {
			c := watch.NewConfirm(time.Minute, full)
			want(t, c.Look(bad), watch.LookAgain)
			again := bad
			again.Event.Kind = watch.Again
			if d := want(t, c.Look(again), watch.Refuse); !d.Shout || d.Reason == "" {
				t.Errorf("the second look does not shout: %+v", d)
			}
			for range 3 {
				if d := want(t, c.Look(bad), watch.Refuse); d.Shout {
					t.Error("shouts twice")
				}
			}
			if d := want(t, c.Look(full), watch.Same); !d.Recovered {
				t.Error("does not say that it recovered")
			}
			if d := want(t, c.Look(full), watch.Same); d.Recovered {
				t.Error("recovers twice")
			}
		})
	}
	t.Run("empty from the start", func(t *testing.T) {
		c := watch.NewConfirm(time.Minute, empty)
		want(t, c.Look(empty), watch.Same)
		want(t, c.Look(full), watch.LookAgain)
		want(t, c.Look(full), watch.Act)
	})
	t.Run("local", func(t *testing.T) {
		c := watch.NewConfirm(time.Minute, full)
		gone := missing
		gone.Local = true
		if d := want(t, c.Look(gone), watch.Refuse); !d.Shout {
			t.Error("does not shout")
		}
	})
}

// TestConfirmProperties draws histories of changes, flicker and refusals.
func TestConfirmProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newFlickerServer(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 4).Draw(t, "flickering"))
		s.rate = rapid.SampledFrom([]float64{0, measuredRate, 0.3}).Draw(t, "rate")
		first := look(watch.Poll, s.answer())
		c := watch.NewConfirm(time.Minute, first)
		applied := reveal(first.Vars)
		run := map[string]int{} // half-expanded looks in a row, by name
		poll := func(spoil func(*watch.Look)) {
			kind := rapid.SampledFrom([]watch.Kind{watch.Poll, watch.Pushed, watch.Connected, watch.File}).Draw(t, "kind")
			for looks := 1; ; looks++ {
				l := look(kind, s.answer())
				spoil(&l)
				for name := range s.values {
					run[name]++
					if !l.Vars[name].Unresolved {
						run[name] = 0
					}
				}
				d := c.Look(l)
				if d.Do == watch.LookAgain {
					if kind = watch.Again; looks >= 16 || d.After <= 0 || d.After > 3*time.Second {
						t.Fatalf("look %d wants another in %v", looks, d.After)
					}
					continue
				}
				if d.Do == watch.Act {
					checkAct(t, applied, l, d, run)
					applied = reveal(d.Vars)
				}
				if !maps.Equal(applied, reveal(c.Applied())) {
					t.Fatalf("applied set is not the one delivered")
				}
				return
			}
		}
		fine := func(*watch.Look) {}
		counter := 0
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			counter++
			name := rapid.SampledFrom([]string{"PLAIN", "PORT", "LITERAL", "NEW", "URL_0", "URL_1"}).Draw(t, "name")
			switch rapid.SampledFrom([]string{"poll", "poll", "change", "remove", "refused", "empty"}).Draw(t, "step") {
			case "change":
				s.values[name] = fmt.Sprintf("v%d", counter)
			case "remove":
				delete(s.values, name)
			case "refused":
				poll(func(l *watch.Look) { l.Missing = []string{"REQUIRED"} })
			case "empty":
				poll(func(l *watch.Look) { l.Vars, l.Empty = nil, true })
			}
			poll(fine)
		}
		if rapid.Bool().Draw(t, "calm") {
			s.rate = 0
		}
		for range 40 {
			poll(fine)
		}
		if got, want := reveal(c.Applied()), reveal(s.resolved()); !maps.Equal(got, want) {
			t.Fatalf("a change was lost: delivered %v, the server has %v", got, want)
		}
	})
}

func checkAct(t *rapid.T, before map[string]string, l watch.Look, d watch.Decision, run map[string]int) {
	now, seen := reveal(d.Vars), reveal(l.Vars)
	if maps.Equal(before, now) {
		t.Fatalf("acts though nothing changed")
	}
	for name, value := range now {
		old, had := before[name]
		switch {
		case !had && !slices.Contains(d.Added, name), had && old != value && !slices.Contains(d.Changed, name):
			t.Fatalf("%s differs and is not named: %+v", name, d)
		case had && !unresolved(old) && unresolved(value) && run[name] < 12:
			t.Fatalf("%s delivered half expanded after %d looks", name, run[name])
		}
		if other, ok := seen[name]; (!ok || other != value) != slices.Contains(d.Held, name) {
			t.Fatalf("%s: held is wrong: %v", name, d.Held)
		}
	}
	for name := range before {
		if _, ok := now[name]; !ok && !slices.Contains(d.Removed, name) {
			t.Fatalf("%s is gone and is not named: %+v", name, d)
		}
	}
}
