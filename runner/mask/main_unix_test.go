//go:build linux || darwin

package mask_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"infuse/fetch/secret"
	"infuse/runner/mask"
)

// TestMain lets the test binary stand in for the program: with MASK_TEST_WRAP
// it runs its arguments behind Streams, with the few rules that a runner needs.
func TestMain(m *testing.M) {
	if os.Getenv("MASK_TEST_WRAP") == "1" {
		os.Exit(wrap(os.Args[1:]))
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // a second for each process that ends
	os.Exit(m.Run())
}

const hidden = "hunter2hunter2"

func wrap(argv []string) int {
	os.Unsetenv("MASK_TEST_WRAP")
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return complain(err)
	}
	streams, err := mask.Open(mask.Config{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Matcher: mask.New([]secret.Value{secret.New(hidden)}),
	})
	if err != nil {
		return complain(err)
	}
	child, err := streams.Child()
	if err != nil {
		return complain(err)
	}
	if child.Fallback != nil {
		return complain(child.Fallback)
	}
	attr := &syscall.ProcAttr{Env: os.Environ(), Sys: &syscall.SysProcAttr{}}
	if child.Session {
		attr.Sys.Setsid, attr.Sys.Setctty, attr.Sys.Ctty = true, true, 0
	}
	for _, f := range child.Files {
		attr.Files = append(attr.Files, f.Fd())
	}
	fmt.Fprintf(streams.Log(os.Stderr), "session %v\n", child.Session)
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGINT, syscall.SIGCHLD)
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		child.Abort()
		return complain(err)
	}
	child.Started(pid)
	for {
		select {
		case <-child.Suspended():
			_ = syscall.Kill(-pid, syscall.SIGSTOP)
			child.Suspend()
			_ = syscall.Kill(0, syscall.SIGTSTP)
		case sig := <-signals:
			switch sig {
			case syscall.SIGWINCH:
				fmt.Fprintln(streams.Log(os.Stderr), "resizing")
				child.Resize()
			case syscall.SIGCONT:
				child.Resume()
				if child.Session {
					_ = syscall.Kill(-pid, syscall.SIGCONT)
				}
			case syscall.SIGCHLD:
				var status syscall.WaitStatus
				if got, _ := syscall.Wait4(pid, &status, syscall.WNOHANG, nil); got != pid {
					continue
				}
				if err := child.Wait(); err != nil {
					complain(err)
				}
				if err := streams.Close(); err != nil {
					return complain(err)
				}
				if status.Signaled() {
					return 128 + int(status.Signal())
				}
				return status.ExitStatus()
			}
		}
	}
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "wrap:", err)
	return 125
}
