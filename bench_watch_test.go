//go:build unix

package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"infuse/fetch/devserver"
)

// benchWatcher is an infuse that stays, with a child that says its environment's CHANGED.
type benchWatcher struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	stop  func()
}

func startWatcher(t *testing.T, s *benchServer, infuse string, flags ...string) *benchWatcher {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	flags = append(append([]string{"run"}, flags...), "--", "sh", "-c", `echo "$CHANGED"; exec sleep 3600`)
	w := &benchWatcher{cmd: exec.Command(infuse, flags...), lines: bufio.NewScanner(read)}
	w.cmd.Env, w.cmd.Stdout, w.cmd.Stderr = s.env, write, io.Discard
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	w.stop = sync.OnceFunc(func() {
		_ = w.cmd.Process.Signal(syscall.SIGTERM)
		_ = w.cmd.Wait()
		read.Close()
	})
	t.Cleanup(w.stop)
	w.said(t)
	return w
}

// said is the child's next line.
func (w *benchWatcher) said(t *testing.T) string {
	t.Helper()
	if !w.lines.Scan() {
		t.Error("the child is gone")
	}
	return w.lines.Text()
}

// benchWait measures the parent that waits: what it holds, and what it does.
func benchWait(t *testing.T, infuse string) {
	wait, err := time.ParseDuration(cmp.Or(os.Getenv("WAIT"), "20s"))
	if err != nil {
		t.Fatalf("WAIT: %v", err)
	}
	printHead(fmt.Sprintf("The parent that waits, over %s, 40 secrets", wait),
		"mode", "over", "checks", "RSS", "private, dirty", "threads", "CPU", "context switches")
	type watched struct {
		name, over string
		server     *benchServer
		pid        int
		began      idle
		checks     int
	}
	var all []watched
	for _, c := range []struct {
		interval time.Duration
		secure   bool
	}{{time.Minute, false}, {time.Minute, true}, {24 * time.Hour, true}} {
		s := startBenchServer(t, 40, c.secure)
		w := startWatcher(t, s, infuse, "--watch", "--watch-interval", c.interval.String())
		all = append(all, watched{"run --watch-interval " + strings.TrimSuffix(c.interval.String(), "0s"), transportName(c.secure), s, w.cmd.Process.Pid, idle{}, 0})
	}
	time.Sleep(3 * time.Second) // until the start is over
	for i := range all {
		all[i].began, all[i].checks = readIdle(t, all[i].pid), listCount(all[i].server)
	}
	time.Sleep(wait)
	for _, w := range all {
		now := readIdle(t, w.pid)
		printRow(w.name, w.over, listCount(w.server)-w.checks, now.rss, now.dirty, now.threads, ms(now.cpu-w.began.cpu), now.switches-w.began.switches)
	}
	w := startWatcher(t, startBenchServer(t, 40, false), infuse)
	if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", w.cmd.Process.Pid)); err != nil || string(name) != "sh\n" && string(name) != "sleep\n" {
		t.Errorf("after execve the process is %q, %v", name, err)
	}
	printRow("run (execve)", "", "", "0", "0", "0", "0", "0")
}

func listCount(s *benchServer) int { return s.Count("GET /api/v4/secrets") }

// idle is what /proc tells of a process.
type idle struct {
	rss, dirty string
	threads    int
	cpu        time.Duration
	switches   int
}

func readIdle(t *testing.T, pid int) (i idle) {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d/", pid)
	i.rss, i.dirty = megabytes(procField(proc+"status", "VmRSS:")), megabytes(procField(proc+"smaps_rollup", "Private_Dirty:"))
	tasks, _ := filepath.Glob(proc + "task/*")
	for _, task := range tasks {
		i.threads++
		body, _ := os.ReadFile(task + "/schedstat")
		nanoseconds, _, _ := strings.Cut(string(body), " ")
		spent, _ := strconv.ParseInt(nanoseconds, 10, 64)
		i.cpu += time.Duration(spent)
		i.switches += procField(task+"/status", "voluntary_ctxt_switches:") + procField(task+"/status", "nonvoluntary_ctxt_switches:")
	}
	return i
}

func megabytes(kilobytes int) string {
	if kilobytes == 0 {
		return "-" // not readable for this user: infuse is not dumpable
	}
	return fmt.Sprintf("%.1f MiB", float64(kilobytes)/1024)
}

func procField(file, name string) int {
	body, _ := os.ReadFile(file)
	for line := range strings.Lines(string(body)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			n, _ := strconv.Atoi(fields[1])
			return n
		}
	}
	return 0
}

// benchChange measures from a change on the server to the new child.
func benchChange(t *testing.T, infuse string) {
	runs := benchRuns(t)
	printHead(fmt.Sprintf("From a change on the server to the new child; median, least and most of %d", runs), "how", "median", "least", "most")

	// Each change meets a watcher of its own: restarts that follow each other are spaced out.
	s := startBenchServer(t, 40, false)
	var times []time.Duration
	for run := range runs {
		for s.Streams() > 0 { // of the watcher before
			time.Sleep(10 * time.Millisecond)
		}
		looks := listCount(s)
		w := startWatcher(t, s, infuse, "--watch")
		for s.Streams() == 0 || listCount(s) < looks+2 { // the start, and the look that follows the subscription
			time.Sleep(10 * time.Millisecond)
		}
		began := time.Now()
		s.project.Set("dev", "/", "CHANGED", fmt.Sprint(run))
		if said := w.said(t); said != fmt.Sprint(run) {
			t.Errorf("the new child says %q", said)
		}
		times = append(times, time.Since(began))
		w.stop()
	}
	printChange("project events", times)

	// Polls fall anywhere in the interval: one change meets watchers of every phase.
	polled := startBenchServer(t, 40, false)
	polled.SetEvents(devserver.EventsAbsent)
	watchers := make([]*benchWatcher, runs)
	for i := range watchers {
		watchers[i] = startWatcher(t, polled, infuse, "--watch", "--watch-interval", "5s")
		time.Sleep(5 * time.Second / time.Duration(runs))
	}
	times = make([]time.Duration, runs)
	began := time.Now()
	polled.project.Set("dev", "/", "CHANGED", "yes")
	var group sync.WaitGroup
	for i, w := range watchers {
		group.Go(func() {
			w.said(t)
			times[i] = time.Since(began)
		})
	}
	group.Wait()
	printChange("polling, every 5 s", times)
}

func printChange(how string, times []time.Duration) {
	same := func(d time.Duration) time.Duration { return d }
	least, most := times[0], times[0]
	for _, d := range times {
		least, most = min(least, d), max(most, d)
	}
	round := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	printRow(how, round(median(times, same)), round(least), round(most))
}
