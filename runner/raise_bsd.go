//go:build unix && !linux

package runner

import (
	"os/signal"
	"syscall"
	"time"
)

// Raise makes the process die of the signal. Go gives back the default action of SIGHUP, SIGINT and SIGTERM only, and
// SIGKILL needs none: for every other signal it returns, and the caller ends with 128+n.
func Raise(sig syscall.Signal) {
	switch sig {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM:
		signal.Reset(sig)
	case syscall.SIGKILL:
	default:
		return
	}
	if syscall.Kill(syscall.Getpid(), sig) == nil {
		time.Sleep(time.Second) // delivered to any thread, at any moment now
	}
}
