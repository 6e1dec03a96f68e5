//go:build linux

package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// roleProbe prints who it is.
func roleProbe([]string) {
	fmt.Printf("pid=%d ppid=%d pgrp=%d\n", os.Getpid(), os.Getppid(), unix.Getpgrp())
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

// runHelpers runs n short processes by os/exec, as a credential helper would, and checks that no status is lost. When all
// have ended there is a file "helped"; the function that it returns waits for that.
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
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		group.Wait()
		fmt.Printf("helpers=%d lost=%d\n", n, lost)
		_ = os.WriteFile("helped", nil, 0o600)
	}()
	return func() { <-finished }
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

// roleName prints the name it was called by.
func roleName([]string) { fmt.Println(os.Args[0]) }

// roleFlags prints what only a system call tells.
func roleFlags([]string) {
	dumpable, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	var subreaper int32
	_ = unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&subreaper)), 0, 0, 0)
	fmt.Printf("dumpable=%d subreaper=%d\n", dumpable, subreaper)
}

// roleFds prints the open files, without the runtime's own, with their flags.
func roleFds([]string) {
	for fd := range 64 {
		target, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err != nil || strings.HasPrefix(target, "anon_inode:") {
			continue
		}
		if i := strings.IndexByte(target, ':'); i >= 0 {
			target = target[:i] // a pipe is another one in every run
		}
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		fmt.Printf("fd %d flags %#x %s\n", fd, flags, target)
	}
}

// roleScrub scrubs variables and prints what /proc shows afterwards.
func roleScrub(names []string) {
	if err := ScrubEnviron(names...); err != nil {
		failRole(err)
	}
	shown, err := os.ReadFile("/proc/self/environ")
	if err != nil {
		failRole(err)
	}
	fmt.Printf("%s\ntoken from Getenv: %d\n", shown, len(os.Getenv("INFISICAL_TOKEN")))
}

// roleOrphans makes n orphans, rounds times, that end at once, and then counts the zombies of its parent, or of
// the process ZOMBIES_OF. Status 42.
func roleOrphans(args []string) {
	var n, rounds int
	_, _ = fmt.Sscan(args[0], &n)
	_, _ = fmt.Sscan(args[1], &rounds)
	for range rounds {
		// The subshell ends at once, so what it started is orphaned.
		cmd := exec.Command("/bin/sh", "-c", fmt.Sprintf("i=0; while [ $i -lt %d ]; do (: & ) ; i=$((i+1)); done", n))
		if err := cmd.Run(); err != nil {
			failRole(err)
		}
	}
	parent := os.Getppid()
	if n, err := strconv.Atoi(os.Getenv("ZOMBIES_OF")); err == nil {
		parent = n
	}
	patience := 20 * time.Second
	if d, err := time.ParseDuration(os.Getenv("ZOMBIE_PATIENCE")); err == nil {
		patience = d
	}
	zombies := 0
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		zombies = 0
		for _, p := range processes() {
			if p.ppid == parent && p.dead {
				zombies++
			}
		}
		if zombies == 0 {
			break
		}
	}
	fmt.Printf("zombies=%d\n", zombies)
	os.Exit(42)
}

// roleThreads supervises a command while other goroutines end with their threads.
func roleThreads(args []string) {
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			var locked sync.WaitGroup
			for range 4 {
				locked.Go(func() { runtime.LockOSThread() }) // never unlocked: the thread ends
			}
			locked.Wait()
		}
	})
	path, err := LookupIn(args[0], os.Environ())
	if err != nil {
		failRole(err)
	}
	result := make(chan func())
	go func() {
		st, err := Supervise(context.Background(), Config{Path: path, Argv: args, Env: os.Environ()})
		result <- func() { finish(st, err) }
	}()
	done := <-result
	close(stop)
	group.Wait()
	done()
}
