//go:build linux

package runner

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// console is a terminal with a program on it, and somebody who types.
type console struct {
	t    testing.TB
	tty  *os.File
	cmd  *exec.Cmd
	out  *buffer
	seen int // how much of the output has been matched
	dir  string
	done chan struct{}

	limit time.Duration // of shows
}

// openConsole starts args as the leader of a session on a new terminal.
func openConsole(t testing.TB, env []string, args ...string) *console {
	t.Helper()
	c := &console{t: t, out: &buffer{}, dir: t.TempDir(), done: make(chan struct{})}
	c.cmd = exec.Command(args[0], args[1:]...)
	c.cmd.Dir = c.dir
	c.cmd.Env = append(append(os.Environ(), "TERM=dumb", "LESS=", "PAGER=less", "W="+self(t)), env...)
	if err := unix.Mkfifo(filepath.Join(c.dir, "control"), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	c.tty, err = pty.StartWithSize(c.cmd, &pty.Winsize{Rows: 24, Cols: 200})
	if err != nil {
		missing(t, fmt.Sprintf("no pseudo-terminal here: %v", err))
	}
	c.tty = pollable(t, c.tty)
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		b := make([]byte, 4096)
		for {
			n, err := c.tty.Read(b)
			_, _ = c.out.Write(b[:n])
			if err != nil {
				return
			}
		}
	}()
	go func() {
		defer close(c.done)
		_ = c.cmd.Wait()
	}()
	sid := c.cmd.Process.Pid
	t.Cleanup(func() {
		for range 3 {
			for _, p := range processes() {
				if id, err := unix.Getsid(p.pid); err == nil && id == sid {
					_ = killProcess(p.pid, syscall.SIGKILL)
				}
			}
		}
		<-c.done
		c.tty.Close()
		<-copied
		if t.Failed() {
			t.Logf("terminal:\n%s", c.out)
		}
	})
	return c
}

// pollable gives a file to the runtime's poller, so that closing it ends a read: a terminal must really be closed.
func pollable(t testing.TB, f *os.File) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return os.NewFile(uintptr(fd), f.Name())
}

// openShell is a console with an interactive shell.
func openShell(t testing.TB, shell string) *console {
	t.Helper()
	requireProgram(t, shell)
	args := []string{shell, "-i"}
	switch shell {
	case "bash":
		args = []string{shell, "--norc", "--noprofile", "--noediting", "-i"}
	case "zsh":
		args = []string{shell, "-f", "+Z", "-i"}
	}
	c := openConsole(t, []string{"PS1=PROMPT> ", "HISTFILE="}, args...)
	c.expect("PROMPT> ")
	return c
}

func (c *console) send(keys string) {
	c.t.Helper()
	if _, err := c.tty.WriteString(keys); err != nil {
		c.t.Fatal(err)
	}
}

func (c *console) line(text string) { c.t.Helper(); c.send(text + "\n") }

// expect waits until the terminal shows text, after what was expected before.
func (c *console) expect(text string) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		if i := strings.Index(c.out.String()[c.seen:], text); i >= 0 {
			c.seen += i + len(text)
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the terminal does not show %q; since the last match: %q", text, c.out.String()[c.seen:])
		}
		time.Sleep(pause)
	}
}

// suspend types Ctrl-Z and waits for the shell.
func (c *console) suspend() {
	c.t.Helper()
	c.send(ctrlZ)
	c.expect("PROMPT> ")
	c.answered("PROMPT> ")
}

// answered types empty lines until one is answered. The kernel throws away what was typed around a Ctrl-Z, even a little
// after its effect was to be seen.
func (c *console) answered(text string) {
	c.t.Helper()
	for range int(patience / time.Second) {
		c.send("\n")
		for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if i := strings.Index(c.out.String()[c.seen:], text); i >= 0 {
				c.seen += i + len(text)
				return
			}
		}
	}
	c.t.Fatalf("no answer %q to an empty line: %q", text, c.out.String()[c.seen:])
}

// usable checks that the shell reads and answers.
func (c *console) usable() {
	c.t.Helper()
	c.line("echo usa'b'le=$?")
	c.expect("usable=")
	c.expect("PROMPT> ")
}

// status is what the shell says about the last command.
func (c *console) status() (n int) {
	c.t.Helper()
	c.line("echo sta't'us=$?.")
	c.expect("status=")
	c.expect(".")
	text := c.out.String()[:c.seen]
	_, _ = fmt.Sscan(text[strings.LastIndex(text, "status=")+len("status="):len(text)-1], &n)
	c.expect("PROMPT> ")
	return n
}

// count is how often the terminal showed text.
func (c *console) count(text string) int { return strings.Count(c.out.String(), text) }

func (c *console) change(line string) {
	c.t.Helper()
	f, err := os.OpenFile(filepath.Join(c.dir, "control"), os.O_RDWR, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { f.Close() }) // what is written must stay in the FIFO until it is read
	if _, err := fmt.Fprintln(f, line); err != nil {
		c.t.Fatal(err)
	}
}

func (c *console) resize(rows, cols uint16) {
	c.t.Helper()
	if err := pty.Setsize(c.tty, &pty.Winsize{Rows: rows, Cols: cols}); err != nil {
		c.t.Fatal(err)
	}
}

// inSession lists the living processes of the console.
func (c *console) inSession() (list []process) {
	for _, p := range processes() {
		if sid, err := unix.Getsid(p.pid); err == nil && sid == c.cmd.Process.Pid && !p.dead {
			list = append(list, p)
		}
	}
	return list
}
