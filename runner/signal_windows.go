package runner

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// terminating are the signals that ask a process to end: Ctrl-C, and a closing console.
var terminating = []os.Signal{syscall.SIGTERM, syscall.SIGINT}

// lethal are those that end a process which has no handler for them.
var lethal = terminating

var signalNames = map[syscall.Signal]string{
	syscall.SIGHUP: "HUP", syscall.SIGINT: "INT", syscall.SIGQUIT: "QUIT", syscall.SIGKILL: "KILL", syscall.SIGTERM: "TERM",
}

// ParseSignal reads a signal name. Windows has no signals: the names choose how hard the child is asked to end.
func ParseSignal(name string) (syscall.Signal, error) {
	upper := strings.TrimPrefix(strings.ToUpper(name), "SIG")
	for s, n := range signalNames {
		if n == upper || strconv.Itoa(int(s)) == upper {
			return s, nil
		}
	}
	return 0, fmt.Errorf("signal %q: unknown name", name)
}

// SignalName is the short name of a signal: TERM.
func SignalName(s syscall.Signal) string {
	if n, ok := signalNames[s]; ok {
		return n
	}
	return strconv.Itoa(int(s))
}
