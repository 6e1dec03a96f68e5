package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	ctrlC         = "\x03"
	ctrlZ         = "\x1a"
	ctrlBackslash = "\x1c"
	ctrlD         = "\x04"
)

// echoer answers each line, and says when it is ready.
const echoer = `sh -c 'echo rea''dy $GEN; while read line; do echo "heard <$line>"; done; echo end of input; exit 5'`

// watch is the command line `infuse run --watch --` inside a shell of the tests.
const watch = `$W @supervise -control control -events events -min-gap 1ms -max-gap 1ms `

// wrappers are the ways to run a command that have to look the same at a terminal.
var wrappers = map[string]string{
	"native": "",
	"exec":   "$W @exec -- ",
	"auto":   watch + "-- ",
	"own":    watch + "-group own -- ",
	"share":  watch + "-group share -- ",
	"mask":   watch + "-mask hunter2hunter2 -- ",
}

func eachWrapper(t *testing.T, f func(t *testing.T, wrapper string)) {
	for name, wrapper := range wrappers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, wrapper)
		})
	}
}

func eachShell(t *testing.T, f func(t *testing.T, shell string)) {
	for _, shell := range []string{"bash", "zsh"} {
		t.Run(shell, func(t *testing.T) { f(t, shell) })
	}
}

func TestR23CtrlCReachesTheChildOnce(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		c := openShell(t, "bash")
		// Changes wait for the stop timeout after a Ctrl-C, which usually ends the child.
		c.line(strings.Replace(wrapper, "@supervise", "@supervise -stop-timeout 50ms", 1) + "$W @burst")
		c.expect("ready")
		c.send(ctrlC)
		c.expect("got 2\r\n")
		c.send(ctrlBackslash)
		c.expect("got 3\r\n")
		c.resize(30, 100)
		c.expect("got 28\r\n")
		c.send(ctrlC)
		c.expect("got 2\r\n")
		// A signal of another kind comes last: a second copy of one of them would have come before.
		if wrapper == "" || strings.Contains(wrapper, "@exec") {
			c.line("") // no process to ask: the line stays in the terminal
		}
		c.change("signal USR1")
		if strings.Contains(wrapper, "@supervise") {
			c.expect("got 10\r\n")
		}
		if n := c.count("got 2\r\n"); n != 2 {
			t.Errorf("two Ctrl-C became %d", n)
		}
		if n := c.count("got 3\r\n"); n != 1 {
			t.Errorf("one Ctrl-\\ became %d", n)
		}
		if n := c.count("got 28\r\n"); n != 1 {
			t.Errorf("one new size became %d", n)
		}
	})
}

func TestR23InterruptFromElsewhere(t *testing.T) {
	c := openShell(t, "bash")
	c.line(wrappers["own"] + "$W @burst")
	c.expect("ready")
	_ = killProcess(c.supervisor(), syscall.SIGINT)
	c.expect("got 2\r\n")
	_ = killProcess(c.supervisor(), syscall.SIGTERM)
	c.expect("got 15\r\n")
	c.expect("PROMPT> ")
	if n := c.count("got 2\r\n"); n != 1 {
		t.Errorf("%d", n)
	}
	if st := c.status(); st != 3 {
		t.Errorf("status %d", st)
	}
}

// supervisor is the process id of the one supervisor in the session.
func (c *console) supervisor() (pid int) {
	c.t.Helper()
	eventually(c.t, "a supervisor", func() bool {
		for _, p := range c.inSession() {
			if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid)); strings.Contains(string(line), "\x00@supervise\x00") {
				pid = p.pid
				return true
			}
		}
		return false
	})
	return pid
}

func TestR29StopAndContinue(t *testing.T) {
	eachShell(t, func(t *testing.T, shell string) {
		eachWrapper(t, func(t *testing.T, wrapper string) {
			c := openShell(t, shell)
			c.line(wrapper + echoer)
			c.expect("ready")
			for i := range 6 {
				c.line(fmt.Sprintf("before %d", i))
				c.expect(fmt.Sprintf("heard <before %d>", i))
				c.suspend()
				c.usable()
				c.line("fg")
				c.line(fmt.Sprintf("after %d", i))
				c.expect(fmt.Sprintf("heard <after %d>", i))
			}
			c.send(ctrlD)
			c.expect("end of input")
			c.expect("PROMPT> ")
			if st := c.status(); st != 5 {
				t.Errorf("status %d", st)
			}
		})
	})
}

func TestR29ContinueInTheBackground(t *testing.T) {
	eachShell(t, func(t *testing.T, shell string) {
		eachWrapper(t, func(t *testing.T, wrapper string) {
			c := openShell(t, shell)
			if err := unix.Mkfifo(filepath.Join(c.dir, "control2"), 0o600); err != nil {
				t.Fatal(err)
			}
			// No loop with short processes here: a shell that is just forking when Ctrl-Z comes can hang, with or without us.
			c.line(wrapper + `sh -c 'echo rea''dy; read line <control2'`)
			c.expect("ready")
			c.suspend()
			c.line("bg")
			c.expect("PROMPT> ")
			for range 3 {
				c.usable()
			}
			c.line("fg")
			c.expect("fg")
			end, err := os.OpenFile(filepath.Join(c.dir, "control2"), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer end.Close()
			fmt.Fprintln(end, "end")
			c.expect("PROMPT> ")
			c.usable()
		})
	})
}

func TestR28StartedInTheBackground(t *testing.T) {
	eachShell(t, func(t *testing.T, shell string) {
		eachWrapper(t, func(t *testing.T, wrapper string) {
			c := openShell(t, shell)
			c.line(wrapper + echoer + " &")
			c.expect("ready")
			c.line("")
			c.expect("PROMPT> ")
			for range 3 {
				c.usable() // the terminal is still the shell's, and so is what is typed
			}
			if strings.Contains(c.out.String(), "\nheard") {
				t.Fatal("the child reads what is typed at the shell")
			}
			// It is stopped for reading (SIGTTIN). A shell that does not know that yet sends no SIGCONT at fg, and the job would
			// stop in the foreground, with or without us.
			eventually(t, "the shell to know that the job has stopped", func() bool {
				c.line("")
				c.expect("PROMPT> ")
				return strings.Contains(c.out.String(), "Stopped") || strings.Contains(c.out.String(), "suspended")
			})
			c.line("fg")
			c.line("hello")
			c.expect("heard <hello>")
			c.send(ctrlC)
			c.expect("PROMPT> ")
			c.usable()
		})
	})
}

func TestR30InteractiveShellAsChild(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		c := openShell(t, "bash")
		c.line("export -n PS1; PS1='OUT''ER> '")
		c.expect("OUTER> ")
		c.line(wrapper + "env PS1='PROM''PT> ' bash --norc --noprofile --noediting -i")
		c.expect("PROMPT> ")
		if strings.Contains(c.out.String(), "no job control") {
			t.Fatal("the inner shell has no job control")
		}
		for range 3 {
			c.usable()
			c.line("sh -c 'echo slee''ping; exec sleep 1000'")
			c.expect("sleeping")
			c.suspend()
			c.line("kill %1; fg")
			c.expect("PROMPT> ")
			c.line("suspend -f")
			c.expect("OUTER> ")
			c.line("echo ou't'side")
			c.expect("outside")
			c.expect("OUTER> ")
			c.line("fg")
			c.expect("fg")
		}
		c.usable()
		c.line("exit 7")
		c.expect("OUTER> ")
		c.line("echo outer=$?.")
		c.expect("outer=7.")
	})
}

func TestR29PartOfAScript(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		c := openShell(t, "bash")
		script(t, filepath.Join(c.dir, "job"), "#!/bin/sh\n"+wrapper+echoer+"\necho script goes on\n")
		c.line("./job")
		c.expect("ready")
		for i := range 4 {
			c.suspend()
			c.usable()
			c.line("fg")
			c.line(fmt.Sprint("line ", i))
			c.expect(fmt.Sprintf("heard <line %d>", i))
		}
		c.send(ctrlD)
		c.expect("script goes on")
		c.expect("PROMPT> ")
	})
}

// TestR29SessionLeader is docker run -it: nobody is there who could continue us, so Ctrl-Z does nothing.
func TestR29SessionLeader(t *testing.T) {
	for _, args := range [][]string{
		{self(t), "@supervise", "-control", "control", "--"},
		{self(t), "@supervise", "-group", "own", "--"},
		{self(t), "@supervise", "-group", "share", "--"},
	} {
		t.Run(strings.Join(args[1:], " "), func(t *testing.T) {
			c := openConsole(t, nil, append(args, "sh", "-c", `echo rea''dy; while read line; do echo "heard <$line>"; done`)...)
			c.expect("ready")
			for i := range 3 {
				c.send(ctrlZ)
				c.answered("heard <>")
				c.line(fmt.Sprint("line ", i))
				c.expect(fmt.Sprintf("heard <line %d>", i))
			}
			c.send(ctrlC)
			<-c.done
			if st := statusOf(c.cmd.ProcessState.Sys().(syscall.WaitStatus)); st != killed(syscall.SIGINT) {
				t.Errorf("%v", st)
			}
		})
	}
}

func TestR29Process1OnATerminal(t *testing.T) {
	requireNamespace(t)
	c := openConsole(t, nil, asProcess1(self(t), "@exec", "--", self(t), "@burst")...)
	c.expect("ready")
	c.send(ctrlC)
	c.expect("got 2\r\n")
	c.resize(30, 100)
	c.expect("got 28\r\n")
	if n := c.count("got 2\r\n") + c.count("got 28\r\n"); n != 2 {
		t.Errorf("doubled: %d", n)
	}
	_ = killProcess(process1Of(t, c.cmd.Process.Pid), syscall.SIGTERM)
	<-c.done
	if got := c.cmd.ProcessState.ExitCode(); got != 3 {
		t.Errorf("status %d", got)
	}
}

// TestR32Process1IsSessionLeader is docker run -it with watching: our group has the number 1.
func TestR32Process1IsSessionLeader(t *testing.T) {
	requireNamespace(t)
	requireProgram(t, "setsid")
	args := append(asProcess1("setsid", "--ctty", self(t), "@supervise", "-control", "control", "-min-gap", "1ms", "--"),
		"sh", "-c", `echo "ready $GEN"; while read line; do echo "heard <$line>"; done`)
	c := openConsole(t, nil, args...)
	for gen := range 3 {
		c.expect(fmt.Sprintf("ready %d", gen))
		c.line("hello")
		c.expect("heard <hello>")
		c.send(ctrlZ)
		c.answered("heard <>")
		c.line("again")
		c.expect("heard <again>")
		if gen < 2 {
			c.change("restart")
		}
	}
	c.send(ctrlC)
	<-c.done
	if got := c.cmd.ProcessState.ExitCode(); got != 130 {
		t.Errorf("status %d", got)
	}
}

func TestR29Nested(t *testing.T) {
	c := openShell(t, "bash")
	c.line("$W @supervise -- $W @supervise -- $W @exec -- " + echoer)
	c.expect("ready")
	for i := range 4 {
		c.suspend()
		c.usable()
		c.line("fg")
		c.line(fmt.Sprint("line ", i))
		c.expect(fmt.Sprintf("heard <line %d>", i))
	}
	c.send(ctrlC)
	c.expect("PROMPT> ")
	if st := c.status(); st != 130 {
		t.Errorf("status %d", st)
	}
}

func TestR26TerminalThatStopsBackgroundWriters(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		if !strings.Contains(wrapper, "@supervise") {
			return
		}
		c := openShell(t, "bash")
		c.line("stty tostop")
		c.expect("PROMPT> ")
		c.line(strings.Replace(wrapper, "@supervise", "@supervise -v", 1) + echoer)
		for gen := range 4 {
			c.expect(fmt.Sprintf("ready %d", gen))
			eventually(t, "the log", func() bool { return c.count("msg=started") == gen+1 })
			c.line("hello")
			c.expect("heard <hello>")
			if gen < 3 {
				c.change("restart")
			}
		}
		c.send(ctrlC)
		c.expect("PROMPT> ")
		if strings.Contains(c.out.String(), "Stopped") {
			t.Error("stopped for writing to the terminal")
		}
	})
}

func TestR31ChildKillsItsGroup(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		if !strings.Contains(wrapper, "@supervise") {
			return
		}
		c := openShell(t, "bash")
		c.line(wrapper + `sh -c 'trap "kill 0" EXIT; trap "exit 0" TERM; echo "rea""dy" $GEN; while :; do sleep 0.02; done'; true`)
		for gen := range 4 {
			c.expect(fmt.Sprintf("ready %d", gen))
			if gen < 3 {
				c.change("restart")
			}
		}
	})
}

func TestR32RestartOnTheTerminal(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		if !strings.Contains(wrapper, "@supervise") {
			return
		}
		c := openShell(t, "bash")
		c.line(wrapper + echoer)
		for gen := range 4 {
			c.expect(fmt.Sprintf("ready %d", gen))
			c.line("hello")
			c.expect("heard <hello>")
			c.suspend()
			c.usable()
			c.line("fg")
			c.line("again")
			c.expect("heard <again>")
			if gen < 3 {
				c.change("restart")
			}
		}
		c.send(ctrlC)
		c.expect("PROMPT> ")
		if st := c.status(); st != 130 {
			t.Errorf("status %d", st)
		}
	})
}

func TestR32RawModeIsUndoneByARestart(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		if !strings.Contains(wrapper, "@supervise") {
			return
		}
		c := openShell(t, "bash")
		c.line(wrapper + `sh -c '[ $GEN = 1 ] && { stty -a | tr " " "\n" | grep -x -e -icanon -e icanon; echo "mo""des shown"; exec sleep 1000; }; stty raw -echo; echo "ra""w"; exec sleep 1000'`)
		c.expect("raw")
		c.change("restart")
		c.expect("icanon")
		c.expect("modes shown")
		if strings.Contains(c.out.String(), "\n-icanon") {
			t.Error("the new child finds a raw terminal")
		}
		c.send(ctrlC)
		c.expect("PROMPT> ")
	})
}

// TestR32StartedWhileTheShellEdits: at a prompt with line editing the terminal is in a mode that is nobody else's business.
func TestR32StartedWhileTheShellEdits(t *testing.T) {
	requireProgram(t, "zsh")
	c := openConsole(t, []string{"PS1=PROMPT> ", "TERM=xterm"}, "zsh", "-f", "-i") // with its line editor
	c.expect("PROMPT> ")
	c.line(watch + `-- sh -c 'echo rea""dy $GEN; [ $GEN = 1 ] && { stty -a | tr " " "\n" | grep -x -e -icanon -e icanon; echo "mo""des shown"; }; exec sleep 1000' &`)
	c.expect("ready 0")
	c.line("")
	c.line("fg")
	c.expect("[1]  +")
	c.change("restart")
	c.expect("icanon")
	c.expect("modes shown")
	if strings.Contains(c.out.String(), "\n-icanon") {
		t.Error("the new child finds the mode of the shell's line editor")
	}
}

// TestR32RestartBesideLess: the other end of the pipeline has put the terminal into its own mode.
func TestR32RestartBesideLess(t *testing.T) {
	requireProgram(t, "less")
	c := openShell(t, "bash")
	c.line(watch + `-- sh -c 'seq 100; echo gen $GEN >>gens; exec sleep 1000' | less -d`)
	c.expect("\n20\r\n")
	c.change("restart")
	eventually(t, "the second child", func() bool {
		data, _ := os.ReadFile(filepath.Join(c.dir, "gens"))
		return strings.Contains(string(data), "gen 1")
	})
	c.send("q") // no newline: less reads single keys
	supervisor := c.supervisor()
	eventually(t, "the supervisor to end", func() bool { // a TERM right after the restart is taken for an echo of it
		return killProcess(supervisor, syscall.SIGTERM) != nil
	})
	c.expect("PROMPT> ")
	c.usable()
}

func TestR64SealedFileOnATerminal(t *testing.T) {
	c := openShell(t, "bash")
	c.line(watch + `-file CERT=private -- sh -c 'echo "rea""dy $(cat $CERT)"; read line; echo "heard <$line>"'`)
	c.expect("ready private 0")
	c.change("restart")
	c.expect("ready private 1")
	c.line("hello")
	c.expect("heard <hello>")
	c.expect("PROMPT> ")
}

func TestR32RawModeOfAChildThatIsKilled(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		c := openShell(t, "bash")
		c.line(wrapper + `sh -c 'stty raw -echo; kill -9 $$'`)
		c.expect("Killed")
		c.expect("PROMPT> ")
		c.line("stty -a | tr ' ' '\\n' | grep -x -e -icanon -e icanon")
		c.expect("\nicanon")
	})
	t.Run("without a shell that repairs it", func(t *testing.T) {
		c := openShell(t, "bash")
		script(t, filepath.Join(c.dir, "job"), "#!/bin/sh\n$W @supervise -- sh -c 'stty raw -echo; kill -9 $$'\nstty -a | tr ' ' '\\n' | grep -x -e -icanon -e icanon\n")
		c.line("./job")
		c.expect("\nicanon")
	})
}

func TestR33StartFailsAfterTheHandOver(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		if wrapper == "" {
			return
		}
		c := openShell(t, "bash")
		script(t, filepath.Join(c.dir, "badint"), "#!/no/such/interpreter\n")
		for range 3 {
			c.line(wrapper + "./badint")
			c.expect("no such file or directory")
			c.expect("PROMPT> ")
			if st := c.status(); st != 127 {
				t.Errorf("status %d", st)
			}
			c.usable()
		}
	})
}

func TestR34TerminalIsClosed(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		c := openShell(t, "bash")
		c.line(wrapper + "sh -c 'echo rea''dy; exec sleep 1000'")
		c.expect("ready")
		c.tty.Close()
		eventually(t, "the end of everybody on the terminal", func() bool { return len(c.inSession()) == 0 })
	})
}

func TestR40CtrlCEndsAShellsLoop(t *testing.T) {
	eachShell(t, func(t *testing.T, shell string) {
		eachWrapper(t, func(t *testing.T, wrapper string) {
			c := openShell(t, shell)
			c.line("while :; do " + wrapper + "sh -c 'echo rea''dy; exec sleep 1000'; done")
			c.expect("ready\r\n")
			c.send(ctrlC)
			c.expect("PROMPT> ")
			c.usable()
		})
	})
}

// TestR56CtrlCIsNoCrash: a child that was just given new secrets and dies of Ctrl-C is neither rolled back nor restarted.
func TestR56CtrlCIsNoCrash(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		if !strings.Contains(wrapper, "@supervise") {
			return
		}
		c := openShell(t, "bash")
		c.line(strings.Replace(wrapper, "@supervise", "@supervise -rollback-within 1h", 1) + `sh -c 'echo "rea""dy $GEN"; exec sleep 1000'`)
		c.expect("ready 0")
		c.change("restart")
		c.expect("ready 1")
		c.change("splay=1h restart")
		eventually(t, "both changes to be taken", func() bool {
			events, _ := os.ReadFile(filepath.Join(c.dir, "events"))
			return strings.Count(string(events), `"`+string(eventTaken)+`"`) == 2
		})
		c.send(ctrlC)
		c.expect("PROMPT> ")
		if st := c.status(); st != 130 {
			t.Errorf("status %d", st)
		}
		if n := c.count("ready"); n != 2 {
			t.Errorf("%d starts, want 2", n)
		}
	})
}

func TestR23Make(t *testing.T) {
	requireProgram(t, "make")
	eachWrapper(t, func(t *testing.T, wrapper string) {
		c := openShell(t, "bash")
		if strings.Contains(wrapper, "-group own") {
			return // make sees the signal only if it is in the same group, which is why auto shares it
		}
		recipe := "all:\n\t@" + strings.ReplaceAll(wrapper, "$", "$$") + `sh -c 'trap "exit 0" INT; echo rea''dy; while :; do sleep 0.02; done'` + "\n\t@echo next recipe\n"
		script(t, filepath.Join(c.dir, "Makefile"), recipe)
		c.line("make")
		c.expect("ready")
		c.send(ctrlC)
		c.expect("PROMPT> ")
		c.usable()
		if strings.Contains(c.out.String(), "\nnext recipe") {
			t.Error("make went on after Ctrl-C")
		}
	})
}

func TestR23PipelineIntoLess(t *testing.T) {
	requireProgram(t, "less")
	eachWrapper(t, func(t *testing.T, wrapper string) {
		if strings.Contains(wrapper, "-group own") {
			return // less would lose the terminal, which is why auto shares the group
		}
		c := openShell(t, "bash")
		c.line(wrapper + "seq 5000 | less -d")
		c.expect("\n20\r\n")
		c.send("G")
		c.expect("5000")
		c.send("q")
		c.expect("PROMPT> ")
		c.usable()
		if strings.Contains(c.out.String(), "Stopped") {
			t.Error("less was stopped")
		}
	})
}

func TestR22NohupOnATerminal(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		c := openShell(t, "bash")
		c.line("nohup " + wrapper + "sh -c 'echo child=$$ >pid; exec sleep 1000' >/dev/null 2>&1 & echo job=$!.")
		c.expect("job=")
		var pid int
		eventually(t, "the child", func() bool {
			data, _ := os.ReadFile(filepath.Join(c.dir, "pid"))
			_, err := fmt.Sscanf(string(data), "child=%d\n", &pid)
			return err == nil
		})
		c.line("kill -HUP $!")
		c.usable()
		c.line("exit")
		<-c.done // the shell says good-bye to its jobs by HUP
		if !alive(pid) {
			t.Error("nohup did not protect it")
		}
		for _, p := range c.inSession() {
			_ = killProcess(p.pid, syscall.SIGKILL)
		}
		_ = killProcess(pid, syscall.SIGKILL)
	})
}

func TestR47SupervisorIsKilledOnATerminal(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		if !strings.Contains(wrapper, "@supervise") {
			return
		}
		c := openShell(t, "bash")
		c.line(wrapper + "sh -c 'echo $$ >pid; echo rea''dy; exec sleep 1000'")
		c.expect("ready")
		_ = killProcess(c.supervisor(), syscall.SIGKILL)
		c.expect("PROMPT> ")
		c.usable()
		var pid int
		eventually(t, "the child", func() bool {
			data, _ := os.ReadFile(filepath.Join(c.dir, "pid"))
			_, err := fmt.Sscan(string(data), &pid)
			return err == nil
		})
		dies(t, pid)
	})
}

// TestR27StdinIsAPipe: a terminal is there although the standard input is none.
func TestR27StdinIsAPipe(t *testing.T) {
	eachWrapper(t, func(t *testing.T, wrapper string) {
		c := openShell(t, "bash")
		c.line("echo piped | " + wrapper + `sh -c 'read line; echo "rea""dy $line"; exec sleep 1000'`)
		c.expect("ready piped")
		c.suspend()
		c.usable()
		c.line("fg")
		c.expect("fg")
		began := time.Now()
		eventually(t, "the job in the foreground", func() bool { return time.Since(began) > 100*time.Millisecond })
		c.send(ctrlC)
		c.expect("PROMPT> ")
		c.usable()
	})
}
