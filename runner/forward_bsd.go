//go:build unix && !linux

package runner

import (
	"os"
	"syscall"
)

// forwarded is passed on one to one. Missing on purpose: CHLD, URG and PROF are used by the runtime; TSTP, TTIN and TTOU
// could never be given back and are what job control stops us with; PIPE and the faults concern the process itself.
var forwarded = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM,
	syscall.SIGWINCH, syscall.SIGIO, syscall.SIGXCPU, syscall.SIGXFSZ, syscall.SIGVTALRM,
}

func realTimeSignals() []os.Signal { return nil }
