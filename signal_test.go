//go:build unix

package main

import (
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// signalNames are the signals that scripts speak of.
func signalNames() map[string]syscall.Signal {
	return map[string]syscall.Signal{
		"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "KILL": syscall.SIGKILL,
		"TERM": syscall.SIGTERM, "USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2, "ABRT": syscall.SIGABRT,
		"SEGV": syscall.SIGSEGV, "PIPE": syscall.SIGPIPE, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT,
	}
}

func signalName(sig syscall.Signal) string {
	for name, s := range signalNames() {
		if s == sig {
			return "SIG" + name
		}
	}
	return sig.String()
}

func signalNumber(ts *testscript.TestScript, name string) syscall.Signal {
	sig, ok := signalNames()[strings.TrimPrefix(name, "SIG")]
	if !ok {
		ts.Fatalf("unknown signal %s", name)
	}
	return sig
}
