package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// masked is `infuse run --mask --` of the tests as the leader of a session: nobody repairs the terminal behind it.
func masked(t *testing.T, options []string, argv ...string) *console {
	t.Helper()
	args := []string{self(t), "@supervise", "-control", "control", "-events", "events", "-mask", "hunter2hunter2", "-min-gap", "1ms"}
	return openConsole(t, nil, append(append(append(args, options...), "--"), argv...)...)
}

func (c *console) mode() unix.Termios {
	c.t.Helper()
	mode, err := unix.IoctlGetTermios(int(c.tty.Fd()), getTermios)
	if err != nil {
		c.t.Fatal(err)
	}
	return *mode
}

func (c *console) inRawMode() bool { return c.mode().Lflag&unix.ICANON == 0 }

func (c *console) end() Status {
	<-c.done
	return statusOf(c.cmd.ProcessState.Sys().(syscall.WaitStatus))
}

// TestMaskedTerminal: the child has a terminal on all three, with our size and colours; what is typed and asked passes.
func TestMaskedTerminal(t *testing.T) {
	c := masked(t, []string{"-v"}, "sh", "-c", `read go; for f in 0 1 2; do test -t $f && echo tty$f; done; stty size; : >/dev/tty && echo controlling
		printf '\033[31mhunter2hunter2\033[0m\n'; trap 'stty size' WINCH; printf 'Password: '; read x; echo "got <$x>" >&2
		while :; do sleep 0.02; done`)
	c.expect("msg=started")
	c.line("")
	c.expect("tty0\r\ntty1\r\ntty2\r\n24 200\r\ncontrolling\r\n\x1b[31m***\x1b[0m\r\nPassword: ")
	if !c.inRawMode() {
		t.Error("two terminals echo and edit")
	}
	c.send("hunter2\x7f2hunter2\r")
	c.expect("got <***>\r\n")
	c.resize(30, 100)
	c.expect("30 100\r\n")
	c.send(ctrlC)
	if st := c.end(); st != killed(syscall.SIGINT) {
		t.Errorf("%v", st)
	}
	if out := c.out.String(); strings.Contains(out, "hunter2hunter2") {
		t.Errorf("the secret is on the screen: %q", out)
	} else if n := strings.Count(out, "\n"); n != strings.Count(out, "\r\n") || !strings.Contains(out, "msg=started") {
		t.Errorf("our own lines climb like stairs: %q", out)
	}
}

// TestMaskedTerminalIsGivenBack on every way out.
func TestMaskedTerminalIsGivenBack(t *testing.T) {
	const waiting = `stty raw -echo; echo $$ >pid; echo "rea""dy"; exec sleep 1000`
	for name, test := range map[string]struct {
		script string
		do     func(c *console)
		want   Status
	}{
		"exit":            {`exit 4`, func(*console) {}, exited(4)},
		"killed":          {`kill -KILL $$`, func(*console) {}, killed(syscall.SIGKILL)},
		"killed in raw":   {`stty raw -echo; kill -KILL $$`, func(*console) {}, killed(syscall.SIGKILL)},
		"ended from afar": {waiting, func(c *console) { _ = killProcess(c.supervisor(), syscall.SIGTERM) }, killed(syscall.SIGTERM)},
		"asked to exit":   {waiting, func(c *console) { c.change("exit") }, killed(syscall.SIGTERM)},
		"output left":     {`trap '' HUP; (sleep 1000 &) ; seq 5000; exit 5`, func(*console) {}, exited(5)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := masked(t, nil, "true")
			want := before.mode()
			before.end()
			c := masked(t, nil, "sh", "-c", test.script)
			if test.script == waiting {
				c.expect("ready")
			}
			test.do(c)
			if st := c.end(); st != test.want {
				t.Errorf("%v", st)
			}
			if got := c.mode(); got.Lflag != want.Lflag|unix.ICANON|unix.ECHO|unix.ISIG || got.Iflag&unix.ICRNL == 0 || got.Oflag&unix.OPOST == 0 {
				t.Errorf("the terminal is left as %+v", got)
			}
		})
	}
}

// TestMaskedRestart: each child has a terminal of its own; between two of them the keyboard is ours.
func TestMaskedRestart(t *testing.T) {
	c := masked(t, []string{"-max-gap", "1ms"}, "sh", "-c", `echo ready $GEN hunter2hunter2; read line; echo "heard <$line>"; exec sleep 1000`)
	for gen := range 4 {
		c.expect(fmt.Sprintf("ready %d ***\r\n", gen))
		c.line("hello")
		c.expect("heard <hello>")
		if gen < 3 {
			c.change("restart")
		}
	}
	c.send(ctrlC)
	if st := c.end(); st != killed(syscall.SIGINT) {
		t.Errorf("%v", st)
	}

	c = masked(t, []string{"-min-gap", "1h", "-max-gap", "1h"}, "sh", "-c", `echo "rea""dy $GEN"; trap 'exit 1' TERM; exec sleep 1000`)
	c.expect("ready 0")
	c.change("restart") // not before an hour has passed
	c.send(ctrlC)
	if st := c.end(); st != killed(syscall.SIGINT) {
		t.Errorf("%v", st)
	}
}

// TestMaskedInterruptEndsForGood: Ctrl-C goes to the child alone, and must not look like a child that died of old secrets.
func TestMaskedInterruptEndsForGood(t *testing.T) {
	c := masked(t, nil, "sh", "-c", `trap 'exit 1' INT; echo "rea""dy $GEN"; while :; do sleep 0.02; done`)
	c.expect("ready 0")
	c.change("splay=1h restart")
	eventually(t, "the change to be taken", func() bool {
		events, _ := os.ReadFile(filepath.Join(c.dir, "events"))
		return strings.Contains(string(events), `"`+string(eventTaken)+`"`)
	})
	c.send(ctrlC)
	if st := c.end(); st != exited(1) {
		t.Errorf("%v", st)
	}
	if n := c.count("ready"); n != 1 {
		t.Errorf("%d starts", n)
	}
}

// TestMaskedStopShowsWhatWasSaid: what stands before Ctrl-Z stands there without us, too.
func TestMaskedStopShowsWhatWasSaid(t *testing.T) {
	eachShell(t, func(t *testing.T, shell string) {
		c := openShell(t, shell)
		c.line(`$W @supervise -mask hunter2hunter2 -- sh -c 'printf "%s%s" hun ter2; kill -STOP $$; echo hunter2; echo "go""es on"; read x; exit 6'`)
		c.expect("hunter2") // held back: it may be the beginning of the secret
		c.expect("PROMPT> ")
		c.usable()
		c.line("fg")
		c.expect("***\r\ngoes on")
		c.line("")
		c.expect("PROMPT> ")
		if st := c.status(); st != 6 {
			t.Errorf("status %d", st)
		}
	})
}

// TestMaskedOutputOnly: in a pipeline, or where the group is to be shared, the keyboard stays the real one.
func TestMaskedOutputOnly(t *testing.T) {
	for name, prefix := range map[string]string{
		"part of a pipeline": "echo piped | $W @supervise -mask hunter2hunter2 -- ",
		"shared":             "$W @supervise -group share -mask hunter2hunter2 -- ",
	} {
		t.Run(name, func(t *testing.T) {
			c := openShell(t, "bash")
			script(t, filepath.Join(c.dir, "job"), `test -t 1 && test -t 2 && echo "termi""nals"; stty size <&1; read x; trap 'stty size <&1' WINCH
				trap 'echo "interr""upted"; exit 3' INT; echo "<$x> hunter2hunter2 rea""dy"; while :; do sleep 0.02; done`)
			c.line(prefix + "sh ./job")
			if name == "shared" {
				c.expect("24 200\r\n")
				c.line("typed")
			}
			c.expect("> *** ready\r\n")
			if c.inRawMode() {
				t.Error("the mode of the terminal has changed")
			}
			c.resize(30, 100)
			c.expect("30 100\r\n")
			c.send(ctrlC)
			c.expect("interrupted\r\n")
			c.expect("PROMPT> ")
			if st := c.status(); st != 3 {
				t.Errorf("status %d", st)
			}
			if n := c.count("interrupted\r\n"); n != 1 {
				t.Errorf("one Ctrl-C became %d", n)
			}
		})
	}
}
