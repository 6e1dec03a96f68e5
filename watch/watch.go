package watch

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Config says what to watch. Its zero value polls every minute and nothing else.
type Config struct {
	Interval time.Duration // 0: DefaultInterval; less than MinimumInterval counts as that
	// Files are watched whether they exist or not. A path that is a pipe or a
	// device is never opened.
	Files []string
	// Trees are directories in which every *.env file counts, however deep. The
	// first event asks for a look at them, since they were read before that.
	Trees  []string
	Events *Events        // nil: no project events
	Log    *slog.Logger   // nil: none. Names and reasons only, never a value
	Random func() float64 // [0,1), for jitter; nil: math/rand/v2

	notify func() (*fsnotify.Watcher, error) // a test makes it fail
}

// Watcher merges everything of a Config into one channel.
type Watcher struct {
	// C delivers one event at a time: hints that arrive while the receiver is
	// busy are merged. It is closed when the context of Start has ended.
	C <-chan Event

	reports chan report
	again   chan time.Duration
	over    <-chan struct{} // the context
	done    chan struct{}
}

type report struct{ err error }

// signal is what a file watcher or an event stream tells the owner.
type signal struct {
	event  Event
	hint   bool // event counts
	stream int  // +1: the stream came up, -1: it went down
}

// Start begins to watch, with the first poll at a random moment of the first
// interval; files count as they are when it returns. It ends with ctx.
func Start(ctx context.Context, cfg Config) *Watcher {
	switch {
	case cfg.Interval == 0:
		cfg.Interval = DefaultInterval
	case cfg.Interval < MinimumInterval:
		cfg.Interval = MinimumInterval
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Random == nil {
		cfg.Random = rand.Float64
	} else {
		cfg.Random = locked(cfg.Random)
	}
	c := make(chan Event)
	w := &Watcher{C: c, reports: make(chan report), again: make(chan time.Duration), over: ctx.Done(), done: make(chan struct{})}
	o := &owner{
		cfg: cfg, out: c, reports: w.reports, again: w.again,
		signals: make(chan signal), recheck: make(chan struct{}, 1),
		schedule: schedule{interval: cfg.Interval, random: cfg.Random},
	}
	if len(cfg.Files)+len(cfg.Trees) > 0 {
		open := cfg.notify
		if open == nil {
			open = fsnotify.NewWatcher
		}
		o.files = newFiles(cfg, o.recheck, open)
	}
	go func() {
		defer close(w.done)
		defer close(c)
		o.run(ctx)
	}()
	return w
}

// locked makes a random source usable by the owner and the stream at once.
func locked(random func() float64) func() float64 {
	var mu sync.Mutex
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return random()
	}
}

// Report tells how the look for the last event went; the polls after a failed
// one are further apart, and a pause the server asked for (the RetryAfter of an
// *api.Error) is kept. Every event that was received should be reported.
func (w *Watcher) Report(err error) {
	select {
	case w.reports <- report{err}:
	case <-w.over:
	}
}

// LookAgain asks for one more event in d, or a little later, so that the second
// looks of a fleet are spread. An event that comes earlier takes its place.
func (w *Watcher) LookAgain(d time.Duration) {
	select {
	case w.again <- d:
	case <-w.over:
	}
}

// Wait returns when everything Start began has ended.
func (w *Watcher) Wait() { <-w.done }

// owner is the one goroutine that holds the state.
type owner struct {
	cfg     Config
	out     chan<- Event
	reports <-chan report
	again   <-chan time.Duration
	signals chan signal
	files   *files        // nil: none
	recheck chan struct{} // asks it to look by itself

	schedule schedule
	pending  hint
	againAt  time.Time // zero: none
	last     Event     // the one the next report is about
}

func (o *owner) run(ctx context.Context) {
	var others sync.WaitGroup
	defer others.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.cfg.Events != nil {
		s := newStream(o.cfg, func(sig signal) { send(ctx, o.signals, sig) })
		others.Go(func() { s.run(ctx) })
	}
	if o.files != nil {
		others.Go(func() { o.files.run(ctx, func(sig signal) { send(ctx, o.signals, sig) }) })
	}
	o.schedule.start(time.Now())
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		now := time.Now()
		o.tick(now)
		var out chan<- Event
		if o.ready(now) {
			out = o.out
		}
		timer.Reset(time.Until(o.deadline(now)))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case out <- o.pending.Event:
			o.delivered(time.Now())
		case r := <-o.reports:
			o.schedule.reported(time.Now(), o.last, r.err)
		case d := <-o.again:
			o.againAt = time.Now().Add(o.schedule.again(d))
		case sig := <-o.signals:
			o.signal(time.Now(), sig)
		}
	}
}

func send(ctx context.Context, to chan<- signal, sig signal) {
	select {
	case to <- sig:
	case <-ctx.Done():
	}
}

// tick turns the timers that are due into hints.
func (o *owner) tick(now time.Time) {
	if !o.againAt.IsZero() && !now.Before(o.againAt) {
		o.againAt = time.Time{}
		o.pending.add(now, Event{Kind: Again, Reason: "second look", Fresh: true})
	}
	if !now.Before(o.schedule.next) {
		o.pending.add(now, o.schedule.poll(now))
		o.schedule.delivered(now, o.pending.Event) // one tick an interval, however busy the receiver is
		// Networked file systems tell nobody of changes: the poll looks there too.
		select {
		case o.recheck <- struct{}{}:
		default:
		}
	}
}

// due is when the pending hint may be delivered. What needs the server waits
// for the pause the server asked for.
func (o *owner) due() time.Time {
	if o.pending.Kind != File && o.schedule.notBefore.After(o.pending.due) {
		return o.schedule.notBefore
	}
	return o.pending.due
}

func (o *owner) ready(now time.Time) bool {
	return !o.pending.first.IsZero() && !now.Before(o.due())
}

func (o *owner) deadline(now time.Time) time.Time {
	next := o.schedule.next
	if !o.againAt.IsZero() && o.againAt.Before(next) {
		next = o.againAt
	}
	if !o.pending.first.IsZero() {
		if due := o.due(); due.After(now) && due.Before(next) {
			next = due
		}
	}
	return next
}

func (o *owner) delivered(now time.Time) {
	o.last, o.pending, o.againAt = o.pending.Event, hint{}, time.Time{}
	o.schedule.delivered(now, o.last)
}

func (o *owner) signal(now time.Time, sig signal) {
	if sig.stream != 0 {
		o.schedule.stream(now, sig.stream > 0)
	}
	if sig.hint {
		o.pending.add(now, sig.event)
	}
}
