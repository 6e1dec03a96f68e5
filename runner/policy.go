package runner

import "time"

// policy decides what happens to the child and when. It is a pure state machine: it is told what happened and at what
// time, and asked what to do. An environment is known to it by the Change that brought it.
type policy struct {
	// settings
	minGap, maxGap, healthy time.Duration
	rollbackWithin          time.Duration
	askWindow               time.Duration // how long a forwarded INT, HUP or QUIT is taken for a shutdown
	watch                   bool          // sweep what a child leaves behind after a shutdown signal
	drain                   bool          // process 1: drain at the end

	phase    phase
	next     *Change   // idle, stopping: the environment of the next start
	startAt  time.Time // idle: not before
	reason   string    // why the next start, or this stop
	current  *Change   // of the running child
	good     *Change   // the last environment that lived longer than rollbackWithin
	pending  *Change   // running: a change that has not been acted on
	actAt    time.Time
	startsAt time.Time // when the running child was started
	gap      time.Duration
	short    bool // the child that ended last had not become healthy
	starts   int
	helper   bool // a helper command is running

	endAfter   bool // stopping: end when the tree is gone, do not start
	asked      bool // a shutdown signal was passed on that ends the child for good
	askedUntil time.Time
	quit       bool
	rolledBack bool // the next start is a rollback
	last       Status
	err        error
}

type phase int

const (
	idle     phase = iota // nothing runs: start
	running               // the child runs
	leaving               // it has to be stopped, or it has ended and left something: not begun
	stopping              // the tree is being stopped
	draining              // process 1, at the end
	ended
)

type verb int

const (
	doWait verb = iota
	doStart
	doStop
	doDrain
	doSignal
	doHelper
	doEnd
)

// decision is one thing to do, or to wait: until a time, or for an event if it is zero.
type decision struct {
	do         verb
	until      time.Time
	change     *Change
	reason     string
	rolledBack bool
	held       bool // the wait is the gap between restarts that follow each other
}

func newPolicy(c *Config, pid1 bool) *policy {
	p := &policy{
		minGap: c.MinGap, maxGap: c.MaxGap, healthy: c.Healthy,
		rollbackWithin: c.RollbackWithin,
		askWindow:      c.StopTimeout,
		watch:          c.Mode != ModeInit,
		drain:          pid1,
		next:           &Change{Env: c.Env, Files: c.Files},
		reason:         "start",
	}
	p.gap, p.good = p.minGap, p.next
	return p
}

// decide says what to do now. What it orders counts as done; the outcome is reported by the methods below.
func (p *policy) decide(now time.Time) decision {
	p.prove(now)
	switch p.phase {
	case idle:
		if p.quit {
			p.finish()
			return p.decide(now)
		}
		if now.Before(p.startAt) {
			return decision{until: p.startAt}
		}
		d := decision{do: doStart, change: p.next, reason: p.reason, rolledBack: p.rolledBack}
		p.rolledBack = false
		return d
	case running:
		return p.decideRunning(now)
	case leaving:
		p.phase = stopping
		return decision{do: doStop, reason: p.reason}
	case stopping:
		return decision{}
	case draining:
		if p.drain {
			p.drain = false
			return decision{do: doDrain}
		}
		return decision{}
	}
	return decision{do: doEnd}
}

func (p *policy) decideRunning(now time.Time) decision {
	if p.quit {
		return p.stop(true, "shutdown")
	}
	if p.pending == nil {
		if p.current != p.good {
			return decision{until: p.startsAt.Add(p.rollbackWithin)}
		}
		return decision{}
	}
	if p.asked {
		return decision{}
	}
	if now.Before(p.askedUntil) {
		return decision{until: p.askedUntil}
	}
	at := p.actAt
	switch p.pending.Action {
	case ActionRestart:
		if now.Sub(p.startsAt) < p.healthy {
			at = later(at, p.startsAt.Add(p.gap))
		}
	case ActionExec:
		if p.helper {
			return decision{}
		}
	}
	if now.Before(at) {
		return decision{until: at, held: at.After(p.actAt)}
	}
	c := p.pending
	p.pending = nil
	switch c.Action {
	case ActionExit:
		return p.stop(true, c.Reason)
	case ActionSignal:
		return decision{do: doSignal, change: c, reason: c.Reason}
	case ActionExec:
		p.helper = true
		return decision{do: doHelper, change: c, reason: c.Reason}
	}
	p.next = c
	return p.stop(false, c.Reason)
}

// stop leaves the running child.
func (p *policy) stop(forGood bool, reason string) decision {
	p.phase, p.endAfter, p.reason = stopping, forGood, reason
	return decision{do: doStop, reason: reason}
}

// started: the command runs in the environment c.
func (p *policy) started(now time.Time, c *Change) {
	if p.starts > 0 {
		if p.short {
			p.gap = min(2*p.gap, p.maxGap)
		} else {
			p.gap = p.minGap
		}
	}
	p.starts++
	p.phase, p.current, p.next, p.startsAt = running, c, nil, now
	p.prove(now)
}

// startFailed: the kernel refused. A new environment may be why (its size), so a rollback is possible here too.
func (p *policy) startFailed(c *Change, err error) {
	if p.starts > 0 && p.rollbackWithin > 0 && c != p.good {
		p.back()
		p.phase = idle
		return
	}
	p.phase, p.err = ended, err
}

// changed: there is a new environment.
func (p *policy) changed(now time.Time, c *Change) {
	switch {
	case c.Action == ActionNone:
	case p.phase == running && c.Action == ActionCancel:
		p.pending = nil
	case p.phase == running:
		at := now.Add(c.Splay)
		if p.pending == nil || at.Before(p.actAt) {
			p.actAt = at
		}
		p.pending = c
	case p.phase == idle, (p.phase == leaving || p.phase == stopping) && !p.endAfter:
		if c.Action == ActionExit {
			p.endAfter = true
			if p.phase == idle {
				p.finish()
			}
			return
		}
		p.next, p.rolledBack = c, false
	}
}

// askedToEnd: a signal that usually ends a program came from outside and was passed on. final: it does not mean anything
// else (TERM, the stop signal).
func (p *policy) askedToEnd(now time.Time, s Status, final bool) {
	switch p.phase {
	case idle:
		if p.starts > 0 {
			p.last = s // nothing is there to take it: it is ours
			p.finish()
		}
	case leaving, stopping:
		p.endAfter = true
	case running:
		p.asked = p.asked || final
		if !final {
			p.askedUntil = now.Add(p.askWindow)
		}
	}
}

func (p *policy) beingAsked(now time.Time) bool { return p.asked || now.Before(p.askedUntil) }

// shutdown: the caller wants the end.
func (p *policy) shutdown() {
	p.quit = true
	if p.phase == leaving || p.phase == stopping {
		p.endAfter = true
	}
}

// exited: the child itself is gone.
func (p *policy) exited(now time.Time, s Status) {
	p.prove(now)
	p.last = s
	p.short = now.Sub(p.startsAt) < p.healthy
	if !p.short {
		p.gap = p.minGap
	}
	if p.phase != running {
		return
	}
	asked := p.beingAsked(now)
	switch {
	case p.quit, asked:
		p.endAfter = true
		p.reason = "swept after the end"
		if p.watch && !p.drain {
			p.phase = leaving
		} else {
			p.finish()
		}
	case s.interrupted():
		p.finish() // a child with the terminal gets Ctrl-C alone: we do not hear of it
	case s.failed() && p.pending != nil && p.pending.Action == ActionRestart:
		p.next, p.pending, p.endAfter = p.pending, nil, false
		p.phase, p.reason = leaving, p.next.Reason
	case s.failed() && p.rollbackWithin > 0 && p.current != p.good:
		p.back()
		p.phase = leaving
	default:
		p.finish()
	}
}

// back makes the last good environment the next one.
func (p *policy) back() {
	p.next, p.endAfter, p.rolledBack, p.reason = p.good, false, true, "rollback"
}

// cleared: nothing of the tree is left.
func (p *policy) cleared() {
	switch p.phase {
	case stopping:
		if p.endAfter || p.quit {
			p.phase = ended
			return
		}
		p.phase, p.startAt = idle, time.Time{}
		if p.short {
			p.startAt = p.startsAt.Add(p.gap)
		}
		p.asked, p.askedUntil, p.pending = false, time.Time{}, nil
	case draining:
		p.phase = ended
	}
}

// isFinal reports whether the end has begun, after which nothing is started any more.
func (p *policy) isFinal() bool {
	switch p.phase {
	case leaving, stopping:
		return p.endAfter || p.quit
	case draining, ended:
		return true
	}
	return false
}

func (p *policy) helperDone() { p.helper = false }

// finish ends, draining first where that is our job.
func (p *policy) finish() {
	p.phase = ended
	if p.drain {
		p.phase = draining
	}
}

// prove makes the current environment the good one once it has lived long enough.
func (p *policy) prove(now time.Time) {
	if p.phase == running && now.Sub(p.startsAt) >= p.rollbackWithin {
		p.good = p.current
	}
}

// holds reports whether a start may still need the environment c.
func (p *policy) holds(c *Change) bool {
	return p.phase != ended && (c == p.next || c == p.current || c == p.good || c == p.pending)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
