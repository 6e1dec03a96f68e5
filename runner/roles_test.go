//go:build linux

package runner

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// roleProbe prints what a process inherits.
func roleProbe(args []string) {
	if len(args) > 0 && args[0] == "-ids" {
		fmt.Printf("pid=%d ppid=%d pgrp=%d\n", os.Getpid(), os.Getppid(), unix.Getpgrp())
	}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		for _, key := range []string{"SigBlk:", "SigIgn:", "Umask:"} {
			if strings.HasPrefix(line, key) {
				fmt.Print(line)
			}
		}
	}
	limits, _ := os.ReadFile("/proc/self/limits") // Go raises its own soft limit back before exec only
	for line := range strings.Lines(string(limits)) {
		if strings.HasPrefix(line, "Max core") {
			fmt.Print(line)
		}
	}
	dumpable, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	fmt.Printf("dumpable=%d\n", dumpable)
	var subreaper int32
	_ = unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&subreaper)), 0, 0, 0)
	fmt.Printf("subreaper=%d\n", subreaper)
	cwd, _ := os.Getwd()
	nice, _ := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	fmt.Printf("cwd=%s nice=%d\n", cwd, nice)
	fds, _ := filepath.Glob("/proc/self/fd/*")
	sort.Strings(fds)
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err != nil || strings.HasPrefix(target, "anon_inode:") { // the runtime's own poller
			continue
		}
		if strings.Contains(target, "/proc/") {
			continue
		}
		var n int
		_, _ = fmt.Sscanf(filepath.Base(fd), "%d", &n)
		flags, _ := unix.FcntlInt(uintptr(n), unix.F_GETFL, 0)
		fmt.Printf("fd %d flags %#x %s\n", n, flags, target)
	}
}

// roleBurst prints "ready", then the number of each signal it gets, and ends by SIGTERM with status 3, or when the time is up.
func roleBurst(args []string) {
	ch := make(chan os.Signal, 256)
	signal.Notify(ch)
	fmt.Printf("ready %d\n", os.Getpid())
	end := time.After(60 * time.Second)
	for {
		select {
		case s := <-ch:
			n := s.(syscall.Signal)
			if n == syscall.SIGURG && len(args) == 0 { // our own runtime's, or not: see the test of it
				continue
			}
			fmt.Printf("got %d\n", int(n))
			if n == syscall.SIGTERM {
				os.Exit(3)
			}
		case <-end:
			os.Exit(4)
		}
	}
}

// roleStatus runs a command and prints its raw end: "exit 3" or "signal 15 core=false", and how long it took. First argument
// ignore:N,... ignores signals before.
func roleStatus(args []string) {
	if list, ok := strings.CutPrefix(args[0], "ignore:"); ok {
		args = args[1:]
		for name := range strings.SplitSeq(list, ",") {
			s, err := ParseSignal(name)
			if err != nil {
				failRole(err)
			}
			signal.Ignore(s)
		}
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		failRole(err)
	}
	pid, err := syscall.ForkExec(path, args, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		failRole(err)
	}
	for {
		var ws syscall.WaitStatus
		_, err := syscall.Wait4(pid, &ws, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			// With SIGCHLD ignored the kernel keeps no status.
			fmt.Println("gone")
		} else if ws.Signaled() {
			fmt.Printf("signal %d core=%v\n", ws.Signal(), ws.CoreDump())
		} else {
			fmt.Printf("exit %d\n", ws.ExitStatus())
		}
		return
	}
}

// runHelpers runs n short processes by os/exec, as a credential helper would, and checks that no status is lost. The
// function that it returns waits for all of them.
func runHelpers(n int, registry *Helpers) (wait func()) {
	var group sync.WaitGroup
	if n == 0 {
		return func() {}
	}
	run := func(cmd *exec.Cmd) error { return cmd.Run() }
	if registry != nil {
		run = registry.Run
	}
	var mu sync.Mutex
	lost := 0
	for worker := range 4 {
		group.Go(func() {
			for i := worker; i < n; i += 4 {
				err := run(exec.Command("/bin/sh", "-c", fmt.Sprintf("exit %d", i%7)))
				code := 0
				if e, ok := errors.AsType[*exec.ExitError](err); ok {
					code = e.ExitCode()
				} else if err != nil {
					code = -1
				}
				if code != i%7 {
					mu.Lock()
					lost++
					mu.Unlock()
				}
			}
		})
	}
	return func() {
		group.Wait()
		fmt.Printf("helpers=%d lost=%d\n", n, lost)
	}
}

func goroutineNames() int { return runtime.NumGoroutine() }

// leftBehind says what a finished Supervise has left of itself in the process.
func leftBehind(goroutines int) string {
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > goroutines+1 && time.Now().Before(deadline) { // os/signal keeps one for itself
		runtime.Gosched()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "goroutines=%d\n", max(0, runtime.NumGoroutine()-goroutines-1))
	zombies := 0
	for _, p := range processes() {
		if p.ppid == os.Getpid() && p.dead {
			zombies++
		}
	}
	fmt.Fprintf(&b, "zombies=%d\n", zombies)
	names, _ := os.ReadDir("/proc/self/fd")
	for _, name := range names {
		target, err := os.Readlink("/proc/self/fd/" + name.Name())
		if err == nil && !strings.HasPrefix(target, "anon_inode:") && len(name.Name()) > 0 {
			fmt.Fprintf(&b, "fd=%s %s\n", name.Name(), target)
		}
	}
	return b.String()
}
