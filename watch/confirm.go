package watch

import (
	"maps"
	"slices"
	"time"

	"infuse/fetch/secret"
)

// Var is one variable of a composed environment. Unresolved tells that its
// value holds a reference (${...}) the server did not expand.
type Var struct {
	Value      secret.Value
	Unresolved bool
}

func (v Var) equal(w Var) bool { return v.Unresolved == w.Unresolved && v.Value.Equal(w.Value) }

// Look is what one successful look found: everything infuse would deliver to
// the child, by final name.
type Look struct {
	Vars  map[string]Var
	Event Event // what asked for the look
	// Local tells that the whole set was read from this machine's disk: there
	// is nothing that could flicker, so one look is enough.
	Local bool
	// Empty tells that the source held no secret at all (Vars may still hold
	// variables of files).
	Empty bool
	// Missing names the required variables that are not there or are empty.
	Missing []string
}

// Action is what a Decision asks for.
type Action int

const (
	// Same: there is nothing to do until the next look.
	Same Action = iota
	// LookAgain: look once more after Decision.After.
	LookAgain
	// Act: deliver Decision.Vars.
	Act
	// Refuse: the set must not be acted upon; see Decision.Reason and Shout.
	Refuse
)

func (a Action) String() string {
	return [...]string{"same", "look again", "act", "refuse"}[a]
}

// Decision is the answer to one Look.
type Decision struct {
	Do    Action
	After time.Duration // of LookAgain

	// Of Act: the whole set to deliver, and the names in which it differs from
	// the one delivered before, each sorted.
	Vars                    map[string]Var
	Changed, Added, Removed []string
	// Held are the names, sorted, whose value in Vars is not the one of the look
	// that brought the decision, because that one was half expanded or has not
	// been agreed on.
	Held []string

	// Of Refuse: why, in words for the user. Shout is set on the first look in a
	// row that is refused for this reason: say it then, once.
	Reason string
	Shout  bool
	// Recovered is set on the first look that is not refused after a Shout.
	Recovered bool

	// Pending are the names, sorted, that differ but are not agreed on yet.
	Pending []string
}

// How many looks must agree.
const (
	agreePlain = 2 // any difference
	agreeSoft  = 6 // where the value holds, or held, an unresolved reference
	// agreeHalf is for an unresolved value where a resolved one is known. A
	// server was measured to answer half expanded 11 times in 60: six in a row
	// then come by accident every few weeks, twelve in a row never.
	agreeHalf    = 12
	agreeHalfMax = 60
)

// How many looks one hint may cost, the first included.
const (
	burstDoubt  = 6  // nothing is agreed on yet
	burstChange = 16 // a change is agreed on, or a resolved value is new
)

const (
	againPushed  = 50 * time.Millisecond // the quiet period has passed before the first look
	againPolled  = 500 * time.Millisecond
	againMinimum = 150 * time.Millisecond
	againMaximum = 2 * time.Second
)

// Confirm decides which looks are worth acting upon. It works name by name, so
// that a real change of one variable acts after two looks even while the
// references in others flicker, and so that what is delivered never holds a
// half-expanded value where the expanded one is known. It is not safe for
// concurrent use.
type Confirm struct {
	spacing time.Duration
	applied map[string]Var
	empty   bool // the applied set came from an empty source

	doubts map[string]*doubt
	// soft holds the names that were seen unresolved, and for each the number of
	// the last look that saw it resolved, absent included.
	soft map[string]int
	// streak holds, for each soft name, the longest run of half-expanded looks
	// that turned out to be flicker.
	streak map[string]int

	look  int // number of the current look
	burst int // looks since the hint that began this burst

	refusing string
	refused  int
}

// NewConfirm starts from what the child was given. The interval is the
// watcher's: the looks of one confirmation are spread over a part of it.
func NewConfirm(interval time.Duration, first Look) *Confirm {
	c := &Confirm{
		spacing: min(max(interval/30, againMinimum), againMaximum),
		applied: maps.Clone(first.Vars),
		empty:   first.Empty,
		doubts:  map[string]*doubt{},
		soft:    map[string]int{},
		streak:  map[string]int{},
	}
	if c.applied == nil {
		c.applied = map[string]Var{}
	}
	for name, v := range c.applied {
		if v.Unresolved {
			c.soft[name] = 0
		}
	}
	return c
}

// Applied is the set that was delivered last: the first one, or that of the
// last Act. The caller must not change it.
func (c *Confirm) Applied() map[string]Var { return c.applied }

// Look takes in one look. A look that failed is not given to it. After an Act
// the set is taken as delivered, whatever becomes of it: a set that was rolled
// back, for one, is not offered again until the source changes.
func (c *Confirm) Look(l Look) Decision {
	if l.Event.Kind != Again {
		c.burst = 0
	}
	c.look++
	c.burst++
	if reason := c.refusal(l); reason != "" {
		return c.refuse(l, reason)
	}
	recovered := c.refused >= agreePlain || c.refused > 0 && l.Local
	c.refusing, c.refused = "", 0
	d := c.decide(l)
	d.Recovered = recovered
	return d
}

func (c *Confirm) decide(l Look) Decision {
	c.compare(l)
	if l.Local {
		return c.act(l, maps.Clone(l.Vars))
	}
	if len(c.doubts) == 0 {
		return Decision{}
	}
	agreed, open := c.sort()
	switch limit := c.limit(agreed); {
	case len(agreed) > 0 && (c.settled(agreed, open) || c.burst >= limit):
		return c.act(l, c.merge(agreed, open))
	case c.burst < limit:
		return Decision{Do: LookAgain, After: c.after(l), Pending: slices.Sorted(maps.Keys(c.doubts))}
	default:
		return Decision{Pending: slices.Sorted(maps.Keys(c.doubts))}
	}
}

// compare brings the doubts up to date with l.
func (c *Confirm) compare(l Look) {
	for name, now := range l.Vars {
		c.see(name, now, true)
	}
	for name := range c.applied {
		if _, ok := l.Vars[name]; !ok {
			c.see(name, Var{}, false)
		}
	}
	for name := range c.doubts {
		_, seen := l.Vars[name]
		if _, old := c.applied[name]; !seen && !old {
			c.see(name, Var{}, false)
		}
	}
}

// sort splits the doubts into names whose new value is agreed on and the rest.
func (c *Confirm) sort() (agreed, open []string) {
	for name, d := range c.doubts {
		if _, ok := c.verdict(name, d); ok {
			agreed = append(agreed, name)
		} else {
			open = append(open, name)
		}
	}
	return agreed, open
}

// settled reports whether the agreed changes can be delivered without waiting
// for the open names: a name that merely flickers does not hold them up once it
// was seen with its old value after all of the changes had begun.
func (c *Confirm) settled(agreed, open []string) bool {
	began := 0
	for _, name := range agreed {
		began = max(began, c.doubts[name].began)
	}
	for _, name := range open {
		resolved, soft := c.soft[name]
		if !soft || c.doubts[name].known || resolved < began {
			return false
		}
	}
	return true
}

// limit is the number of looks the current burst may take.
func (c *Confirm) limit(agreed []string) int {
	if len(agreed) > 0 {
		return burstChange
	}
	for name, d := range c.doubts {
		if _, soft := c.soft[name]; soft && d.known {
			return burstChange
		}
	}
	return burstDoubt
}

// after is how long to wait for the next look of the burst.
func (c *Confirm) after(l Look) time.Duration {
	if c.burst > 1 {
		for name := range c.doubts {
			if _, soft := c.soft[name]; soft {
				return c.spacing
			}
		}
	}
	if l.Event.Quick() {
		return againPushed
	}
	return againPolled
}

// merge is the applied set with the agreed changes. Of the open names those
// get their new value that were seen resolved and cannot stay as they are.
func (c *Confirm) merge(agreed, open []string) map[string]Var {
	vars := maps.Clone(c.applied)
	set := func(name string, v Var, present bool) {
		if present {
			vars[name] = v
		} else {
			delete(vars, name)
		}
	}
	for _, name := range agreed {
		v, _ := c.verdict(name, c.doubts[name])
		set(name, v.value, v.present)
	}
	for _, name := range open {
		d := c.doubts[name]
		_, soft := c.soft[name]
		if soft && d.known && (d.agree >= agreePlain || c.applied[name].Unresolved) {
			set(name, d.value, d.present)
		}
	}
	return vars
}

func (c *Confirm) act(l Look, vars map[string]Var) Decision {
	d := Decision{Do: Act, Vars: vars}
	for name, v := range vars {
		if old, ok := c.applied[name]; !ok {
			d.Added = append(d.Added, name)
		} else if !old.equal(v) {
			d.Changed = append(d.Changed, name)
		}
		if now, ok := l.Vars[name]; !ok || !now.equal(v) {
			d.Held = append(d.Held, name)
		}
	}
	for name := range c.applied {
		if _, ok := vars[name]; !ok {
			d.Removed = append(d.Removed, name)
		}
	}
	for name := range l.Vars {
		if _, ok := vars[name]; !ok {
			d.Held = append(d.Held, name)
		}
	}
	for _, names := range [][]string{d.Changed, d.Added, d.Removed, d.Held} {
		slices.Sort(names)
	}
	for _, names := range [][]string{d.Changed, d.Added, d.Removed} {
		for _, name := range names {
			delete(c.doubts, name)
		}
	}
	if len(d.Changed)+len(d.Added)+len(d.Removed) == 0 {
		return Decision{}
	}
	c.applied, c.empty = vars, l.Empty
	d.Pending = slices.Sorted(maps.Keys(c.doubts))
	return d
}
