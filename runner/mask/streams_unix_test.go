//go:build linux || darwin

package mask_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// console is a terminal with somebody in front of it.
type console struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	cmd    *exec.Cmd
	over   sync.WaitGroup

	mu   sync.Mutex
	out  bytes.Buffer
	seen int
}

// newConsole makes a terminal of 33 rows and 77 columns.
func newConsole(t *testing.T) *console {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Rows: 33, Cols: 77}); err != nil {
		t.Fatal(err)
	}
	c := &console{t: t, master: master, slave: slave}
	c.over.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			c.mu.Lock()
			c.out.Write(buf[:n])
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		if c.cmd != nil && c.cmd.ProcessState == nil {
			_ = c.cmd.Process.Kill()
			_ = c.cmd.Wait()
		}
		_ = slave.Close()
		_ = master.Close()
		c.over.Wait()
	})
	return c
}

// run starts argv as the session leader of the console. "WRAP" stands for the
// wrapper, as a word and as a variable.
func (c *console) run(change func(*exec.Cmd), argv ...string) {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	if argv[0] == "WRAP" {
		argv[0] = self
	}
	c.cmd = exec.Command(argv[0], argv[1:]...)
	c.cmd.Env = append(os.Environ(), "MASK_TEST_WRAP=1", "WRAP="+self, "PS1=$ ", "GORACE=exitcode=66")
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = c.slave, c.slave, c.slave
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	if change != nil {
		change(c.cmd)
	}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
}

// patience is far more than anything here takes.
const patience = time.Minute

// until waits for a condition.
func (c *console) until(what string, done func() bool) {
	c.t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("no %s; on the screen: %q", what, c.screen())
		}
	}
}

// expect waits for text behind what was expected before.
func (c *console) expect(text string) {
	c.t.Helper()
	c.until(text, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := strings.Index(c.out.String()[c.seen:], text)
		if i >= 0 {
			c.seen += i + len(text)
		}
		return i >= 0
	})
}

func (c *console) screen() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.String()
}

func (c *console) keys(text string) {
	c.t.Helper()
	if _, err := c.master.WriteString(text); err != nil {
		c.t.Fatal(err)
	}
}

// status waits for the end of the program.
func (c *console) status() int {
	c.t.Helper()
	done := make(chan error, 1)
	go func() { done <- c.cmd.Wait() }()
	select {
	case err := <-done:
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			c.t.Fatal(err)
		}
	case <-time.After(patience):
		c.t.Fatalf("the program does not end; on the screen: %q", c.screen())
	}
	return c.cmd.ProcessState.ExitCode()
}

func (c *console) mode() term.State {
	c.t.Helper()
	s, err := term.GetState(int(c.slave.Fd()))
	if err != nil {
		c.t.Fatal(err)
	}
	return *s
}

// TestTerminal is an interactive child: it has a terminal on all three, with
// our size, its colours and prompts come through, what is typed arrives.
func TestTerminal(t *testing.T) {
	c := newConsole(t)
	before := c.mode()
	c.run(nil, "WRAP", "sh", "-c", `for f in 0 1 2; do test -t $f && echo tty$f; done; stty size
		: >/dev/tty && echo controlling
		printf '\033[31mhunter2hunter2\033[0m\n'; printf 'Password: '; read x; echo "got <$x>" >&2; exit 7`)
	c.expect("session true\r\n")
	c.expect("Password: ")
	if c.mode() == before {
		t.Error("the real terminal is not in raw mode while the child has its own")
	}
	c.keys("a" + "\x7f" + "hunter2hunter2" + "\r")
	c.expect("got <***>\r\n")
	if status := c.status(); status != 7 {
		t.Errorf("status %d", status)
	}
	if c.mode() != before {
		t.Error("the terminal is not as it was")
	}
	for _, want := range []string{"tty0\r\ntty1\r\ntty2\r\n33 77\r\ncontrolling\r\n\x1b[31m***\x1b[0m\r\nPassword: ", "***\r\ngot <***>\r\n"} {
		if !strings.Contains(c.screen(), want) {
			t.Errorf("%q is not on the screen: %q", want, c.screen())
		}
	}
	if strings.Contains(c.screen(), hidden) {
		t.Errorf("the secret is on the screen: %q", c.screen())
	}
}

func TestCtrlC(t *testing.T) {
	c := newConsole(t)
	c.run(nil, "WRAP", "sh", "-c", `trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.02; done`)
	c.expect("ready\r\n")
	c.keys("\x03")
	c.expect("interrupted\r\n")
	if status := c.status(); status != 3 || strings.Count(c.screen(), "interrupted") != 1 {
		t.Errorf("status %d, %q", status, c.screen())
	}
}

func TestWindowSize(t *testing.T) {
	c := newConsole(t)
	c.run(nil, "WRAP", "sh", "-c", `trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.02; done`)
	c.expect("ready\r\n")
	if err := pty.Setsize(c.master, &pty.Winsize{Rows: 10, Cols: 20}); err != nil {
		t.Fatal(err)
	}
	c.expect("resizing\r\n")
	c.expect("10 20\r\n")
	c.status()
}

// TestPartOfAJob is the wrapper inside a script: the keyboard, Ctrl-C and the
// mode of the terminal are left alone, and the output still is a terminal.
func TestPartOfAJob(t *testing.T) {
	c := newConsole(t)
	before := c.mode()
	c.run(nil, "sh", "-c", `trap : INT; "$WRAP" sh -c 'for f in 0 1 2; do test -t $f && echo tty$f; done; stty size <&1; echo hunter2hunter2
		trap "echo interrupted; exit 3" INT; read x; echo "got <$x>"; echo ready; while :; do sleep 0.02; done'; echo "status $?"; read y; echo "script got <$y>"`)
	c.expect("session false\r\n")
	c.expect("***\r\n")
	if c.mode() != before {
		t.Error("the mode of the terminal has changed")
	}
	c.keys("to the child\r")
	c.expect("got <to the child>\r\nready\r\n")
	c.keys("\x03")
	c.expect("interrupted\r\n")
	c.expect("status 3\r\n")
	c.keys("to the script\r")
	c.expect("script got <to the script>\r\n")
	c.status()
	if want := "tty0\r\ntty1\r\ntty2\r\n33 77\r\n***\r\n"; !strings.Contains(c.screen(), want) {
		t.Errorf("%q is not on the screen: %q", want, c.screen())
	}
}

// TestRedirected decides for each stream.
func TestRedirected(t *testing.T) {
	c := newConsole(t)
	var out bytes.Buffer
	c.run(func(cmd *exec.Cmd) { cmd.Stdout = &out }, "WRAP", "sh", "-c",
		`test -t 0 && echo in is; test -t 1 || echo out is not; test -t 2 && echo err is; echo hunter2hunter2; echo hunter2hunter2 >&2`)
	status := c.status()
	if want := "in is\nout is not\nerr is\n***\n"; status != 0 || out.String() != want {
		t.Errorf("status %d, out %q", status, out.String())
	}
	c.expect("***\r\n")

	c = newConsole(t)
	c.run(func(cmd *exec.Cmd) { cmd.Stdin = strings.NewReader("piped\n"); cmd.SysProcAttr.Ctty = 1 }, "WRAP", "sh", "-c",
		`test -t 0 || echo in is not; test -t 1 && echo out is; cat; echo hunter2hunter2`)
	c.expect("in is not\r\nout is\r\npiped\r\n***\r\n")
	c.status()
}

// TestOrder writes to both streams in turn.
func TestOrder(t *testing.T) {
	const script = `i=0; while [ $i -lt 200 ]; do echo o; echo e >&2; i=$((i+1)); done`
	c := newConsole(t)
	c.run(nil, "WRAP", "sh", "-c", script)
	c.expect(strings.Repeat("o\r\ne\r\n", 200))
	c.status()

	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c = newConsole(t)
	c.run(func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = w, w }, "WRAP", "sh", "-c", script)
	_ = w.Close()
	out, err := io.ReadAll(r)
	if got := strings.Replace(string(out), "session false\n", "", 1); err != nil || got != strings.Repeat("o\ne\n", 200) {
		t.Errorf("%v, %q", err, got)
	}
	c.status()
}

// TestAllOfIt ends right after much output: nothing of it is lost.
func TestAllOfIt(t *testing.T) {
	c := newConsole(t)
	c.run(nil, "WRAP", "sh", "-c", `seq 1 50000; exit 4`)
	if status := c.status(); status != 4 {
		t.Errorf("status %d", status)
	}
	c.expect("\r\n49999\r\n50000\r\n")
	if lines := strings.Count(c.screen(), "\r\n"); lines != 50001 {
		t.Errorf("%d lines", lines)
	}
}

// TestReaderGone is yes | head: the child dies of SIGPIPE, as without us.
func TestReaderGone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := newConsole(t)
	c.run(func(cmd *exec.Cmd) { cmd.Stdout = w }, "WRAP", "yes")
	_ = w.Close()
	if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	if status := c.status(); status != 128+int(syscall.SIGPIPE) {
		t.Errorf("status %d; on the screen: %q", status, c.screen())
	}
}

// TestSuspend is Ctrl-Z, bg and fg at a shell.
func TestSuspend(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil && os.Getenv("INFUSE_TEST_REQUIRE") == "1" {
		t.Fatal("bash is not installed: job control is tested with it")
	} else if err != nil {
		t.Skip("bash is not installed: job control is tested with it")
	}
	c := newConsole(t)
	c.run(nil, bash, "--norc", "--noprofile", "-i")
	c.expect("$ ")
	c.keys(`"$WRAP" sh -c 'echo ready; while read x; do echo "got <$x>"; done; echo end'` + "\r")
	c.expect("session true\r\n")
	c.expect("ready\r\n")
	for _, resume := range []string{"fg\r", "bg\r"} {
		c.keys("one\r")
		c.expect("got <one>\r\n")
		c.keys("\x1a")
		c.expect("Stopped")
		c.expect("$ ")
		c.keys("echo shell $((40+2))\r")
		c.expect("shell 42\r\n")
		c.keys(resume)
		if resume == "bg\r" {
			c.expect("$ ")
			c.keys("echo shell $((50+2))\r")
			c.expect("shell 52\r\n")
			c.keys("fg\r") // of a job that runs: no signal tells us
		}
		c.expect("sh -c")
		c.keys("two\r")
		c.expect("got <two>\r\n")
	}
	c.keys("\x04")
	c.expect("end\r\n")
	c.expect("$ ")
	c.keys("exit\r")
	c.status()
	if strings.Contains(c.screen(), "command not found") {
		t.Errorf("the shell got what was for the child: %q", c.screen())
	}
}
