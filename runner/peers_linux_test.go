package runner

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"
)

// peerPatience is how long a scenario of the comparison may take with others: they hang, and that is a result.
const peerPatience = 8 * time.Second

// limitFor is that, and for ours as long as anything may take.
func limitFor(wrapper string) time.Duration {
	if wrapper == "" || strings.Contains(wrapper, "$W @") {
		return patience
	}
	return peerPatience
}

// scenario is one row of the comparison. It reports what it saw.
type scenario struct {
	name string
	want string
	run  func(t *testing.T, wrapper string) string
}

// TestComparison runs the same scenarios with other parents, prints what came out, and fails only for ours. Natively is
// how it should be.
func TestComparison(t *testing.T) {
	names := []string{"native", "infuse exec", "infuse watch"}
	commands := map[string]string{"native": "", "infuse exec": "$W @exec -- ", "infuse watch": "$W @supervise -min-gap 1ms -- "}
	for name, command := range map[string]string{"tini": "tini -s -g -- ", "dumb-init": "dumb-init -- "} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("INFUSE_TEST_REQUIRE") == "1" {
				t.Fatal(err)
			}
			t.Logf("%s is not installed: its column is missing", name)
			continue
		}
		names = append(names, name)
		commands[name] = command
	}
	rows := make([][]string, len(scenarios))
	for i := range scenarios {
		rows[i] = make([]string, len(names))
	}
	// More at a time than there are processors: what hangs needs none.
	limit := make(chan struct{}, 8)
	var running sync.WaitGroup
	for i, s := range scenarios {
		for j, name := range names {
			running.Go(func() {
				limit <- struct{}{}
				defer func() { <-limit }()
				t.Run(s.name+"/"+name, func(t *testing.T) {
					rows[i][j] = s.run(t, commands[name])
					if strings.HasPrefix(name, "infuse") && rows[i][j] != s.want {
						t.Errorf("%s, want %s", rows[i][j], s.want)
					}
				})
			})
		}
	}
	running.Wait()
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "scenario\t"+strings.Join(names, "\t"))
	for i, s := range scenarios {
		fmt.Fprintln(w, s.name+"\t"+strings.Join(rows[i], "\t"))
	}
	w.Flush()
	t.Log("\n" + table.String())
}

// shows is expect that reports instead of failing.
func (c *console) shows(text string) bool {
	deadline := time.Now().Add(c.limit)
	for time.Now().Before(deadline) {
		if i := strings.Index(c.out.String()[c.seen:], text); i >= 0 {
			c.seen += i + len(text)
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// peerShell is a shell to run a wrapper in.
func peerShell(t *testing.T, wrapper string) *console {
	c := openShell(t, "bash")
	c.limit = limitFor(wrapper)
	return c
}

func (c *console) works() bool {
	c.line("echo usa'b'le=$?")
	return c.shows("usable=") && c.shows("PROMPT> ")
}

// endOf runs a shell command line and says how it ended, or that it did not.
func endOf(t *testing.T, command string) string {
	s := launchIn(t, t.TempDir(), func(c *exec.Cmd) { c.Env = append(os.Environ(), "W="+self(t)) }, "sh", "-c", "exec "+command)
	select {
	case <-s.done:
		return statusOf(s.state.Sys().(syscall.WaitStatus)).String()
	case <-time.After(limitFor(command)):
		return "hangs"
	}
}

func yes(ok bool, otherwise string) string {
	if ok {
		return "ok"
	}
	return otherwise
}

var scenarios = []scenario{
	{"exit status", "exit status 42", func(t *testing.T, w string) string { return endOf(t, w+"sh -c 'exit 42'") }},
	{"dies of TERM", "signal TERM", func(t *testing.T, w string) string { return endOf(t, w+"sh -c 'kill -TERM $$'") }},
	{"not found", "exit status 127", func(t *testing.T, w string) string {
		if w == "" {
			return endOf(t, "env no-such-command")
		}
		return endOf(t, w+"no-such-command")
	}},
	{"not executable", "exit status 126", func(t *testing.T, w string) string {
		if w == "" {
			w = "env "
		}
		return endOf(t, w+"/etc/passwd")
	}},
	{"SIGCHLD ignored", "exit status 6", func(t *testing.T, w string) string {
		return endOf(t, "env --ignore-signal=CHLD "+w+"sh -c 'exit 6'")
	}},
	{"Ctrl-C arrives", "once", func(t *testing.T, w string) string {
		c := peerShell(t, w)
		c.line(w + "$W @burst")
		if !c.shows("ready") {
			return "hangs"
		}
		c.send(ctrlC)
		c.shows("got 2\r\n")
		c.send(ctrlBackslash)
		if !c.shows("got 3\r\n") {
			return "lost"
		}
		return map[int]string{0: "never", 1: "once", 2: "twice"}[c.count("got 2\r\n")]
	}},
	{"new window size arrives", "once", func(t *testing.T, w string) string {
		c := peerShell(t, w)
		c.line(w + "$W @burst")
		if !c.shows("ready") {
			return "hangs"
		}
		c.resize(31, 101)
		c.shows("got 28\r\n")
		c.send(ctrlC)
		c.shows("got 2\r\n")
		return map[int]string{0: "never", 1: "once", 2: "twice"}[c.count("got 28\r\n")]
	}},
	{"Ctrl-Z and fg", "ok", func(t *testing.T, w string) string {
		c := peerShell(t, w)
		c.line(w + echoer)
		if !c.shows("ready") {
			return "no start"
		}
		c.send(ctrlZ)
		if !c.shows("PROMPT> ") || !c.works() {
			return "hangs"
		}
		c.line("fg")
		c.line("hello")
		return yes(c.shows("heard <hello>"), "no input")
	}},
	{"started with &", "ok", func(t *testing.T, w string) string {
		c := peerShell(t, w)
		c.line(w + echoer + " &")
		if !c.shows("ready") {
			return "no start"
		}
		c.line("")
		for range 3 {
			if !c.works() {
				return yes(c.count("\nheard") == 0, "eats the shell's input")
			}
		}
		return yes(c.count("\nheard") == 0, "eats the shell's input")
	}},
	{"interactive bash", "ok", func(t *testing.T, w string) string {
		c := peerShell(t, w)
		c.line("export -n PS1; PS1='OUT''ER> '")
		c.shows("OUTER> ")
		c.line(w + "env PS1='PROM''PT> ' bash --norc --noprofile --noediting -i")
		if !c.shows("PROMPT> ") {
			return "no prompt"
		}
		if c.count("no job control") > 0 {
			return "no job control"
		}
		c.line("suspend -f")
		if !c.shows("OUTER> ") {
			return "suspend hangs"
		}
		c.line("fg")
		return yes(c.works(), "fg hangs")
	}},
	{"seq 5000 | less", "ok", func(t *testing.T, w string) string {
		c := peerShell(t, w)
		c.line(w + "seq 5000 | less -d")
		if !c.shows("\n20\r\n") {
			return "less stopped"
		}
		c.send("q")
		return yes(c.shows("PROMPT> ") && c.works(), "less hangs")
	}},
	{"Ctrl-C ends a loop", "ok", func(t *testing.T, w string) string {
		c := peerShell(t, w)
		c.line("while :; do " + w + "sh -c 'echo rea''dy; exec sleep 1000'; done")
		if !c.shows("ready\r\n") {
			return "no start"
		}
		c.send(ctrlC)
		return yes(c.shows("PROMPT> "), "no")
	}},
	{"make stops after Ctrl-C", "ok", func(t *testing.T, w string) string {
		c := peerShell(t, w)
		recipe := "all:\n\t@" + strings.ReplaceAll(w, "$", "$$") + `sh -c 'trap "exit 0" INT; echo ready; while :; do sleep 0.02; done'` + "\n\t@echo next recipe\n"
		script(t, filepath.Join(c.dir, "Makefile"), recipe)
		c.line("make")
		if !c.shows("ready") {
			return "no start"
		}
		c.send(ctrlC)
		if !c.shows("PROMPT> ") {
			return "hangs"
		}
		return yes(c.count("\nnext recipe") == 0, "no")
	}},
	{"parent is killed", "child ends", func(t *testing.T, w string) string {
		s := launchIn(t, t.TempDir(), func(c *exec.Cmd) { c.Env = append(os.Environ(), "W="+self(t)) }, "sh", "-c", "exec "+w+"sh -c 'echo child=$$; exec sleep 1000'")
		child := s.number("child")
		s.signal(syscall.SIGKILL)
		<-s.done
		for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			if !alive(child) {
				return "child ends"
			}
		}
		_ = killProcess(child, syscall.SIGKILL)
		return "child stays"
	}},
	{"50 orphans, process 1", "ok", func(t *testing.T, w string) string {
		requireNamespace(t)
		command := "exec unshare --pid --fork --mount-proc --kill-child " + w + "$W @orphans 50 1"
		if w == "" {
			command = "exec unshare --pid --fork --mount-proc --kill-child sh -c '$W @orphans 50 1; exit $?'"
		}
		s := launchIn(t, t.TempDir(), func(c *exec.Cmd) { c.Env = append(os.Environ(), "W="+self(t), "ZOMBIE_PATIENCE=2s") }, "sh", "-c", command)
		s.wait()
		return yes(strings.Contains(s.out.String(), "zombies=0\n"), "zombies stay")
	}},
	{"process 1 ends, worker", "ok", func(t *testing.T, w string) string {
		requireNamespace(t)
		const worker = `trap "sleep 0.3; echo worker clean; exit" TERM; mkdir ready; while :; do sleep 0.05; done`
		main := `(sh -c '` + worker + `' &); until rmdir ready 2>/dev/null; do sleep 0.01; done; exit 7`
		args := asProcess1("sh", "-c", `[ -z "$P" ] && exec sh -c "$M"; exec $P sh -c "$M"`)
		s := launchIn(t, t.TempDir(), func(c *exec.Cmd) {
			c.Env = append(os.Environ(), "P="+strings.ReplaceAll(w, "$W", self(t)), "M="+main)
		}, args...)
		s.wait()
		return yes(strings.Contains(s.out.String(), "worker clean"), "killed mid-way")
	}},
}
