//go:build unix

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// showsAll prints what it got and which files are open, and ends with stdin.
// TWO may come as a file (--file), and --mask shows values as ***.
const showsAll = `test -n "$TWO_FILE" && TWO=$(cat "$TWO_FILE" 2>/dev/null); echo "got=$KEY,$TWO,$THREE"; printf fds=; ls -m /proc/$$/fd 2>/dev/null || echo; read line; exit 7`

// openFilesOfChild is what showsAll says without infuse.
func openFilesOfChild(t *testing.T) string {
	p := &randomProcess{cmd: exec.Command("sh", "-c", showsAll)}
	p.start(t)
	_ = p.stdin.Close()
	if status := exitCode(t, p.cmd.Wait()); status != 7 {
		t.Fatalf("status %d", status)
	}
	return p.linesOf("fds=")[0]
}

// randomProcess is infuse with a program below it. Every process of the tree
// holds the end of a pipe, which tells when the last of them is gone.
type randomProcess struct {
	w         *world
	watches   bool
	signalled bool
	cmd       *exec.Cmd
	out, err  lockedBuffer
	stdin     io.Closer
	gone      *os.File
	old       bool // the copy has another value than the server
	status    int
}

func launchRandom(w *world, watches bool) *randomProcess {
	p := &randomProcess{w: w, watches: watches, old: w.now() != w.before}
	var flags []string
	if watches {
		flags = []string{"--watch", "--watch-interval", "240h", "--no-watch-events", "--env-file", w.envFile}
	}
	p.cmd = w.command(flags, "sh", "-c", showsAll)
	p.start(w.t)
	return p
}

func (p *randomProcess) start(t testing.TB) {
	var err error
	var held *os.File
	p.gone, held, err = os.Pipe()
	check(t, err)
	p.cmd.ExtraFiles = []*os.File{held}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	p.stdin, err = p.cmd.StdinPipe()
	check(t, err)
	check(t, p.cmd.Start())
	check(t, held.Close())
	t.Cleanup(func() { p.gone.Close() })
}

// live is the life of the process, with what chance does to it, to its end.
func (p *randomProcess) live(c *chance) string {
	if c.IntN(4) == 0 {
		p.signalled = true
		sig := c.signal()
		<-c.moment()
		_ = p.cmd.Process.Signal(sig)
	}
	if p.watches {
		for range c.IntN(3) {
			<-c.moment()
			c.harm(p.w)
			c.change(p.w, choose(c, "swordfish-third-value", "swordfish-fourth-value"))
			p.w.touch()
			if <-c.moment(); c.IntN(2) == 0 {
				p.w.heal()
			}
		}
	}
	_ = p.stdin.Close()
	p.status = waitToEnd(p.w.t, p.cmd)
	switch said := textOf(readSaid(p.w.t, p.err.String())); {
	case p.status > 128:
		return endedBySignal
	case len(p.linesOf("got=")) == 0:
		return gotNothing
	case strings.Contains(said, "using the offline copy"):
		return gotCopy
	}
	return gotValue
}

// judge is what has to be true of every run.
func (p *randomProcess) judge(end, files string) {
	t, w := p.w.t, p.w
	all := readSaid(t, p.err.String())
	got := p.linesOf("got=")
	switch {
	case end == endedBySignal && (!p.signalled || !slices.Contains([]int{128 + 1, 128 + 2, 128 + 15}, p.status)),
		end == gotNothing && (p.status != 125 || countErrors(all) != 1),
		(end == gotValue || end == gotCopy) && (p.status != 7 || countErrors(all) != 0 && !p.watches):
		t.Errorf("%s, status %d, %d errors: no outcome that the README knows", end, p.status, countErrors(all))
	}
	if !slices.Contains(p.cmd.Args, "--mask") {
		for i, line := range got {
			value, err := wholeSet(line)
			if err != nil {
				t.Error(err)
			}
			if fromCopy := i == 0 && p.old && value == w.before; fromCopy && end == gotValue {
				t.Error("an old value, and no word of the copy")
			}
		}
	}
	for _, line := range p.linesOf("fds=") {
		// A memory file is one more, and a program that dies of a signal has fewer by the moment.
		if line != files && end != endedBySignal && !slices.Contains(p.cmd.Args, "--file") {
			t.Errorf("open in the program: %s, want %s", line, files)
		}
	}
	if copyAfterRefusal.MatchString(textOf(all)) {
		t.Error("the copy was used although the server said no")
	}
	w.secrets.scan(t, "stderr", p.err.String())
	p.nothingIsLeft()
}

// copyAfterRefusal is what must not be: a copy never stands in for a no.
var copyAfterRefusal = regexp.MustCompile(`using the offline copy, [^(]* \([^;]*: (401|403|404): `)

// nothingIsLeft: no process, no temporary file.
func (p *randomProcess) nothingIsLeft() {
	t, w := p.w.t, p.w
	check(t, p.gone.SetReadDeadline(time.Now().Add(patience)))
	if _, err := p.gone.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a process is left: %v", err)
	}
	var left []string
	check(t, filepath.WalkDir(w.dir, func(name string, d os.DirEntry, err error) error {
		rel, _ := filepath.Rel(w.dir, name)
		if dir, base := filepath.Split(rel); err == nil && !slices.Contains([]string{".", "cache", "tmp", "more.env"}, rel) && (dir != "cache/" || filepath.Ext(base) != ".jwe") {
			left = append(left, rel)
		}
		return err
	}))
	if left != nil {
		t.Errorf("files are left: %q", left)
	}
}

func (p *randomProcess) linesOf(start string) []string {
	var lines []string
	for line := range strings.Lines(p.out.String()) {
		if whole, ended := strings.CutSuffix(line, "\n"); ended && strings.HasPrefix(line, start) { // a signal may end it in the middle
			lines = append(lines, whole)
		}
	}
	return lines
}
