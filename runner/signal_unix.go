//go:build unix

package runner

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminating are the signals that ask a process to end.
var terminating = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT}

// lethal are those that end a process which has no handler for them, as a program that is still to be started has none.
// The Go runtime would swallow the last three.
var lethal = append(terminating[:len(terminating):len(terminating)], syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM)

// ParseSignal reads a signal the way kill(1) does: TERM, SIGTERM, 15, and on Linux RTMIN+3, RTMAX-1.
func ParseSignal(name string) (syscall.Signal, error) {
	n, err := strconv.Atoi(name)
	if err == nil {
		if n < 1 || n > maxSignal {
			return 0, fmt.Errorf("signal %d: out of range", n)
		}
		return syscall.Signal(n), nil
	}
	upper := strings.TrimPrefix(strings.ToUpper(name), "SIG")
	if s := unix.SignalNum("SIG" + upper); s != 0 {
		return s, nil
	}
	if s, ok := realTimeSignal(upper); ok {
		return s, nil
	}
	return 0, fmt.Errorf("signal %q: unknown name", name)
}

// SignalName is the short name of a signal: TERM, RTMIN+3.
func SignalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	if maxSignal == 64 && s > rtMin && s <= maxSignal {
		return fmt.Sprintf("RTMIN+%d", int(s)-rtMin)
	}
	return strconv.Itoa(int(s))
}

// rtMin is the first real-time signal a C program sees on Linux: the library keeps 32 and 33.
const rtMin = 34

func realTimeSignal(name string) (syscall.Signal, bool) {
	if maxSignal < 64 {
		return 0, false
	}
	base, offset := 0, ""
	if rest, ok := strings.CutPrefix(name, "RTMIN"); ok {
		base, offset = rtMin, rest
	} else if rest, ok := strings.CutPrefix(name, "RTMAX"); ok {
		base, offset = maxSignal, rest
	} else {
		return 0, false
	}
	if offset == "" {
		return syscall.Signal(base), true
	}
	if offset[0] != '+' && offset[0] != '-' {
		return 0, false
	}
	d, err := strconv.Atoi(offset)
	if n := base + d; err == nil && n >= rtMin && n <= maxSignal {
		return syscall.Signal(n), true
	}
	return 0, false
}
