package runner

import (
	"os"
	"syscall"
)

// forwarded is passed on one to one. Missing on purpose: CHLD, URG and PROF are used by the runtime; TSTP, TTIN and TTOU
// could never be given back (signal.Reset leaves the handler of those in place) and are what job control stops us with;
// PIPE and the faults concern the process itself.
var forwarded = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM,
	syscall.SIGWINCH, syscall.SIGIO, syscall.SIGPWR, syscall.SIGXCPU, syscall.SIGXFSZ, syscall.SIGVTALRM,
}

// realTimeSignals are those after RTMIN, which Go keeps; systemd uses some of them.
func realTimeSignals() []os.Signal {
	var list []os.Signal
	for n := rtMin + 1; n <= maxSignal; n++ {
		list = append(list, syscall.Signal(n))
	}
	return list
}
