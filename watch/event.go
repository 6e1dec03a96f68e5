package watch

import (
	"slices"
	"strings"
	"time"
)

// Kind is what gave the hint to look. When hints are merged the greatest wins.
type Kind int

const (
	// File: files of Config.Files or Config.Trees changed, nothing else. Unless
	// they hold credentials or are the source, the server need not be asked.
	File Kind = iota
	// Poll: the interval has passed.
	Poll
	// Again: the wait of LookAgain is over.
	Again
	// Connected: the event stream was opened; changes before it went unseen.
	Connected
	// Pushed: the server told of a change.
	Pushed
)

func (k Kind) String() string {
	return [...]string{"file", "poll", "again", "connected", "pushed"}[k]
}

// Event asks its receiver to look now.
type Event struct {
	Kind   Kind
	Reason string // for the log, such as "poll" or "secret:update DB_URL"
	// Fresh asks for an unconditional request: a 304 can be stale.
	Fresh bool
	// Files are the paths that changed, as they were given; of trees, the files in them.
	Files []string
}

// Quick reports whether a change was announced, so that a second look may
// follow at once.
func (e Event) Quick() bool { return e.Kind == Pushed || len(e.Files) > 0 }

// The quiet periods, and the longest a hint waits for quiet.
const (
	quietQuick   = 100 * time.Millisecond
	quietOther   = 500 * time.Millisecond
	quietMaximum = 5 * time.Second
)

func (e Event) quiet() time.Duration {
	switch {
	case e.Quick():
		return quietQuick
	case e.Kind == Connected:
		return quietOther
	}
	return 0 // a tick of our own: no more of them will follow
}

// hint is the merged event that has not been delivered yet.
type hint struct {
	Event
	first, due time.Time // zero first: none
}

func (h *hint) add(now time.Time, e Event) {
	due := now.Add(e.quiet())
	if h.first.IsZero() {
		*h = hint{Event: e, first: now, due: due}
		return
	}
	if e.Kind > h.Kind {
		h.Kind = e.Kind
	}
	h.Fresh = h.Fresh || e.Fresh
	for _, f := range e.Files {
		if !slices.Contains(h.Files, f) {
			h.Files = append(slices.Clip(h.Files), f)
		}
	}
	const reasons = 200 // bytes: enough for a log line
	if len(h.Reason) < reasons && !slices.Contains(strings.Split(h.Reason, ", "), e.Reason) {
		h.Reason += ", " + e.Reason
	}
	if due.After(h.due) {
		h.due = due
	}
	if latest := h.first.Add(quietMaximum); h.due.After(latest) {
		h.due = latest
	}
}
