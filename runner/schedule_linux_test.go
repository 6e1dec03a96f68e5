package runner

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestRandomSchedules runs 1,000 random schedules of changes, signals, ends and slow stops on real processes. Whatever
// happens: a new child starts only when nothing of the old tree is left; the status is the child's; and no goroutine,
// zombie, file or process stays, except those that a child leaves behind that ends by itself (R45).
//
// RUNNER_SCHEDULES asks for more of them, RUNNER_SEED for particular ones.
func TestRandomSchedules(t *testing.T) {
	total := 1000
	if testing.Short() {
		total = 100
	}
	if n, err := strconv.Atoi(os.Getenv("RUNNER_SCHEDULES")); err == nil {
		total = n
	}
	seed, err := strconv.ParseUint(os.Getenv("RUNNER_SEED"), 10, 64)
	if err != nil {
		seed = rand.Uint64() >> 1
	}
	began := time.Now()
	workers := [][]string{{"own"}, {"own"}, {"share"}, {"process 1"}}
	each := total / len(workers)
	for i, w := range workers {
		t.Run(fmt.Sprintf("%s-%d", w[0], i), func(t *testing.T) {
			t.Parallel()
			first := seed + uint64(i*each)
			args := []string{self(t), "@schedules", strconv.FormatUint(first, 10), strconv.Itoa(each), w[0]}
			if w[0] == "process 1" {
				requireNamespace(t)
				args = asProcess1(args...)
			}
			s := launch(t, args...)
			select {
			case <-s.done:
			case <-time.After(10 * time.Minute):
				t.Fatalf("no end in sight: %s", s.err)
			}
			if s.wait() != exited(0) {
				t.Fatalf("%v\n%s%s", s.wait(), s.out, s.err)
			}
			t.Logf("%s: %s, %v", w[0], strings.TrimSpace(s.out.String()), time.Since(began).Round(time.Second))
		})
	}
}

// roleSchedules runs schedules one after the other in this process: seed, count, group.
func roleSchedules(args []string) {
	seed, _ := strconv.ParseUint(args[0], 10, 64)
	count, _ := strconv.Atoi(args[1])
	group := GroupOwn
	if args[2] == "share" {
		group = GroupShare
	}
	// The signals of a schedule may come when its Supervise is over.
	keep := make(chan os.Signal, 1024)
	signal.Notify(keep, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGCHLD)
	if r, w, err := os.Pipe(); err == nil { // the runtime's poller opens its files now
		r.Close()
		w.Close()
	}
	total := scheduleStats{}
	for i := range count {
		s := newSchedule(seed+uint64(i), group)
		if err := s.run(&total); err != nil {
			fmt.Fprintf(os.Stderr, "schedule %d (%s): %v\n%s\n", s.seed, group, err, strings.Join(s.story, "\n"))
			os.Exit(1)
		}
	}
	fmt.Printf("%d schedules: %d starts, %d rollbacks, %d signals, %d helpers, %d left to R45\n",
		count, total.starts, total.rollbacks, total.signals, total.helpers, total.left)
}

type scheduleStats struct{ starts, rollbacks, signals, helpers, left int }

// schedule is one of them.
type schedule struct {
	seed   uint64
	random *rand.Rand
	group  Group
	dir    string

	mu     sync.Mutex
	story  []string
	events []Event
	asked  bool // a signal was sent that ends a child
	faults []error
}

func newSchedule(seed uint64, group Group) *schedule {
	return &schedule{seed: seed, group: group, random: rand.New(rand.NewPCG(seed, 1))}
}

func (s *schedule) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.story = append(s.story, time.Now().Format("05.000 ")+fmt.Sprintf(format, args...))
}

func (s *schedule) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, fmt.Errorf(format, args...))
}

func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// child is the program of the schedules. It records every process it starts as "main pid", and its own end.
const scheduleChild = `
export MAIN=$$
echo "$MAIN $$" >>pids
case $STOP in
slow) trap 'sleep 0.03; echo "$$ 21" >>ends; exit 21' TERM;;
ignore) trap '' TERM;;
clean) trap 'echo "$$ 22" >>ends; exit 22' TERM;;
esac
trap 'echo "$$ 30" >>ends; exit 30' USR2
trap : USR1 HUP INT
case $TREE in
background) sh -c 'echo "$MAIN $$" >>pids; exec sleep 1000' &;;
daemon) (setsid sh -c 'echo "$MAIN $$" >>pids; exec sleep 1000' &);;
stubborn) (sh -c 'trap "" TERM; echo "$MAIN $$" >>pids; exec sleep 1000' &);;
orphans) for i in 1 2 3 4 5; do (: &); done;;
esac
[ -n "$LIFE" ] && { sleep $LIFE; echo "$$ $CODE" >>ends; exit $CODE; }
while :; do sleep 1000 & wait; done
`

func (s *schedule) env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"STOP=" + pick(s.random, "", "", "", "clean", "clean", "clean", "slow", "ignore"),
		"TREE=" + pick(s.random, "", "", "", "background", "background", "daemon", "daemon", "orphans", "stubborn"),
		"LIFE=" + pick(s.random, "", "", "", "", "", "", "", "", "0", "0.005", "0.02"),
		"CODE=" + pick(s.random, "0", "1", "7", "7"),
	}
}

func (s *schedule) run(stats *scheduleStats) error {
	dir, err := os.MkdirTemp("", "schedule")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chdir(dir); err != nil {
		return err
	}
	s.dir = dir
	goroutines, files := runtime.NumGoroutine(), openFiles()

	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	changes := make(chan Change)
	over := make(chan struct{})
	cfg := Config{
		Path: "/bin/sh", Argv: []string{"sh", "-c", scheduleChild}, Env: s.env(),
		Group: s.group, Changes: changes, Observe: s.observe,
		StopTimeout: 50 * time.Millisecond, DrainTimeout: 50 * time.Millisecond,
		MinGap: pick(s.random, time.Millisecond, time.Millisecond, 15*time.Millisecond), MaxGap: 20 * time.Millisecond,
		RollbackWithin: pick(s.random, 0, 0, 30*time.Millisecond, time.Second),
	}
	s.note("start %q, rollback %v", cfg.Env[1:], cfg.RollbackWithin)
	started := make(chan struct{})
	observe := cfg.Observe
	var once sync.Once
	cfg.Observe = func(e Event) {
		observe(e)
		if e.Kind == EventStarted {
			once.Do(func() { close(started) })
		}
	}
	var agent sync.WaitGroup
	agent.Go(func() {
		<-started
		s.act(changes, over, cancel)
	})
	st, err := Supervise(ctx, cfg)
	close(over)
	agent.Wait()
	s.note("returned %v, %v", st, err)
	if err != nil {
		return err
	}
	s.checkEnd(st, stats)
	for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		stack := make([]byte, 1<<16)
		s.fault("%d goroutines more: %s", n-goroutines, stack[:runtime.Stack(stack, true)])
	}
	if n := openFiles(); n != files {
		s.fault("%d open files, %d before", n, files)
	}
	return errors.Join(s.faults...)
}

func openFiles() int {
	names, _ := os.ReadDir("/proc/self/fd")
	return len(names)
}

// act throws the schedule's events at the supervisor.
func (s *schedule) act(changes chan<- Change, over <-chan struct{}, cancel context.CancelCauseFunc) {
	send := func(c Change) {
		s.note("change %s splay %v %q", c.Action, c.Splay, c.Env[1:])
		select {
		case changes <- c:
		case <-over:
		}
	}
	for range s.random.IntN(10) {
		select {
		case <-over:
			return
		case <-time.After(time.Duration(s.random.IntN(10000)) * time.Microsecond):
		}
		switch pick(s.random, "change", "change", "change", "change", "change", "change", "splay", "cancel", "signal", "hup", "user", "child", "helper", "kill", "exit") {
		case "change":
			send(Change{Action: ActionRestart, Env: s.env()})
		case "splay":
			send(Change{Action: ActionRestart, Env: s.env(), Splay: 5 * time.Millisecond})
		case "cancel":
			send(Change{Action: ActionCancel, Env: s.env()})
		case "exit":
			if s.random.IntN(4) == 0 {
				send(Change{Action: ActionExit, Env: s.env()})
			}
		case "helper":
			send(Change{Action: ActionExec, Env: s.env(), Command: []string{"sh", "-c", "exit 0"}})
		case "signal":
			if s.random.IntN(3) == 0 {
				s.kill(pick(s.random, syscall.SIGTERM, syscall.SIGINT))
			}
		case "hup":
			s.kill(syscall.SIGHUP)
		case "user":
			s.kill(syscall.SIGUSR1)
		case "child":
			s.killChild(syscall.SIGUSR2)
		case "kill":
			s.killChild(syscall.SIGKILL)
		}
	}
	select {
	case <-over:
	case <-time.After(time.Duration(s.random.IntN(12000)) * time.Microsecond):
		s.note("end")
		cancel(errors.New("end"))
	}
}

func (s *schedule) mark(flag *bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*flag = true
}

// kill sends us a signal, as somebody outside would.
func (s *schedule) kill(sig syscall.Signal) {
	s.note("signal %v", sig)
	if sig != syscall.SIGUSR1 {
		s.mark(&s.asked)
	}
	_ = syscall.Kill(os.Getpid(), sig)
}

func (s *schedule) killChild(sig syscall.Signal) {
	s.mu.Lock()
	pid := 0
	for _, e := range s.events {
		switch e.Kind {
		case EventStarted:
			pid = e.PID
		case EventStopped:
			pid = 0
		}
	}
	s.mu.Unlock()
	s.note("kill child %d %v", pid, sig)
	_ = killProcess(pid, sig)
}

// observe checks every start: nothing of an earlier tree may be alive.
func (s *schedule) observe(e Event) {
	s.note("%s pid %d %v %s", e.Kind, e.PID, e.Status, e.Reason)
	s.mu.Lock()
	s.events = append(s.events, e)
	s.mu.Unlock()
	if e.Kind == EventStarted {
		s.checkDead(e.PID)
	}
}

// recorded returns the pairs of numbers in a file that the children wrote.
func recorded(file string) (pairs [][2]int) {
	data, _ := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		var a, b int
		if n, _ := fmt.Sscan(line, &a, &b); n == 2 {
			pairs = append(pairs, [2]int{a, b})
		}
	}
	return pairs
}

func (s *schedule) checkDead(except int) {
	for _, p := range recorded(filepath.Join(s.dir, "pids")) {
		if p[0] != except && alive(p[1]) {
			s.fault("process %d of the child %d is alive beside the child %d", p[1], p[0], except)
		}
	}
}

// checkEnd looks at what came out and what is left.
func (s *schedule) checkEnd(st Status, stats *scheduleStats) {
	var last *Event
	main, between, stopped := 0, false, false
	for i, e := range s.events {
		switch e.Kind {
		case EventStarted:
			if main != 0 {
				s.fault("child %d started while %d ran", e.PID, main)
			}
			main, between, stopped = e.PID, false, false
			stats.starts++
		case EventStopped:
			if main != e.PID {
				s.fault("child %d stopped, but %d ran", e.PID, main)
			}
			main, between, last = 0, true, &s.events[i]
		case EventStopping:
			stopped = true
		case EventRolledBack:
			stats.rollbacks++
		case EventHelper:
			stats.helpers++
		case EventExiting:
			if i != len(s.events)-1 {
				s.fault("something happened after the end")
			}
		}
	}
	if s.asked {
		stats.signals++
	}
	switch {
	case main != 0 || last == nil:
		s.fault("ended with a child")
		return
	case st == last.Status:
	case between && s.asked && (st.Signal == syscall.SIGTERM || st.Signal == syscall.SIGINT || st.Signal == syscall.SIGHUP):
		// a signal that came when there was no child to take it
	default:
		s.fault("status %v, the child's was %v", st, last.Status)
	}
	said := -1 // one trap may come on top of another: its last word counts
	for _, p := range recorded(filepath.Join(s.dir, "ends")) {
		if p[0] == last.PID {
			said = p[1]
		}
	}
	if said >= 0 && last.Status != exited(said) && last.Status.Signal == 0 {
		s.fault("child %d said it ends with %d, reported is %v", last.PID, said, last.Status)
	}
	s.checkDead(last.PID)
	// Process 1 leaves what its drain did not end to the kernel. Others leave what a child left that ended by itself.
	s.checkLeft(os.Getpid() == 1 || !stopped, stats)
}

// checkLeft ends what may be left, and complains about what may not.
func (s *schedule) checkLeft(allowed bool, stats *scheduleStats) {
	for first := true; ; first = false {
		left := 0
		for _, p := range processes() {
			if p.ppid == os.Getpid() {
				left++
				if first && !p.dead && !allowed {
					s.fault("process %d is left", p.pid)
				}
				if first && !p.dead {
					stats.left++
				}
				_ = killProcess(p.pid, syscall.SIGKILL)
			}
		}
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if err == syscall.ECHILD {
				return
			}
			if pid <= 0 {
				break
			}
			if first && !allowed && left == 0 {
				s.fault("zombie %d is left", pid)
			}
		}
		time.Sleep(time.Millisecond)
	}
}
