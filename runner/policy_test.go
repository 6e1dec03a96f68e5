package runner

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// driver runs a policy against a virtual clock and an obedient world: starts succeed, stops take what they are told to.
type driver struct {
	t   testing.TB
	p   *policy
	now time.Time
	// what the policy believes must agree with what it ordered
	alive    bool
	stopping bool
	draining bool
	env      *Change
	over     bool
	decided  decision
}

func newDriver(t testing.TB, c Config, pid1 bool) *driver {
	c = c.withDefaults()
	return &driver{t: t, p: newPolicy(&c, pid1), now: time.Unix(1e9, 0)}
}

// settle carries out decisions until the policy waits, and returns the orders.
func (d *driver) settle() (orders []verb) {
	d.t.Helper()
	for range 50 {
		dec := d.p.decide(d.now)
		d.decided = dec
		if dec.do == doWait {
			return orders
		}
		orders = append(orders, dec.do)
		switch dec.do {
		case doStart:
			if d.alive || d.stopping {
				d.t.Fatalf("start while a child runs or is being stopped")
			}
			d.alive, d.env = true, dec.change
			d.p.started(d.now, dec.change)
		case doStop:
			if d.stopping {
				d.t.Fatalf("stop while stopping")
			}
			d.stopping = true
		case doDrain:
			d.draining = true
		case doSignal, doHelper:
			if !d.alive {
				d.t.Fatalf("%v without a child", dec.do)
			}
		case doEnd:
			d.over = true
			return orders
		}
	}
	d.t.Fatalf("the policy does not come to rest: %v", orders)
	return nil
}

func (d *driver) after(dur time.Duration) *driver { d.now = d.now.Add(dur); return d }

func (d *driver) exit(s Status) []verb {
	d.t.Helper()
	d.alive = false
	d.p.exited(d.now, s)
	return d.settle()
}

func (d *driver) clear() []verb {
	d.t.Helper()
	d.stopping, d.draining = false, false
	d.p.cleared()
	return d.settle()
}

func (d *driver) change(c *Change) []verb { d.t.Helper(); d.p.changed(d.now, c); return d.settle() }

func (d *driver) expect(got []verb, want ...verb) {
	d.t.Helper()
	if len(got) != len(want) {
		d.t.Fatalf("orders %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			d.t.Fatalf("orders %v, want %v", got, want)
		}
	}
}

func (d *driver) waitsUntil(at time.Time) {
	d.t.Helper()
	if !d.decided.until.Equal(at) {
		d.t.Fatalf("waits until %v, want %v", d.decided.until, at)
	}
}

var (
	fails    = Status{Code: 1}
	finishes = Status{}
	termed   = Status{Signal: syscall.SIGTERM}
)

func restart() *Change { return &Change{Action: ActionRestart} }

func TestR56ChildExitsByItself(t *testing.T) {
	for _, st := range []Status{finishes, fails, termed} {
		d := newDriver(t, Config{}, false)
		d.expect(d.settle(), doStart)
		d.after(time.Hour)
		d.expect(d.exit(st), doEnd)
		if d.p.last != st {
			t.Errorf("ended with %v, want %v", d.p.last, st)
		}
	}
}

func TestR56NewerSecretsAreKnown(t *testing.T) {
	d := newDriver(t, Config{}, false)
	d.settle()
	c := restart()
	c.Splay = time.Hour
	d.after(5 * time.Minute)
	d.expect(d.change(c))
	d.waitsUntil(d.now.Add(time.Hour))
	d.expect(d.after(time.Minute).exit(fails), doStop)
	d.expect(d.clear(), doStart)
	if d.env != c {
		t.Error("not started in the newer environment")
	}
	// A job that finished is finished.
	c2 := restart()
	c2.Splay = time.Hour
	d.after(5 * time.Minute).change(c2)
	d.expect(d.exit(finishes), doEnd)
}

// TestR56InterruptIsNoCrash: who presses Ctrl-C wants the end, whatever is known or was just changed.
func TestR56InterruptIsNoCrash(t *testing.T) {
	for _, st := range []Status{{Signal: syscall.SIGINT}, {Signal: syscall.SIGQUIT}, {Signal: syscall.SIGHUP}, {Code: 130}} {
		d := newDriver(t, Config{RollbackWithin: time.Hour}, false)
		d.settle()
		d.after(time.Minute).change(restart())
		d.exit(termed)
		d.expect(d.clear(), doStart)
		d.change(&Change{Action: ActionRestart, Splay: time.Hour})
		d.expect(d.after(time.Second).exit(st), doEnd)
		if d.p.last != st {
			t.Errorf("ended with %v, want %v", d.p.last, st)
		}
	}
}

func TestR56OnlyForRestart(t *testing.T) {
	d := newDriver(t, Config{}, false)
	d.settle()
	d.after(time.Minute).change(&Change{Action: ActionSignal, Splay: time.Hour})
	d.expect(d.exit(fails), doEnd)
}

func TestR57Gap(t *testing.T) {
	d := newDriver(t, Config{}, false)
	d.settle()
	started := d.now
	for _, gap := range []time.Duration{1, 2, 4, 8, 16, 32, 60} {
		gap *= time.Second
		d.after(time.Millisecond)
		d.expect(d.change(restart()))
		d.waitsUntil(started.Add(gap)) // the old child goes on until then
		d.now = started.Add(gap)
		d.expect(d.settle(), doStop)
		d.expect(d.exit(termed))
		d.expect(d.clear(), doStart)
		started = d.now
	}
	d.after(time.Minute) // healthy: back to the beginning
	d.expect(d.change(restart()), doStop)
	d.exit(termed)
	d.expect(d.clear(), doStart)
	started = d.now
	d.change(restart())
	d.waitsUntil(started.Add(time.Second))
}

func TestR57GapAfterACrash(t *testing.T) {
	d := newDriver(t, Config{RollbackWithin: time.Minute}, false)
	d.settle()
	first := d.p.current
	d.after(time.Hour)
	d.expect(d.change(restart()), doStop)
	d.exit(termed)
	d.expect(d.clear(), doStart)
	started := d.now
	d.expect(d.after(10*time.Millisecond).exit(fails), doStop)
	d.expect(d.clear())
	d.waitsUntil(started.Add(time.Second))
	d.now = started.Add(time.Second)
	d.expect(d.settle(), doStart)
	if d.env != first {
		t.Error("not rolled back")
	}
}

func TestRollback(t *testing.T) {
	within := 10 * time.Second
	tests := map[string]struct {
		lives time.Duration
		end   Status
		want  []verb
	}{
		"fails soon":     {time.Second, fails, []verb{doStop}},
		"killed soon":    {time.Second, termed, []verb{doStop}},
		"finishes soon":  {time.Second, finishes, []verb{doEnd}},
		"fails too late": {within, fails, []verb{doEnd}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newDriver(t, Config{RollbackWithin: within}, false)
			d.settle()
			d.after(time.Hour)
			d.expect(d.change(restart()), doStop)
			d.exit(termed)
			d.expect(d.clear(), doStart)
			d.expect(d.after(test.lives).exit(test.end), test.want...)
		})
	}
	t.Run("first start", func(t *testing.T) {
		d := newDriver(t, Config{RollbackWithin: within}, false)
		d.settle()
		d.expect(d.after(time.Millisecond).exit(fails), doEnd)
	})
	t.Run("once", func(t *testing.T) {
		d := newDriver(t, Config{RollbackWithin: within}, false)
		d.settle()
		d.after(time.Hour).change(restart())
		d.exit(termed)
		d.clear()
		d.after(2 * time.Second).exit(fails)
		d.expect(d.clear(), doStart)
		d.expect(d.after(time.Second).exit(fails), doEnd)
	})
	t.Run("to the last that proved itself", func(t *testing.T) {
		d := newDriver(t, Config{RollbackWithin: within}, false)
		d.settle()
		first := d.p.current
		for range 2 { // the second change comes before the first one is proven
			d.after(9 * time.Second)
			d.expect(d.change(restart()), doStop)
			d.exit(termed)
			d.expect(d.clear(), doStart)
		}
		d.after(9 * time.Second).exit(fails)
		d.expect(d.clear(), doStart)
		if d.env != first {
			t.Error("rolled back to an environment that never proved itself")
		}
	})
	t.Run("a newer change wins", func(t *testing.T) {
		d := newDriver(t, Config{RollbackWithin: within}, false)
		d.settle()
		d.after(time.Hour).change(restart())
		d.exit(termed)
		d.clear()
		c := restart()
		d.after(2*time.Second).p.changed(d.now, &Change{Action: ActionRestart, Splay: time.Minute})
		d.p.changed(d.now, c)
		c.Splay = time.Minute
		d.after(time.Second)
		d.p.pending, d.p.actAt = c, d.now.Add(time.Minute)
		d.exit(fails)
		d.expect(d.clear(), doStart)
		if d.env != c {
			t.Error("an old environment was preferred to a newer one")
		}
	})
	t.Run("start fails", func(t *testing.T) {
		d := newDriver(t, Config{RollbackWithin: within}, false)
		d.settle()
		first := d.p.current
		d.after(time.Hour).change(restart())
		d.exit(termed)
		d.p.cleared()
		dec := d.p.decide(d.now)
		d.p.startFailed(dec.change, errors.New("argument list too long"))
		dec = d.p.decide(d.now)
		if dec.do != doStart || dec.change != first || !dec.rolledBack {
			t.Errorf("%+v, want the first environment back", dec)
		}
		d.p.startFailed(dec.change, errors.New("gone"))
		if dec = d.p.decide(d.now); dec.do != doEnd || d.p.err == nil {
			t.Errorf("%+v, want the end with an error", dec)
		}
	})
	t.Run("not after a shutdown signal", func(t *testing.T) {
		d := newDriver(t, Config{RollbackWithin: within}, false)
		d.settle()
		d.after(time.Hour).change(restart())
		d.exit(termed)
		d.clear()
		d.p.askedToEnd(d.now, termed, true)
		d.expect(d.exit(termed), doStop)
		d.expect(d.clear(), doEnd)
	})
}

func TestR53ChangesCoalesce(t *testing.T) {
	d := newDriver(t, Config{}, false)
	d.settle()
	d.after(time.Hour)
	d.expect(d.change(restart()), doStop)
	d.expect(d.change(restart()))
	last := restart()
	d.expect(d.change(last))
	d.exit(termed)
	d.expect(d.clear(), doStart)
	if d.env != last {
		t.Error("not the last of the changes")
	}
	if d.p.starts != 2 {
		t.Errorf("%d starts, want 2", d.p.starts)
	}
}

func TestR55ShutdownCancelsTheStart(t *testing.T) {
	t.Run("while stopping", func(t *testing.T) {
		d := newDriver(t, Config{}, false)
		d.settle()
		d.after(time.Hour)
		d.expect(d.change(restart()), doStop)
		d.p.askedToEnd(d.now, termed, true)
		d.exit(Status{Code: 7})
		d.expect(d.clear(), doEnd)
		if d.p.last != (Status{Code: 7}) {
			t.Errorf("ended with %v, want the child's status", d.p.last)
		}
	})
	t.Run("between two children", func(t *testing.T) {
		d := newDriver(t, Config{RollbackWithin: time.Minute}, false)
		d.settle()
		d.after(time.Hour).change(restart())
		d.exit(termed)
		d.clear()
		d.after(time.Millisecond).exit(fails)
		d.expect(d.clear()) // in the gap
		d.p.askedToEnd(d.now, Status{Signal: syscall.SIGINT}, false)
		d.expect(d.settle(), doEnd)
		if d.p.last.Signal != syscall.SIGINT {
			t.Errorf("ended with %v, want the signal", d.p.last)
		}
	})
	t.Run("change after TERM", func(t *testing.T) {
		d := newDriver(t, Config{}, false)
		d.settle()
		d.after(time.Hour)
		d.p.askedToEnd(d.now, termed, true)
		d.expect(d.change(restart()))
		d.expect(d.after(time.Hour).settle())
		d.expect(d.exit(fails), doStop)
		d.expect(d.clear(), doEnd)
	})
	t.Run("change after HUP", func(t *testing.T) {
		d := newDriver(t, Config{}, false)
		d.settle()
		d.after(time.Hour)
		d.p.askedToEnd(d.now, Status{Signal: syscall.SIGHUP}, false)
		d.expect(d.change(restart()))
		d.expect(d.after(10*time.Second).settle(), doStop) // it was not a shutdown after all
	})
	t.Run("change after the end has begun", func(t *testing.T) {
		d := newDriver(t, Config{}, false)
		d.settle()
		d.p.shutdown()
		d.expect(d.settle(), doStop)
		d.expect(d.change(restart()))
		d.exit(termed)
		d.expect(d.clear(), doEnd)
	})
}

func TestR45DrainIsForProcess1(t *testing.T) {
	d := newDriver(t, Config{}, true)
	d.settle()
	d.expect(d.exit(Status{Code: 7}), doDrain)
	d.expect(d.clear(), doEnd)
	if d.p.last.Code != 7 {
		t.Errorf("ended with %v", d.p.last)
	}
}

func TestR46SweepIsForWatching(t *testing.T) {
	for mode, want := range map[Mode][]verb{ModeSupervise: {doStop}, ModeInit: {doEnd}} {
		d := newDriver(t, Config{Mode: mode}, false)
		d.settle()
		d.p.askedToEnd(d.now, termed, true)
		d.expect(d.exit(termed), want...)
	}
}

func TestR58Actions(t *testing.T) {
	d := newDriver(t, Config{}, false)
	d.settle()
	d.expect(d.change(&Change{Action: ActionNone}))
	d.expect(d.change(&Change{Action: ActionSignal}), doSignal)
	d.expect(d.change(&Change{Action: ActionExec}), doHelper)
	d.expect(d.change(&Change{Action: ActionExec})) // one at a time
	d.expect(d.change(&Change{Action: ActionExec}))
	d.p.helperDone()
	d.expect(d.settle(), doHelper)
	d.p.helperDone()
	d.expect(d.settle())
	d.expect(d.change(&Change{Action: ActionExit}), doStop)
	d.exit(Status{Code: 9})
	d.expect(d.clear(), doEnd)
	if d.p.last.Code != 9 {
		t.Errorf("ended with %v", d.p.last)
	}
}

func TestSplay(t *testing.T) {
	d := newDriver(t, Config{}, false)
	d.settle()
	d.after(time.Hour)
	t0 := d.now
	d.expect(d.change(&Change{Action: ActionRestart, Splay: 30 * time.Second}))
	d.waitsUntil(t0.Add(30 * time.Second))
	d.after(20 * time.Second)
	last := &Change{Action: ActionRestart, Splay: 30 * time.Second}
	d.expect(d.change(last)) // the earlier moment counts, the later environment
	d.waitsUntil(t0.Add(30 * time.Second))
	d.now = t0.Add(30 * time.Second)
	d.expect(d.settle(), doStop)
	d.exit(termed)
	d.expect(d.clear(), doStart)
	if d.env != last {
		t.Error("not the last environment")
	}

	d.after(time.Hour).change(&Change{Action: ActionRestart, Splay: 30 * time.Second})
	d.expect(d.change(&Change{Action: ActionCancel})) // it changed back
	d.expect(d.after(time.Hour).settle())

	d.change(&Change{Action: ActionRestart, Splay: 30 * time.Second})
	d.p.shutdown()
	d.expect(d.settle(), doStop)
	d.exit(termed)
	d.expect(d.clear(), doEnd)
}

func TestCancelDuringTheStop(t *testing.T) {
	d := newDriver(t, Config{}, false)
	d.settle()
	d.after(time.Hour).change(restart())
	back := &Change{Action: ActionCancel}
	d.expect(d.change(back))
	d.exit(termed)
	d.expect(d.clear(), doStart) // the old child is gone, so there must be a new one
	if d.env != back {
		t.Error("started in an environment that is no longer true")
	}
}

// TestPolicyProperty throws random events at the policy. Whatever comes: at most one child, nothing is started while the
// old tree is being stopped, a shutdown ends it, the last known environment is the one that runs in the end, and starts
// keep their distance.
func TestPolicyProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		pid1 := rapid.Bool().Draw(rt, "pid1")
		rollback := rapid.SampledFrom([]time.Duration{0, 5 * time.Second}).Draw(rt, "rollback")
		d := newDriver(t, Config{RollbackWithin: rollback}, pid1)
		d.settle()
		var newest *Change
		failedSince := false
		starts, lastStart := d.p.starts, d.now
		asked := false
		for i := 0; i < 60 && !d.over; i++ {
			d.now = d.now.Add(rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(rt, "wait"))
			d.settle()
			switch rapid.SampledFrom([]string{"change", "change", "exit", "clear", "clear", "cancel", "term", "hup", "helper"}).Draw(rt, "event") {
			case "change":
				c := restart()
				c.Splay = rapid.SampledFrom([]time.Duration{0, 0, time.Second, time.Hour}).Draw(rt, "splay")
				newest, failedSince = c, false
				d.change(c)
			case "cancel":
				if d.alive && !d.stopping {
					d.change(&Change{Action: ActionCancel})
					newest, failedSince = d.env, false
				}
			case "exit":
				if d.alive {
					st := rapid.SampledFrom([]Status{finishes, fails, termed}).Draw(rt, "status")
					failedSince = failedSince || st.failed()
					d.exit(st)
				}
			case "clear":
				if (d.stopping || d.draining) && !d.alive {
					d.clear()
				}
			case "term":
				asked = true
				d.p.askedToEnd(d.now, termed, true)
				d.settle()
			case "hup":
				d.p.askedToEnd(d.now, Status{Signal: syscall.SIGHUP}, false)
				d.settle()
			case "helper":
				d.p.helperDone()
				d.settle()
			}
			if d.p.starts != starts {
				if asked {
					rt.Fatalf("started after a shutdown signal")
				}
				if gap := d.now.Sub(lastStart); gap < time.Second {
					rt.Fatalf("two starts within %v", gap)
				}
				starts, lastStart = d.p.starts, d.now
			}
		}
		// Bring it to an end from wherever it is; first let it become quiet.
		for range 10 {
			if d.over {
				break
			}
			if d.stopping || d.draining {
				if d.alive {
					d.exit(termed)
				}
				d.clear()
			}
			d.now = d.now.Add(3 * time.Hour)
			d.settle()
		}
		if !d.over && d.alive && !asked && newest != nil && !failedSince && d.env != newest {
			rt.Fatalf("the child does not run in the newest environment")
		}
		d.p.shutdown()
		for range 5 {
			d.settle()
			if d.alive {
				d.exit(termed)
			}
			if d.stopping || d.draining {
				d.clear()
			}
		}
		if !d.over {
			rt.Fatalf("a shutdown does not end it: phase %v", d.p.phase)
		}
		if d.alive {
			rt.Fatalf("ended with a child")
		}
	})
}
