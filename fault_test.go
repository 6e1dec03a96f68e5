//go:build unix

package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"infuse/fetch/devserver"
)

// TestFaults injects every fault at three moments: at the first start, at a
// start with an offline copy, and while watching. What comes of it is written
// down beside the fault and in the README (-v prints it in full, -update
// rewrites the README). Then it lets chance choose.
func TestFaults(t *testing.T) {
	infuse := buildProgram(t, ".") // without the race detector, which would make a start slow
	t.Run("matrix", func(t *testing.T) { runFaultMatrix(t, infuse) })
	t.Run("random", func(t *testing.T) { runRandomFaults(t, infuse) })
}

// The moments at which a fault is injected.
var faultMoments = []struct {
	name string
	want func(*fault) want
	run  func(*fault, *world) outcome
}{
	{"first start", func(f *fault) want { return f.first }, (*fault).firstStart},
	{"with a copy", func(f *fault) want { return f.copied }, (*fault).startWithCopy},
	{"while watching", func(f *fault) want { return f.watched }, (*fault).whileWatching},
}

// What the program got.
const (
	gotNothing  = "nothing"   // it was not started
	gotValue    = "the value" // the server's current one
	gotCopy     = "the copy"  // the one of the offline copy
	gotStays    = "stays"     // it runs on with what it had
	gotNewValue = "new value" // it was restarted with the changed value
)

// fault is one thing that goes wrong, and what has to come of it.
type fault struct {
	name     string
	needs    func() string // why it cannot be injected here; nil or "": it can
	config   devserver.Config
	identity devserver.Identity
	prepare  func(*world) // how the world is from the beginning
	arm      func(*world) // makes it go wrong
	lasts    bool         // while watching, it is not made good again
	keeps    bool         // --cache at every moment, not only with a copy
	down     bool         // with a copy, the server is down as well
	flags    []string     // beside the usual ones
	says     string       // a pattern of what infuse says, where it matters

	first, copied, watched want
}

// want is an outcome. Requests (logins among them) and logins are numbers or ranges "2-3".
type want struct {
	got              string // "": there is no such case
	status           int
	requests, logins string
	says             string // instead of the fault's
	silent           bool   // infuse says nothing
}

// outcome is what was seen.
type outcome struct {
	got, stderr      string
	status           int
	requests, logins int
	said             []said // from stderr
}

// faultCases are the rows of the matrix.
func faultCases() []fault {
	var cases []fault
	for _, group := range [][]fault{statusFaults(), loginFaults(), wireFaults(), tlsFaults(), answerFaults(), tokenFaults(), clockFaults(), copyFaults()} {
		cases = append(cases, group...)
	}
	return cases
}

func runFaultMatrix(t *testing.T, infuse string) {
	cases := faultCases()
	rows := make([]faultRow, len(cases))
	limit := make(chan struct{}, 8) // most of it is waiting
	var running sync.WaitGroup
	for i := range cases {
		running.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			t.Run(cases[i].name, func(t *testing.T) { rows[i] = cases[i].run(t, infuse) })
		})
	}
	running.Wait()
	compareFaultTable(t, cases, rows)
}

func (f *fault) run(t *testing.T, infuse string) faultRow {
	if f.needs != nil {
		if reason := f.needs(); reason != "" { // a right, not a program that could be installed
			t.Skip("skipped: " + reason)
		}
	}
	var row faultRow
	for _, m := range faultMoments {
		want := m.want(f)
		if want.got == "" {
			row = append(row, faultCell{})
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			w := newWorld(t, infuse, f.config, f.identity, f.prepare)
			if f.keeps {
				w.flags = append(w.flags, "--cache="+w.cache)
			}
			o := m.run(f, w)
			f.judge(t, w, want, &o)
			row = append(row, faultCell{outcome: o, want: want, text: w.bare(o.said)})
		})
	}
	return row
}

func (f *fault) judge(t *testing.T, w *world, want want, o *outcome) {
	all := readSaid(t, o.stderr)
	text := textOf(all)
	o.said = all
	if o.got != want.got || o.status != want.status {
		t.Errorf("the program got %s, status %d; want %s, status %d", o.got, o.status, want.got, want.status)
	}
	if !within(o.requests, want.requests) || !within(o.logins, want.logins) {
		t.Errorf("%d requests, %d logins; want %s and %s", o.requests, o.logins, want.requests, want.logins)
	}
	says := want.says
	if says == "" && o.got != gotValue && o.got != gotNewValue {
		says = f.says
	}
	if !regexp.MustCompile(says).MatchString(text) {
		t.Errorf("infuse did not say %q", says)
	}
	switch {
	case want.silent && len(all) != 0:
		t.Error("infuse was to say nothing")
	case o.got == gotNothing && (countErrors(all) != 1 || !strings.Contains(o.stderr, `"level":"ERROR"`)):
		t.Errorf("%d errors were said, want one", countErrors(all))
	case o.got != gotNothing && countErrors(all) != 0:
		t.Error("an error was said, and the program runs")
	case (o.got == gotCopy) != strings.Contains(text, "using the offline copy"):
		t.Error("the use of a copy is always said, and nothing else is")
	}
	w.secrets.scan(t, "stderr", o.stderr)
	if n := w.elsewhere.Load(); n != 0 {
		t.Errorf("%d requests went to another host", n)
	}
	if t.Failed() {
		t.Logf("stderr:\n%s", o.stderr)
	}
}

func within(n int, span string) bool {
	low, high, isRange := strings.Cut(span, "-")
	if !isRange {
		high = low
	}
	a, _ := strconv.Atoi(low)
	b, err := strconv.Atoi(high)
	return err == nil && a <= n && n <= b
}

// firstStart: there is no copy, unless the fault brings one.
func (f *fault) firstStart(w *world) outcome {
	if f.arm != nil {
		f.arm(w)
	}
	return w.once(f.flags...)
}

// startWithCopy: a start made a copy, then the value changed on the server.
func (f *fault) startWithCopy(w *world) outcome {
	if !f.keeps {
		w.flags = append(w.flags, "--cache="+w.cache)
	}
	if o := w.once(f.flags...); o.got != gotValue {
		w.t.Fatalf("the start before the fault got %s, status %d:\n%s", o.got, o.status, o.stderr)
	}
	w.change()
	if f.arm != nil {
		f.arm(w)
	}
	if f.down {
		w.door.refuse()
	}
	return w.once(f.flags...)
}

// whileWatching: the value changes, and a look is asked for. Afterwards, if
// the fault can be made good, the program must get the new value.
func (f *fault) whileWatching(w *world) outcome {
	p := w.watch(f.flags...)
	w.resetCounts()
	w.change()
	if f.arm != nil {
		f.arm(w)
	}
	got := "got=" + w.now() + "\n"
	o := outcome{got: gotStays}
	if p.lookFor(got, "the running program stays as it is") == got {
		o.got = gotNewValue
	}
	o.requests, o.logins = w.counts()
	if o.stderr = p.err.String(); o.got == gotStays && !f.lasts {
		w.heal()
		p.lookFor(got)
		if !strings.Contains(p.err.String(), "checking for changes works again") {
			w.t.Errorf("infuse did not say that checking works again:\n%s", p.err.String())
		}
	}
	o.status = p.end()
	w.secrets.scan(w.t, "stderr", p.err.String())
	return o
}

// faultRow is what was seen of one fault, a cell for each moment; nil: it was
// skipped, or not selected by -run.
type faultRow []faultCell

type faultCell struct {
	outcome
	want want
	text string // without what differs from run to run
}

// String is a cell of the README: the numbers are those that are allowed.
func (c faultCell) String() string {
	if c.want.got == "" {
		return "–"
	}
	return fmt.Sprintf("%s, %d, %s/%s", c.got, c.status, c.want.requests, c.want.logins)
}
