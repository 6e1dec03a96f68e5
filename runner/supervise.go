package runner

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"infuse/runner/mask"
)

// Group is the process group of the child.
type Group string

const (
	// GroupAuto chooses: our own group's terminal is handed over to a group of the child where we are a job of our own,
	// and shared where we are part of a bigger one (a pipeline, make, a script).
	GroupAuto Group = "auto"
	// GroupOwn gives the child a group of its own always.
	GroupOwn Group = "own"
	// GroupShare keeps it in ours always.
	GroupShare Group = "share"
)

// Config says what to supervise. Only Path and Argv are required.
type Config struct {
	Path  string   // as Lookup found it
	Argv  []string // as typed
	Env   []string // complete, without doubles
	Files []File   // open files for the child, Linux only

	Mode  Mode  // ModeInit: forward, reap, drain. Anything else also acts on Changes and sweeps after a shutdown
	Group Group // "" is GroupAuto

	StopSignal     syscall.Signal // 0 is SIGTERM
	StopTimeout    time.Duration  // until SIGKILL when a tree is stopped; 0 is 10s, negative is none
	DrainTimeout   time.Duration  // process 1: what is left gets that long at the end; 0 is 2s, negative is none
	RollbackWithin time.Duration  // a child that fails sooner than this after a change gets the old environment back

	// The crash-loop guard. Between two starts there is at least a gap of MinGap (0 is 1s), which doubles with every
	// start of a child that did not live for Healthy (0 is 60s), up to MaxGap (0 is 60s).
	MinGap, MaxGap, Healthy time.Duration

	// Changes brings new environments. Closing it means that there will be no more.
	Changes <-chan Change

	// Stdin, Stdout and Stderr are the child's; nil is our own, untouched. The caller keeps them open for restarts.
	Stdin, Stdout, Stderr *os.File

	// Streams masks the output; nil does not. It gives every child its three streams, instead of the files above. A child
	// that it puts on a terminal of its own leads a session there, whatever Group says; any other one with terminals of
	// its own shares our group in the foreground, if GroupAuto may choose, since only that group hears of a new size.
	Streams *mask.Streams

	// Release is called when our signal handlers are in place and nothing has been started: it hands over from
	// a [Termination] that catches. Its error ends Supervise.
	Release func() error

	// Helpers knows the processes that other parts of the program run beside the child.
	Helpers *Helpers

	Log     *slog.Logger // nil is none
	Observe func(Event)  // called in order, from the goroutine of Supervise; must not block
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
		*d = max(*d, 0)
	}
	set(&c.StopTimeout, 10*time.Second)
	set(&c.DrainTimeout, 2*time.Second)
	set(&c.MinGap, time.Second)
	set(&c.MaxGap, time.Minute)
	set(&c.Healthy, time.Minute)
	if c.StopSignal == 0 {
		c.StopSignal = syscall.SIGTERM
	}
	if c.Mode == "" {
		c.Mode = ModeSupervise
	}
	if c.Group == "" {
		c.Group = GroupAuto
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(Event) {}
	}
	return c
}

// Supervise starts the command and stays until it is over: it passes signals on, keeps the terminal's job control
// working, reaps, acts on changes, and returns how the child ended. Where Status has a Signal the caller should die of
// it, see [Raise].
//
// When ctx ends the whole tree is stopped first. The error is a [*StartError] if the command could not be started, the
// error of Config.Release, or the cause of ctx if it ended before the first start.
//
// Supervise keeps the calling goroutine on its thread: the kernel ties the child's death signal to the thread that
// started it. There must be only one Supervise at a time in a process.
func Supervise(ctx context.Context, cfg Config) (Status, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cfg = cfg.withDefaults()
	if len(cfg.Argv) == 0 {
		return Status{}, startError(cfg.Path, errors.New("empty command line"))
	}
	tree, err := openTree(&cfg)
	if err != nil {
		return Status{}, err
	}
	defer tree.close()
	if cfg.Release != nil {
		if err := cfg.Release(); err != nil {
			return Status{}, err
		}
	}
	s := &supervisor{cfg: &cfg, tree: tree, policy: newPolicy(&cfg, os.Getpid() == 1), changes: cfg.Changes}
	s.known = []*Change{s.policy.next}
	return s.run(ctx)
}

// supervisor is the one goroutine that owns the child. Everything else sends to it.
type supervisor struct {
	cfg     *Config
	tree    *tree
	policy  *policy
	changes <-chan Change
	known   []*Change // whose files are still open
	done    <-chan struct{}
	held    time.Time // the end of the gap that was said last
}

func (s *supervisor) run(ctx context.Context) (Status, error) {
	defer s.releaseAll()
	timer := time.NewTimer(0)
	defer timer.Stop()
	s.done = ctx.Done()
	if ctx.Err() != nil {
		return Status{}, context.Cause(ctx)
	}
	for {
		until, over := s.act()
		if over {
			break
		}
		s.release()
		if next := s.tree.wakeAt(); until.IsZero() || !next.IsZero() && next.Before(until) {
			until = next
		}
		if until.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(until))
		}
		select {
		case sig := <-s.tree.signals:
			s.signalled(sig)
		case <-s.tree.childEvents:
			s.tree.touch()
		case <-s.tree.continued:
			s.tree.resume()
		case <-s.tree.interrupted():
			s.interrupted()
		case <-s.tree.suspended():
			s.tree.suspend()
		case <-timer.C:
		case c, ok := <-s.changes:
			if ok {
				s.changed(c)
			} else {
				s.changes = nil
			}
		case <-s.done:
			s.done = nil
			s.policy.shutdown()
		}
		s.look()
	}
	s.observe(Event{Kind: EventExiting, Status: s.policy.last, Reason: s.policy.reason})
	if s.policy.err != nil {
		return Status{}, s.policy.err
	}
	if s.policy.starts == 0 {
		return Status{}, context.Cause(ctx)
	}
	return s.policy.last, nil
}

// act does what the policy wants until it wants to wait.
func (s *supervisor) act() (until time.Time, over bool) {
	for {
		now := time.Now()
		d := s.policy.decide(now)
		switch d.do {
		case doWait:
			s.sayHeld(d, now)
			return d.until, false
		case doEnd:
			return time.Time{}, true
		case doStart:
			s.start(d)
		case doStop:
			s.cfg.Log.Info("stopping", "pid", s.tree.pid, "reason", d.reason)
			s.observe(Event{Kind: EventStopping, Reason: d.reason, Final: s.policy.isFinal()})
			s.tree.stop(now)
			s.look()
		case doDrain:
			s.tree.drain(now)
			s.look()
		case doSignal:
			s.tree.send(d.change.Signal)
			s.cfg.Log.Info("signalled", "pid", s.tree.pid, "signal", SignalName(d.change.Signal), "reason", d.reason)
			s.observe(Event{Kind: EventSignalled, Reason: d.reason})
		case doHelper:
			if err := s.tree.runHelper(d.change); err != nil {
				s.policy.helperDone()
				s.cfg.Log.Warn("on-change command did not start", "error", err)
				s.observe(Event{Kind: EventHelper, Reason: d.reason, Err: err})
			}
		}
	}
}

// sayHeld tells, once for each gap of more than a second, why a change does not
// restart the child yet.
func (s *supervisor) sayHeld(d decision, now time.Time) {
	if wait := d.until.Sub(now); d.held && wait > time.Second && !d.until.Equal(s.held) {
		s.held = d.until
		s.cfg.Log.Warn("restarting in "+wait.Round(time.Second).String()+": restarts that follow each other are spaced out", "reason", s.policy.pending.Reason)
	}
}

func (s *supervisor) start(d decision) {
	if s.policy.starts > 0 {
		s.tree.reclaimTerminal(true)
		if s.takeSignals() { // a shutdown that is already waiting must win over the new start
			s.policy.rolledBack = d.rolledBack
			return
		}
	}
	if d.rolledBack {
		s.cfg.Log.Warn("rolled back to the previous environment: the program ended soon after the change", "status", s.policy.last.String())
		s.observe(Event{Kind: EventRolledBack, Status: s.policy.last, Reason: d.reason})
	}
	if err := s.tree.start(d.change); err != nil {
		s.policy.startFailed(d.change, err)
		return
	}
	s.policy.started(time.Now(), d.change)
	s.cfg.Log.Info("started", "pid", s.tree.pid, "restarts", s.policy.starts-1, "reason", d.reason)
	s.observe(Event{Kind: EventStarted, Reason: d.reason})
	if s.cfg.Mode == ModeInit {
		s.cfg.Env, d.change.Env = nil, nil // never needed again
		debug.FreeOSMemory()
	}
}

// takeSignals handles the signals that are waiting, and reports whether there were any.
func (s *supervisor) takeSignals() (any bool) {
	for {
		select {
		case sig := <-s.tree.signals:
			s.signalled(sig)
			any = true
		default:
			return any
		}
	}
}

// signalled passes a signal on, except one that the child has had already, and reports whether it asks to end.
func (s *supervisor) signalled(sig os.Signal) (toEnd bool) {
	now := time.Now()
	number, ok := sig.(syscall.Signal)
	if !ok || s.tree.isEcho(number, now) {
		return false
	}
	s.tree.forward(number)
	switch number {
	case syscall.SIGTERM, s.cfg.StopSignal:
		s.policy.askedToEnd(now, Status{Signal: number}, true)
		return true
	case syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT:
		s.policy.askedToEnd(now, Status{Signal: number}, false)
		return true
	}
	return false
}

func (s *supervisor) changed(c Change) {
	s.known = append(s.known, &c)
	s.policy.changed(time.Now(), &c)
}

// look asks the tree what happened and tells the policy.
func (s *supervisor) look() {
	now := time.Now()
	n := s.tree.poll(now)
	if n.exited {
		s.takeSignals() // a Ctrl-C that reached the child directly has reached us too
		select {
		case <-s.tree.interrupted():
			s.interrupted()
		default:
		}
		s.cfg.Log.Info("stopped", "status", n.status.String())
		s.policy.exited(now, n.status)
		s.observe(Event{Kind: EventStopped, Status: n.status, Reason: s.policy.reason, Final: s.policy.isFinal()})
	}
	if n.helperExited {
		s.policy.helperDone()
		level := slog.LevelInfo
		if n.helper.failed() {
			level = slog.LevelWarn
		}
		s.cfg.Log.Log(context.Background(), level, "on-change command ended", "status", n.helper.String())
		s.observe(Event{Kind: EventHelper, Status: n.helper})
	}
	if n.cleared {
		s.policy.cleared()
	}
	s.finishOutput()
}

func (s *supervisor) observe(e Event) {
	e.Time = time.Now()
	e.PID = s.tree.pid
	e.Restarts = max(0, s.policy.starts-1)
	s.cfg.Observe(e)
}

// release closes the files of environments that no start can need any more.
func (s *supervisor) release() {
	kept := s.known[:0]
	for _, c := range s.known {
		if s.policy.holds(c) {
			kept = append(kept, c)
		} else {
			closeFiles(c.Files)
		}
	}
	clear(s.known[len(kept):])
	s.known = kept
}

func (s *supervisor) releaseAll() {
	for _, c := range s.known {
		closeFiles(c.Files)
	}
}

func closeFiles(files []File) {
	for _, f := range files {
		_ = f.File.Close()
	}
}

// news is what a look at the processes brought.
type news struct {
	exited       bool // the child itself
	status       Status
	cleared      bool // the stop or drain that was begun is complete
	helperExited bool
	helper       Status
}
