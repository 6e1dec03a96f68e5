package watch_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infuse/fetch/devserver"
)

var plot = flag.String("plot", "", "write the fleet's requests per second as an SVG to this `FILE`, and the numbers to FILE.csv")

// fleet is many watchers of one server.
type fleet struct {
	*world
	apps  []*app
	began time.Time
}

func startFleet(t *testing.T, size int) (f *fleet, stop func()) {
	f = &fleet{world: newWorld(devserver.Config{Limits: &devserver.Limits{}, KeepRequests: 1 << 20}, devserver.Identity{}), began: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	var stops []func()
	seeds := rand.New(rand.NewPCG(2026, 11))
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
	const size = 1000
	synctest.Test(t, func(t *testing.T) {
		f, stop := startFleet(t, size)
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
		for _, phase := range []struct {
			name     string
			from, to int // minutes
		}{{"after the start", 0, 5}, {"steady", 5, 20}, {"in the outage", 20, 30}, {"after the outage", 30, 35}, {"after the change", 40, 45}, {"the hour", 0, 60}} {
			part := seconds[phase.from*60 : phase.to*60]
			peak := slices.Max(part)
			t.Logf("%-17s %6d requests, mean %5.1f/s, peak %2d/s (%.2f of the hour's mean)", phase.name, sum(part), float64(sum(part))/float64(len(part)), peak, float64(peak)/mean)
			if float64(peak) > 3*mean {
				t.Errorf("%s: a peak of %d/s, three times the mean is %.1f/s", phase.name, peak, 3*mean)
			}
		}
		if *plot != "" {
			draw(t, *plot, seconds, mean)
		}
	})
}

// TestFleetBehindFewAddresses: what shares an address shares its rate limit.
// Too many watchers there (a hundred for forty requests a minute) are slower,
// but none gives up, and the server is not asked much more than it allows.
func TestFleetBehindFewAddresses(t *testing.T) {
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

func sum(numbers []int) (total int) {
	for _, n := range numbers {
		total += n
	}
	return total
}

// draw writes the plot of the README and its numbers.
func draw(t *testing.T, file string, seconds []int, mean float64) {
	const width, height, left, top = 900, 260, 44, 24
	most := max(slices.Max(seconds), int(3*mean)+1)
	x := func(second int) float64 { return left + float64(second)*(width-left-12)/float64(len(seconds)) }
	y := func(n float64) float64 { return height - 28 - n*(height-28-top)/float64(most) }
	var b, csv strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/><text x="%d" y="15" font-size="13">Requests per second of 1,000 watchers, polling every 60 s</text>`+"\n", width, height, left)
	for _, band := range []struct {
		from, to    int
		fill, label string
	}{{20, 30, "#fde8e8", "server answers 503"}, {40, 41, "#e6f4ea", "one change"}, {0, 1, "#e8f0fe", "start"}} {
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d" fill="#444">%s</text>`+"\n",
			x(band.from*60), top, x(band.to*60)-x(band.from*60), height-28-top, band.fill, x(band.from*60)+4, top+12, band.label)
	}
	csv.WriteString("second,requests\n")
	b.WriteString(`<path fill="none" stroke="#1a73e8" stroke-width="0.7" d="`)
	for i, n := range seconds {
		fmt.Fprintf(&b, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x(i), y(float64(n)))
		fmt.Fprintf(&csv, "%d,%d\n", i, n)
	}
	b.WriteString("\"/>\n")
	for _, line := range []struct {
		at    float64
		label string
	}{{0, "0"}, {mean, fmt.Sprintf("%.0f", mean)}, {3 * mean, fmt.Sprintf("3x %.0f", mean)}} {
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#888" stroke-dasharray="4 3"/><text x="4" y="%.1f">%s</text>`+"\n",
			left, width-12, y(line.at), y(line.at), y(line.at)+4, line.label)
	}
	for minute := 0; minute <= len(seconds)/60; minute += 10 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%d min</text>`+"\n", x(minute*60), height-10, minute)
	}
	b.WriteString("</svg>\n")
	for name, content := range map[string]string{file: b.String(), file + ".csv": csv.String()} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Error(err)
		}
	}
}
