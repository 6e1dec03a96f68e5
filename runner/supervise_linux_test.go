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

	"golang.org/x/sys/unix"
)

func TestR20ForwardsEverySignalOnce(t *testing.T) {
	burst := []syscall.Signal{
		syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM, syscall.SIGWINCH,
		syscall.SIGIO, syscall.SIGPWR, syscall.SIGXCPU, syscall.SIGXFSZ, syscall.SIGVTALRM, 35, 37, 50, 64,
	}
	s := supervised(t, nil, self(t), "@burst")
	s.prints("ready")
	s.await(EventStarted, 1)
	for _, sig := range burst {
		s.signal(sig)
	}
	for _, sig := range burst {
		s.prints(fmt.Sprintf("got %d\n", int(sig)))
	}
	s.signal(syscall.SIGTERM)
	s.ends(exited(3))
	for _, sig := range append(burst, syscall.SIGTERM) {
		if n := strings.Count(s.out.String(), fmt.Sprintf("got %d\n", int(sig))); n != 1 {
			t.Errorf("signal %d arrived %d times", int(sig), n)
		}
	}
}

func TestR20NeverForwards(t *testing.T) {
	// The child starts before we are told that it has: real-time signals are caught only then.
	s := supervised(t, []string{"-spin"}, self(t), "@burst", "all")
	s.prints("ready")
	s.await(EventStarted, 1)
	for _, sig := range []syscall.Signal{syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE, syscall.SIGPROF} {
		s.signal(sig)
	}
	// The supervisor is busy, so its runtime preempts by SIGURG all the time.
	var last time.Time
	eventually(t, "a second of work", func() bool {
		if last.IsZero() {
			last = time.Now()
		}
		return time.Since(last) > time.Second
	})
	s.signal(syscall.SIGTERM)
	s.ends(exited(3))
	for _, line := range strings.Split(strings.TrimSpace(s.out.String()), "\n") {
		// The probe's own runtime may preempt it once or twice; a forwarding wrapper sends it a dozen a second.
		if line != "got 15" && line != "got 23" && !strings.HasPrefix(line, "ready") {
			t.Errorf("the child got %q", line)
		}
	}
	if n := strings.Count(s.out.String(), "got 23\n"); n > 2 {
		t.Errorf("%d preemption signals of the supervisor reached the child", n)
	}
}

func TestR21SignalsInAStormOfOrphans(t *testing.T) {
	s := supervised(t, nil, "sh", "-c", `n=0; trap 'n=$((n+1)); echo "got $n"' USR1; trap 'exit 5' TERM; `+self(t)+` @orphans 200 2 & echo ready; while :; do wait; sleep 0.01; done`)
	s.prints("ready")
	for i := 1; i <= 20; i++ {
		s.signal(syscall.SIGUSR1)
		s.prints(fmt.Sprintf("got %d\n", i)) // one that is pending already is one only, for every program
	}
	s.signal(syscall.SIGTERM)
	s.ends(exited(5))
}

func TestR22NohupWorks(t *testing.T) {
	s := supervisedIn(t, []string{"env", "--ignore-signal=HUP", "--ignore-signal=INT"}, nil, nil, "sh", "-c", "echo child=$$; exec sleep 1000")
	child := s.number("child")
	s.signal(syscall.SIGHUP)
	s.signal(syscall.SIGINT)
	s.signal(syscall.SIGWINCH) // passed on and harmless: when it is through, the others would be
	const hangupAndInterrupt = 1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGINT-1)
	// Whoever runs the tests may ignore more: only these two are ours.
	if ignored := ignoredBy(t, child); ignored&hangupAndInterrupt != hangupAndInterrupt {
		t.Errorf("the child ignores %#x, want both of %#x", ignored, hangupAndInterrupt)
	}
	s.signal(syscall.SIGTERM)
	s.ends(killed(syscall.SIGTERM))
}

func TestR23WholeGroupGetsTheSignal(t *testing.T) {
	inner := `trap "echo inner-$1; exit 0" USR1; echo inner-ready; while :; do sleep 0.05; done`
	s := supervised(t, nil, "sh", "-c", `trap 'echo outer; wait; exit 0' USR1; sh -c '`+inner+`' x here & wait; wait`)
	s.prints("inner-ready")
	s.signal(syscall.SIGUSR1)
	s.prints("outer")
	s.prints("inner-here")
	s.ends(exited(0))
}

func TestR23SharedGroup(t *testing.T) {
	s := supervised(t, []string{"-group", "share"}, self(t), "@burst")
	s.prints("ready")
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH, syscall.SIGHUP} { // no terminal: all
		s.signal(sig)
		s.prints(fmt.Sprintf("got %d\n", int(sig)))
	}
	s.signal(syscall.SIGTERM)
	s.ends(exited(3))
}

func TestR24NoEscalation(t *testing.T) {
	s := supervised(t, []string{"-stop-timeout", "50ms"}, "sh", "-c", `trap 'echo term' TERM; trap 'echo over; exit 4' USR1; echo ready; while :; do sleep 0.01; done`)
	s.prints("ready")
	for i := range 3 {
		s.signal(syscall.SIGTERM)
		s.printsTimes("term\n", i+1)
	}
	began := time.Now()
	eventually(t, "several stop timeouts", func() bool { return time.Since(began) > 300*time.Millisecond })
	s.signal(syscall.SIGUSR1)
	s.ends(exited(4))
}

func TestR25KillGuard(t *testing.T) {
	for _, n := range []int{-5, -1, 0, 1} {
		if err := killProcess(n, 0); err != syscall.ESRCH {
			t.Errorf("killProcess(%d) = %v", n, err)
		}
		if err := killGroup(n, 0); err != syscall.ESRCH {
			t.Errorf("killGroup(%d) = %v", n, err)
		}
	}
	if err := killEveryone(0); err != syscall.EPERM {
		t.Errorf("killEveryone, not process 1: %v", err)
	}
	tree := &tree{cfg: &Config{}, own: true, term: &terminal{fd: -1}}
	tree.send(syscall.SIGKILL) // no child yet: the group is 0
	tree.own = false
	tree.alive = true
	tree.send(syscall.SIGKILL)
}

func TestR40ExactEnd(t *testing.T) {
	for _, way := range []string{"@exec", "@supervise"} {
		for _, n := range []int{1, 2, 3, 6, 9, 10, 11, 13, 14, 15, 37} {
			s := launch(t, self(t), way, "--", "sh", "-c", fmt.Sprintf("ulimit -c 0; kill -%d $$", n))
			s.ends(killed(syscall.Signal(n)))
		}
		for _, n := range []int{0, 1, 42, 125, 126, 127, 128, 143, 255} {
			s := launch(t, self(t), way, "--", "sh", "-c", fmt.Sprintf("exit %d", n))
			s.ends(exited(n))
		}
	}
}

func TestR40AsProcess1(t *testing.T) {
	requireNamespace(t)
	for command, want := range map[string]int{"kill -9 $$": 137, "kill -15 $$": 143, "exit 7": 7} {
		if _, st := output(t, asProcess1(wrap(t, "--", "sh", "-c", command)...)...); st != exited(want) {
			t.Errorf("%s: %v, want exit status %d", command, st, want)
		}
	}
}

func TestR41NoCoreOfTheParent(t *testing.T) {
	pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern")
	s := launch(t, "bash", "-c", `ulimit -c unlimited; exec "$0" @status "$0" @supervise -- sh -c 'ulimit -c 0; kill -11 $$'`, self(t))
	s.ends(exited(0))
	if got := strings.TrimSpace(s.out.String()); got != "signal 11 core=false" {
		t.Errorf("%q (core_pattern %s)", got, pattern)
	}
	if files, _ := filepath.Glob(filepath.Join(s.dir, "*")); len(files) > 0 {
		t.Errorf("left on disk: %v", files)
	}
}

func TestR42ReapsOrphans(t *testing.T) {
	s := supervised(t, nil, self(t), "@orphans", "300", "3")
	s.ends(exited(42))
	if !strings.Contains(s.out.String(), "zombies=0\n") {
		t.Errorf("%s", s.out)
	}
}

func TestR42AsProcess1(t *testing.T) {
	requireNamespace(t)
	out, st := output(t, asProcess1(self(t), "@supervise", "--", self(t), "@orphans", "300", "3")...)
	if st != exited(42) || !strings.Contains(out, "zombies=0\n") {
		t.Errorf("%v %s", st, out)
	}
}

// TestR43 runs os/exec beside the reaper: no status may be lost, and no zombie may stay.
func TestR43ReaperBesideExec(t *testing.T) {
	ways := map[string][]string{
		"own group":                {self(t), "@supervise", "-group", "own"},
		"shared group":             {self(t), "@supervise", "-group", "share", "-registered"},
		"shared, not registered":   {self(t), "@supervise", "-group", "share"},
		"process 1":                asProcess1(self(t), "@supervise"),
		"process 1, shared, known": asProcess1(self(t), "@supervise", "-group", "share", "-registered"),
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			helpers, orphans := 200, "100"
			if name == "own group" && !testing.Short() {
				helpers, orphans = 1000, "400"
			}
			if way[0] == "unshare" {
				requireNamespace(t)
			}
			// The child outlives the helpers: process 1 ends everybody when it goes.
			child := `ZOMBIES_OF=$PPID "$0" @orphans ` + orphans + ` 3; status=$?; until [ -e helped ]; do sleep 0.02; done; exit $status`
			out, st := output(t, append(way, "-helpers", fmt.Sprint(helpers), "--", "sh", "-c", child, self(t))...)
			if st != exited(42) || !strings.Contains(out, fmt.Sprintf("helpers=%d lost=0\n", helpers)) {
				t.Errorf("%v %s", st, out)
			}
		})
	}
}

// TestR43OrphanOfAHelper: what a credential process leaves behind is in our group, and nobody else will wait for it.
func TestR43OrphanOfAHelper(t *testing.T) {
	for _, group := range []string{"own", "share"} {
		dir := t.TempDir()
		s := supervised(t, []string{"-group", group, "-registered", "-leave", filepath.Join(dir, "pid")}, "sleep", "1000")
		var pid int
		eventually(t, "the orphan", func() bool {
			data, _ := os.ReadFile(filepath.Join(dir, "pid"))
			_, err := fmt.Sscan(string(data), &pid)
			return err == nil
		})
		s.await(EventStarted, 1)
		eventually(t, "the orphan to be reaped, not only to end", func() bool {
			_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
			return err != nil
		})
	}
}

func TestR44Subreaper(t *testing.T) {
	s := supervised(t, nil, "sh", "-c", `(sh -c 'echo orphan=$$; exec sleep 1000' & ); `+self(t)+` @flags; exec sleep 1000`)
	s.prints("subreaper=0")
	orphan := s.number("orphan")
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", orphan))
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := parseStat(stat); p.ppid != s.pid() {
		t.Errorf("the orphan's parent is %d, want %d", p.ppid, s.pid())
	}
}

func TestR45BackgroundProcessesAreLeftAlone(t *testing.T) {
	s := supervised(t, nil, "sh", "-c", `sleep 1000 >/dev/null 2>&1 & echo left=$!; exit 3`)
	s.ends(exited(3))
	left := s.number("left")
	if !alive(left) {
		t.Error("a background process was ended")
	}
	_ = killProcess(left, syscall.SIGKILL)
}

func TestR45Process1Drains(t *testing.T) {
	requireNamespace(t)
	worker := `trap "sleep 0.3; echo worker clean; exit" TERM; mkdir ready; while :; do sleep 0.05; done`
	for _, way := range [][]string{{"@exec"}, {"@supervise"}} {
		out, st := output(t, asProcess1(append(append([]string{self(t)}, way...), "--", "sh", "-c", `(sh -c '`+worker+`' &); until rmdir ready 2>/dev/null; do sleep 0.01; done; exit 7`)...)...)
		if st != exited(7) || !strings.Contains(out, "worker clean") {
			t.Errorf("%v: %v %q", way, st, out)
		}
	}
	// What does not end by itself does not hold up the end.
	began := time.Now()
	_, st := output(t, asProcess1(self(t), "@supervise", "-drain-timeout", "300ms", "--", "sh", "-c", `(sh -c 'trap "" TERM; mkdir ready; while :; do sleep 1; done' >/dev/null 2>&1 &); until rmdir ready 2>/dev/null; do sleep 0.01; done; exit 7`)...)
	if st != exited(7) || time.Since(began) < 300*time.Millisecond {
		t.Errorf("%v after %v", st, time.Since(began))
	}
}

func TestR46SweepAfterShutdown(t *testing.T) {
	command := `trap 'exit 4' TERM; sh -c 'echo a=$$; exec sleep 1000' & setsid sh -c 'echo b=$$; exec sleep 1000' & (setsid sh -c 'echo c=$$; trap "" TERM; while :; do sleep 0.1; done' &) ; wait; wait; wait`
	s := supervised(t, []string{"-stop-timeout", "300ms"}, "sh", "-c", command)
	pids := []int{s.number("a"), s.number("b"), s.number("c")}
	s.signal(syscall.SIGTERM)
	s.ends(exited(4))
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d was left behind", pid)
		}
	}
}

func TestR47SupervisorIsKilled(t *testing.T) {
	for _, group := range []string{"own", "share"} {
		s := supervised(t, []string{"-group", group}, "sh", "-c", `trap 'echo got TERM; exit' TERM; echo child=$$; while :; do sleep 0.01; done`)
		child := s.number("child")
		s.signal(syscall.SIGKILL)
		s.prints("got TERM")
		s.ends(killed(syscall.SIGKILL))
		dies(t, child)
	}
}

// TestR47ThreadOwnership: goroutines that end while they are locked to their thread take the thread along. The child's
// death signal must not be tied to one of those.
func TestR47ThreadOwnership(t *testing.T) {
	for range 5 {
		s := launch(t, self(t), "@threads", "sh", "-c", "exec sleep 0.3")
		s.ends(exited(0))
	}
}

func TestR48ChildClosesItsOutputButLives(t *testing.T) {
	s := supervised(t, nil, "sh", "-c", `exec >/dev/null 2>&1 </dev/null; sleep 0.3; exit 9`)
	s.await(EventStarted, 1)
	if !s.running() {
		t.Error("the end of the output was taken for the end of the child")
	}
	s.ends(exited(9))
}

func TestR48GrandchildKeepsThePipe(t *testing.T) {
	s := supervised(t, nil, "sh", "-c", `sleep 1000 & echo holder=$!; exit 8`)
	began := time.Now()
	s.ends(exited(8))
	holder := s.number("holder")
	if !alive(holder) {
		t.Error("the holder of the pipe is gone")
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("waited %v for a pipe", took)
	}
	_ = killProcess(holder, syscall.SIGKILL)
}

// Each command prints the process ids of what it starts as KEY=PID.
var trees = map[string]struct {
	command string
	pids    []string
}{
	"plain":              {`echo p=$$; exec sleep 1000`, []string{"p"}},
	"background":         {`echo p=$$; sleep 1000 & echo a=$!; sleep 1000 & echo b=$!; wait`, []string{"p", "a", "b"}},
	"daemon":             {`echo p=$$; setsid sh -c 'echo a=$$; exec sleep 1000' & wait; exec sleep 1000`, []string{"p", "a"}},
	"orphan":             {`echo p=$$; (sh -c 'echo a=$$; exec sleep 1000' &); exec sleep 1000`, []string{"p", "a"}},
	"orphaned daemon":    {`echo p=$$; (setsid sh -c 'echo a=$$; exec sleep 1000' &); exec sleep 1000`, []string{"p", "a"}},
	"stubborn in group":  {`echo p=$$; sh -c 'trap "" TERM; echo a=$$; while :; do sleep 0.1; done' & wait`, []string{"p", "a"}},
	"stubborn daemon":    {`echo p=$$; (setsid sh -c 'trap "" TERM; echo a=$$; while :; do sleep 0.1; done' &); exec sleep 1000`, []string{"p", "a"}},
	"stubborn child":     {`trap "" TERM; echo p=$$; while :; do sleep 0.1; done`, []string{"p"}},
	"stopped":            {`echo p=$$; kill -STOP $$; exec sleep 1000`, []string{"p"}},
	"stopped background": {`echo p=$$; sleep 1000 & echo a=$!; kill -STOP $!; exec sleep 1000`, []string{"p", "a"}},
}

func TestR53StopsTheWholeTree(t *testing.T) {
	for _, group := range []string{"own", "share"} {
		for name, tree := range trees {
			t.Run(group+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := supervised(t, []string{"-group", group, "-stop-timeout", "400ms", "-min-gap", "1ms", "-max-gap", "1ms"},
					"sh", "-c", `echo gen=$GEN; [ $GEN = 1 ] && exec sh -c 'echo second; exec sleep 1000'; `+tree.command)
				var pids []int
				for _, key := range tree.pids {
					pids = append(pids, s.number(key))
				}
				s.change("restart")
				s.prints("second")
				for i, pid := range pids {
					if alive(pid) {
						t.Errorf("%s of the old tree is alive beside the new child", tree.pids[i])
					}
				}
				s.signal(syscall.SIGUSR1) // in a shared group a TERM so soon would be taken for the child's own
				s.ends(killed(syscall.SIGUSR1))
			})
		}
	}
}

func TestR53FiveQuickRestarts(t *testing.T) {
	s := supervised(t, []string{"-min-gap", "1ms", "-max-gap", "1ms"}, "sh", "-c", `sleep 1000 & (setsid sleep 1000 &); echo gen=$GEN; wait`)
	for gen := range 6 {
		s.prints(fmt.Sprintf("gen=%d\n", gen))
		if gen < 5 {
			s.change("restart")
		}
	}
	eventually(t, "one tree only", func() bool {
		n := 0
		for _, p := range processes() {
			if sid, err := unix.Getsid(p.pid); err == nil && sid == s.pid() && !p.dead {
				n++
			}
		}
		return n == 3 // the supervisor, sh, sleep; the daemon has a session of its own
	})
	s.signal(syscall.SIGTERM)
	s.ends(killed(syscall.SIGTERM))
}

func TestR53ChildWithAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		missing(t, "needs root to start a process of another user")
	}
	requireProgram(t, "setpriv")
	s := supervised(t, []string{"-min-gap", "1ms"}, "setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", `echo gen=$GEN; exec sleep 1000`)
	s.prints("gen=0")
	s.change("restart")
	s.prints("gen=1")
}

// TestR54 gives each child a lock that it frees slowly.
func TestR54NoOverlap(t *testing.T) {
	s := supervised(t, []string{"-min-gap", "1ms", "-max-gap", "1ms"}, "sh", "-c",
		`mkdir lock || { echo OVERLAP; exit 1; }; trap 'sleep 0.2; rmdir lock; exit 0' TERM; echo gen=$GEN; while :; do sleep 0.01; done`)
	for gen := range 4 {
		s.prints(fmt.Sprintf("gen=%d\n", gen))
		if gen < 3 {
			s.change("restart")
		}
	}
	if strings.Contains(s.out.String(), "OVERLAP") {
		t.Error("two at once")
	}
}

func TestR54StopSignal(t *testing.T) {
	s := supervised(t, []string{"-stop-signal", "USR1", "-min-gap", "1ms"}, "sh", "-c", `trap 'echo by USR1; exit' USR1; trap 'echo by TERM; exit' TERM; echo gen=$GEN; while :; do sleep 0.01; done`)
	s.prints("gen=0")
	s.change("restart")
	s.prints("gen=1")
	if got := s.out.String(); strings.Contains(got, "by TERM") || !strings.Contains(got, "by USR1") {
		t.Errorf("%q", got)
	}
}

func TestR55ShutdownDuringTheStop(t *testing.T) {
	s := supervised(t, []string{"-stop-timeout", "60s", "-min-gap", "1ms"}, "sh", "-c",
		`n=0; trap 'n=$((n+1)); echo term $n' TERM; echo ready $GEN; while [ $n -lt 2 ]; do sleep 0.01; done; exit 7`)
	s.prints("ready 0")
	s.change("restart")
	s.prints("term 1") // the stop
	s.signal(syscall.SIGTERM)
	s.prints("term 2") // the shutdown, passed on
	s.ends(exited(7))
	if s.count(EventStarted) != 1 {
		t.Errorf("started again: %s", s.out)
	}
}

func TestR55ShutdownInTheGap(t *testing.T) {
	s := supervised(t, []string{"-min-gap", "50s", "-healthy", "50ms", "-rollback-within", "50s"}, "sh", "-c", `echo gen=$GEN; [ $GEN = 1 ] && exit 1; exec sleep 1000`)
	s.prints("gen=0")
	started := time.Now()
	eventually(t, "health", func() bool { return time.Since(started) > 60*time.Millisecond })
	s.change("restart")
	s.prints("gen=1")
	s.await(EventStopped, 2)
	s.signal(syscall.SIGINT)
	s.ends(killed(syscall.SIGINT))
}

func TestR56ExitsWithTheChild(t *testing.T) {
	s := supervised(t, nil, "sh", "-c", "exit 5")
	s.ends(exited(5))
	if s.count(EventStarted) != 1 || s.count(EventExiting) != 1 {
		t.Errorf("%v", s.events())
	}
}

func TestR56FailsWithNewerSecretsKnown(t *testing.T) {
	s := supervised(t, []string{"-min-gap", "1ms"}, "sh", "-c", `trap 'exit 1' USR1; echo gen=$GEN; [ $GEN = 0 ] || exec sleep 1000; while :; do sleep 0.01; done`)
	s.prints("gen=0")
	s.change("splay=1h restart")
	s.change("splay=1h restart")
	s.await(eventTaken, 2)
	s.signal(syscall.SIGUSR1)
	s.prints("gen=2")
	s.await(EventStarted, 2)
	s.signal(syscall.SIGTERM)
	s.ends(killed(syscall.SIGTERM))
}

func TestR57CrashLoopGuard(t *testing.T) {
	s := supervised(t, []string{"-min-gap", "200ms", "-max-gap", "400ms"}, "sh", "-c", `echo gen=$GEN; exec sleep 1000`)
	for gen := range 4 {
		s.prints(fmt.Sprintf("gen=%d\n", gen))
		s.change("restart")
	}
	for i, gap := range []time.Duration{200, 400, 400} {
		a, b := s.await(EventStarted, i+1), s.await(EventStarted, i+2)
		if d := b.At.Sub(a.At); d < gap*time.Millisecond {
			t.Errorf("start %d came %v after start %d, want at least %vms", i+2, d, i+1, int(gap))
		}
	}
}

func TestR58Signal(t *testing.T) {
	s := supervised(t, nil, "sh", "-c", `trap 'echo reload $GEN' HUP; echo ready; while :; do sleep 0.01; done`)
	s.prints("ready")
	s.change("signal HUP")
	s.prints("reload 0") // the environment of a running process cannot change
	s.change("signal USR1")
	s.ends(killed(syscall.SIGUSR1))
	if s.count(EventSignalled) != 2 || s.count(EventStarted) != 1 {
		t.Errorf("%v", s.events())
	}
}

func TestR58Exit(t *testing.T) {
	s := supervised(t, nil, "sh", "-c", `(setsid sh -c 'echo left=$$; exec sleep 1000' &); trap 'exit 11' TERM; echo ready; while :; do sleep 0.01; done`)
	s.prints("ready")
	left := s.number("left")
	s.change("exit")
	s.ends(exited(11))
	if alive(left) {
		t.Error("not the whole tree was stopped")
	}
}

func TestR58Exec(t *testing.T) {
	s := supervised(t, nil, "sh", "-c", `trap 'exit 0' TERM; echo child=$$; while :; do sleep 0.01; done`)
	child := s.number("child")
	script(t, filepath.Join(s.dir, "reload"), "#!/bin/sh\necho \"helper $GEN for $INFUSE_CHILD_PID $*\"; cat; exit $GEN\n")
	s.change("exec ./reload a b")
	s.await(EventHelper, 1)
	s.change("exec ./reload c")
	s.await(EventHelper, 2)
	s.change("exec ./missing")
	s.await(EventHelper, 3)
	s.signal(syscall.SIGTERM)
	s.ends(exited(0))
	// What it prints is not the child's output.
	if got := s.err.String(); !strings.HasPrefix(got, fmt.Sprintf("helper 1 for %d a b\nhelper 2 for %d c\n", child, child)) {
		t.Errorf("%q", got)
	}
	var codes []int
	for _, e := range s.events() {
		if e.Kind == string(EventHelper) {
			codes = append(codes, e.Code)
			if e.Failed != (len(codes) == 3) {
				t.Errorf("%+v", e)
			}
		}
	}
	if fmt.Sprint(codes) != "[1 2 0]" {
		t.Errorf("statuses %v", codes)
	}
	if s.count(EventStarted) != 1 {
		t.Error("restarted")
	}
}

func TestR58ExecIsEndedWithTheChild(t *testing.T) {
	s := supervised(t, nil, "sh", "-c", `trap 'exit 6' USR1; echo ready; while :; do sleep 0.01; done`)
	s.prints("ready")
	script(t, filepath.Join(s.dir, "endless"), "#!/bin/sh\necho $$ >pid; exec sleep 1000\n")
	s.change("exec ./endless")
	var pid int
	eventually(t, "the helper", func() bool {
		data, _ := os.ReadFile(filepath.Join(s.dir, "pid"))
		_, err := fmt.Sscan(string(data), &pid)
		return err == nil
	})
	s.signal(syscall.SIGUSR1)
	s.ends(exited(6))
	if alive(pid) {
		t.Error("the helper is left")
	}
}

func TestRollbackOfAChildThatDies(t *testing.T) {
	s := supervised(t, []string{"-rollback-within", "30s", "-min-gap", "1ms", "-v"}, "sh", "-c", `echo gen=$GEN; [ $GEN = 1 ] && exit 3; exec sleep 1000`)
	s.prints("gen=0\n")
	s.change("restart")
	s.prints("gen=1\n")
	s.printsTimes("gen=0\n", 2)
	s.await(EventRolledBack, 1)
	s.change("restart")
	s.prints("gen=2\n")
	if s.count(EventRolledBack) != 1 || !strings.Contains(s.err.String(), "rolled back") {
		t.Errorf("%v %s", s.events(), s.err)
	}
}

func TestContextEndsTheTree(t *testing.T) {
	s := supervised(t, []string{"-cancel-on", "go"}, "sh", "-c", `trap 'exit 12' TERM; (setsid sh -c 'echo left=$$; mkdir go; exec sleep 1000' &); while :; do sleep 0.01; done`)
	s.ends(exited(12))
	if alive(s.number("left")) {
		t.Error("not the whole tree was stopped")
	}
}

func TestPipeOnStdin(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := supervisedIn(t, nil, func(c *exec.Cmd) { c.Stdin = r }, []string{"-min-gap", "1ms"}, "sh", "-c", `read line; echo "$GEN read $line"; read line; echo "$GEN read $line"; exit 0`)
	r.Close()
	fmt.Fprintln(w, "one")
	s.prints("0 read one")
	s.change("restart")
	s.await(EventStarted, 2)
	fmt.Fprintln(w, "two") // not one byte of it is ours
	s.prints("1 read two")
	w.Close()
	s.ends(exited(0))
}

func TestNothingIsLeftInTheProcess(t *testing.T) {
	s := supervised(t, []string{"-linger", "left", "-min-gap", "1ms", "-max-gap", "1ms", "-file", "CERT=x"}, "sh", "-c", `trap 'exit 0' TERM; (sleep 0 &); echo gen=$GEN; while :; do sleep 0.01; done`)
	for gen := range 5 {
		s.prints(fmt.Sprintf("gen=%d\n", gen))
		s.change("restart")
	}
	s.prints("gen=5")
	s.signal(syscall.SIGTERM)
	s.ends(exited(0))
	left, err := os.ReadFile(filepath.Join(s.dir, "left"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(left), "goroutines=0\nzombies=0\n") {
		t.Errorf("%s", left)
	}
	for line := range strings.Lines(string(left)) {
		for _, ours := range []string{"/dev/tty", "memfd:"} {
			if strings.Contains(line, ours) {
				t.Errorf("left open: %s", line)
			}
		}
	}
}

func TestR63NothingSecretIsLogged(t *testing.T) {
	s := supervisedIn(t, nil, func(c *exec.Cmd) { c.Env = append(os.Environ(), "PASSWORD=hunter2") }, []string{"-v", "-min-gap", "1ms"}, "sh", "-c", `echo gen=$GEN; exec sleep 1000`)
	s.prints("gen=0")
	s.change("EXTRA=hunter2 restart")
	s.prints("gen=1")
	s.change("EXTRA=hunter2 exec ./missing")
	s.await(EventHelper, 1)
	s.change("EXTRA=hunter2 signal TERM")
	s.ends(killed(syscall.SIGTERM))
	events, _ := os.ReadFile(filepath.Join(s.dir, "events"))
	if all := s.err.String() + string(events); strings.Contains(all, "hunter2") || !strings.Contains(all, "msg=stopping") {
		t.Errorf("%s", all)
	}
}

func TestR66WaitingInitIsSmall(t *testing.T) {
	s := launch(t, self(t), "@exec", "-mode", "init", "--", "sh", "-c", "echo ready; exec sleep 1000")
	s.prints("ready")
	rollup := func() (kB int) {
		data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.pid()))
		for line := range strings.Lines(string(data)) {
			if rest, ok := strings.CutPrefix(line, "Private_Dirty:"); ok {
				_, _ = fmt.Sscan(rest, &kB)
			}
		}
		return kB
	}
	if os.Getuid() == 0 && rollup() == 0 {
		t.Error("no figure")
	}
	t.Logf("private dirty memory of the waiting test binary: %d kB", rollup())
}
