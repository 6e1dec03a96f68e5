package watch_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/fleet.svg, the plot in the README")

// checkPlot compares the plot of the README with what the fleet just did. Time
// and chance of the simulation are its own, so two runs draw the same bytes.
func checkPlot(t *testing.T, seconds []int, mean float64) {
	t.Helper()
	file := filepath.Join("..", "testdata", "fleet.svg")
	drawn := plot(seconds, mean)
	if *update {
		if err := os.WriteFile(file, []byte(drawn), 0o644); err != nil {
			t.Error(err)
		}
		return
	}
	if kept, err := os.ReadFile(file); err != nil || string(kept) != drawn {
		t.Errorf("%s is not what the fleet did (%v): go test ./watch -run TestFleet -update", file, err)
	}
}

// plot draws requests per second as an SVG.
func plot(seconds []int, mean float64) string {
	const width, height, left, right, top, bottom = 900, 280, 44, 12, 30, 30
	most := max(slices.Max(seconds), int(3*mean)+1)
	x := func(second int) float64 { return left + float64(second)*(width-left-right)/float64(len(seconds)) }
	y := func(n float64) float64 { return height - bottom - n*(height-bottom-top)/float64(most) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="18" font-size="13">Requests per second of 1,000 watchers that poll every 60 s, all started in the same second</text>`+"\n", left)
	for _, band := range []struct {
		from, to    int // minutes
		fill, label string
	}{{0, 1, "#e8f0fe", "start"}, {20, 30, "#fde8e8", "the server answers 503; one change in it"}, {40, 42, "#e6f4ea", "one change"}} {
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d" fill="#444">%s</text>`+"\n",
			x(band.from*60), top, x(band.to*60)-x(band.from*60), height-bottom-top, band.fill, x(band.from*60)+4, top+24, band.label)
	}
	b.WriteString(`<path fill="none" stroke="#1a73e8" stroke-width="0.7" d="`)
	for i, n := range seconds {
		fmt.Fprintf(&b, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x(i), y(float64(n)))
	}
	b.WriteString("\"/>\n")
	for _, line := range []struct {
		at    float64
		label string
	}{{mean, fmt.Sprintf("mean %.1f", mean)}, {3 * mean, fmt.Sprintf("three times the mean, %.1f", 3*mean)}} {
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#555" stroke-dasharray="4 3"/><text x="%d" y="%.1f" text-anchor="end" fill="#222">%s</text>`+"\n",
			left, width-right, y(line.at), y(line.at), width-right, y(line.at)-4, line.label)
	}
	for n := 0; n <= most; n += 10 {
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%d</text>`+"\n", left-6, y(float64(n))+4, n)
	}
	for minute := 0; minute <= len(seconds)/60; minute += 10 {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%d min</text>`+"\n", x(minute*60), height-10, minute)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
