package watch_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infuse/fetch/devserver"
)

// fleet is many watchers of one server.
type fleet struct {
	*world
	apps  []*app
	began time.Time
}

func startFleet(t *testing.T, size int, seed uint64) (f *fleet, stop func()) {
	f = &fleet{world: newWorld(devserver.Config{Limits: &devserver.Limits{}, KeepRequests: 1 << 20}, devserver.Identity{}), began: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	var stops []func()
	seeds := rand.New(rand.NewPCG(2026, seed))
	for i := range size {
		a := newApp(t, f.world, fmt.Sprintf("10.0.%d.%d", i/250, i%250))
		a.random = rand.New(rand.NewPCG(seeds.Uint64(), seeds.Uint64())).Float64
		stop, err := a.start(ctx)
		if err != nil {
			t.Fatal(err)
		}
		stops = append(stops, stop)
		f.apps = append(f.apps, a)
	}
	f.srv.ResetLog() // the first fetch of every one is not the watcher's
	return f, func() {
		cancel()
		for _, stop := range stops {
			stop()
		}
	}
}

// perSecond counts the requests of every second since the start.
func (f *fleet) perSecond(length time.Duration) []int {
	seconds := make([]int, int(length/time.Second))
	for _, r := range f.srv.Requests() {
		if i := int(r.Time.Sub(f.began) / time.Second); i < len(seconds) {
			seconds[i]++
		}
	}
	return seconds
}

func (f *fleet) serve(value string) (n int) {
	for _, a := range f.apps {
		if a.serves("PLAIN") == value {
			n++
		}
	}
	return n
}

// TestFleet: a thousand watchers started in the same second, an outage of ten
// minutes, one change. No herd forms, and all have the change in two intervals.
func TestFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("an hour of a thousand watchers takes some twenty seconds")
	}
	t.Parallel()
	if underRaceDetector && !*update {
		withoutRaceDetector(t)
		return
	}
	// In the minute after a change every watcher looks twice: 33 requests a second then, and now and then three times the
	// hour's mean by chance alone. A herd would be there every time.
	var excess string
	for seed := range uint64(3) {
		if excess = fleetHour(t, firstSeed+seed); excess == "" {
			return
		}
	}
	t.Error(excess)
}

// firstSeed is the one whose hour is drawn.
const firstSeed = 11

// withoutRaceDetector runs the test once more, in a process that is six times as
// fast. What runs here runs under the race detector in the other tests, too.
func withoutRaceDetector(t *testing.T) {
	out, err := exec.Command("go", "test", "-race=false", "-count=1", "-v", "-run", "^"+t.Name()+"$", ".").CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("without the race detector: %v", err)
	}
}

// fleetHour is one hour, and says which peak was too high.
func fleetHour(t *testing.T, seed uint64) (excess string) {
	const size = 1000
	synctest.Test(t, func(t *testing.T) {
		f, stop := startFleet(t, size, seed)
		time.Sleep(20 * time.Minute)
		restore := f.srv.Inject(devserver.Fault{Status: 503, Times: -1})
		time.Sleep(5 * time.Minute)
		f.project.Set("prod", "/", "PLAIN", "in the outage")
		time.Sleep(5 * time.Minute)
		restore()
		time.Sleep(2 * time.Minute)
		if n := f.serve("in the outage"); n != size {
			t.Errorf("%d of %d watchers recovered within two intervals of the outage", n, size)
		}
		time.Sleep(8 * time.Minute)
		f.project.Set("prod", "/", "PLAIN", "changed")
		time.Sleep(2 * time.Minute)
		if n := f.serve("changed"); n != size {
			t.Errorf("%d of %d watchers acted within two intervals of the change", n, size)
		}
		time.Sleep(18 * time.Minute)
		stop()
		for i, a := range f.apps {
			if acts, _, _ := a.snapshot(); len(acts) != 2 {
				t.Fatalf("watcher %d acted %d times, want 2", i, len(acts))
			}
		}
		seconds := f.perSecond(time.Hour)
		mean := float64(sum(seconds)) / float64(len(seconds))
		readme, err := os.ReadFile("../README.md")
		if err != nil {
			t.Fatal(err)
		}
		for _, phase := range []struct {
			name     string
			from, to int // minutes
		}{{"after the start", 0, 5}, {"steady", 5, 20}, {"in the outage", 20, 30}, {"after the outage", 30, 35}, {"after the change", 40, 45}, {"the hour", 0, 60}} {
			part := seconds[phase.from*60 : phase.to*60]
			peak := slices.Max(part)
			t.Logf("%-17s %6d requests, mean %5.1f/s, peak %2d/s (%.2f of the hour's mean)", phase.name, sum(part), float64(sum(part))/float64(len(part)), peak, float64(peak)/mean)
			if row := fmt.Sprintf("| %s | %.1f | %d |", phase.name, float64(sum(part))/float64(len(part)), peak); seed == firstSeed && !strings.Contains(string(readme), row) {
				t.Errorf("the README has no row %q", row)
			}
			if float64(peak) > 3*mean {
				excess = fmt.Sprintf("%s: a peak of %d/s, three times the mean is %.1f/s", phase.name, peak, 3*mean)
			}
		}
		if seed == firstSeed {
			checkPlot(t, seconds, mean)
		}
	})
	return excess
}

// TestFleetBehindFewAddresses: what shares an address shares its rate limit.
// Too many watchers there (a hundred for forty requests a minute) are slower,
// but none gives up, and the server is not asked much more than it allows.
func TestFleetBehindFewAddresses(t *testing.T) {
	t.Parallel()
	const size, addresses, limit = 200, 2, 40
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{world: newWorld(devserver.Config{Limits: &devserver.Limits{Logins: -1}, KeepRequests: 1 << 20}, devserver.Identity{}), began: time.Now()}
		ctx, cancel := context.WithCancel(t.Context())
		var stops []func()
		seeds := rand.New(rand.NewPCG(2026, 11))
		for i := range size {
			a := newApp(t, f.world, fmt.Sprint("10.0.0.", i%addresses))
			a.random = rand.New(rand.NewPCG(seeds.Uint64(), seeds.Uint64())).Float64
			if i%(addresses*limit) == 0 && i > 0 {
				time.Sleep(time.Minute) // the first fetches are limited too
			}
			stop, err := a.start(ctx)
			if err != nil {
				t.Fatal(err)
			}
			stops = append(stops, stop)
			f.apps = append(f.apps, a)
		}
		f.srv.ResetLog()
		f.began = time.Now()
		time.Sleep(20 * time.Minute)
		f.project.Set("prod", "/", "PLAIN", "changed")
		changed := time.Now()
		for f.serve("changed") < size && time.Since(changed) < 3*time.Hour {
			time.Sleep(time.Minute)
		}
		cancel()
		for _, stop := range stops {
			stop()
		}
		minutes := time.Since(f.began).Minutes()
		rate := float64(f.srv.Total()) / minutes / addresses
		t.Logf("%d watchers an address: all acted after %v; %.0f requests a minute and address, limit %d", size/addresses, time.Since(changed), rate, limit)
		if n := f.serve("changed"); n != size {
			t.Errorf("%d of %d acted in three hours", n, size)
		}
		if rate > 3*limit {
			t.Errorf("%.0f requests a minute for a limit of %d", rate, limit)
		}
	})
}

// TestFleetPushed: with project events a change reaches all at once, and that
// is two requests of each, the look and the one that confirms it, in the same
// second: what polling spreads over a minute. Nobody asks a third time.
func TestFleetPushed(t *testing.T) {
	const size = 200
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{world: newWorld(devserver.Config{Limits: &devserver.Limits{}, KeepRequests: 1 << 20}, devserver.Identity{})}
		ctx, cancel := context.WithCancel(t.Context())
		var stops []func()
		for i := range size {
			a := newApp(t, f.world, fmt.Sprintf("10.0.0.%d", i))
			a.events, a.interval = true, 10*time.Minute
			a.random = rand.New(rand.NewPCG(2026, uint64(i))).Float64
			stop, err := a.start(ctx)
			if err != nil {
				t.Fatal(err)
			}
			stops = append(stops, stop)
			f.apps = append(f.apps, a)
		}
		time.Sleep(time.Hour)
		f.srv.ResetLog()
		polls := f.srv.Total()
		f.project.Set("prod", "/", "PLAIN", "changed")
		time.Sleep(time.Second)
		if n := f.serve("changed"); n != size {
			t.Errorf("%d of %d acted within a second", n, size)
		}
		asked := f.srv.Total() - polls
		t.Logf("%d watchers asked %d times in that second", size, asked)
		if asked < 2*size || asked > 2*size+size/10 { // some poll in that second anyway
			t.Errorf("%d requests of %d watchers, want two each", asked, size)
		}
		cancel()
		for _, stop := range stops {
			stop()
		}
	})
}

func sum(numbers []int) (total int) {
	for _, n := range numbers {
		total += n
	}
	return total
}
