package runner

import (
	"fmt"
	"syscall"
)

// Status is how a child ended: by exiting with Code, or by Signal.
type Status struct {
	Code   int
	Signal syscall.Signal
}

// ExitCode is the status as a shell shows it: the code, or 128+n for signal n. Dying of the signal itself, see [Raise],
// tells more: a shell's loop is ended by Ctrl-C only if the job died of SIGINT.
func (s Status) ExitCode() int {
	if s.Signal != 0 {
		return 128 + int(s.Signal)
	}
	return s.Code
}

// String says how the child ended, for a log line.
func (s Status) String() string {
	if s.Signal != 0 {
		return "signal " + SignalName(s.Signal)
	}
	return fmt.Sprintf("exit status %d", s.Code)
}

// failed reports whether the end looks like trouble rather than a finished job.
func (s Status) failed() bool { return s.Code != 0 || s.Signal != 0 }

// interrupted reports whether the child died of what a terminal sends (Ctrl-C, Ctrl-\, the end of the line), or says so
// the way shells do.
func (s Status) interrupted() bool {
	switch s.Signal {
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP:
		return true
	}
	return s.Code == 128+int(syscall.SIGINT)
}

// StartError says that the command could not be started. Status is what a shell, env(1) and timeout(1) use for it: 127
// when the command, or the interpreter of its #! line, does not exist, 126 for everything else the kernel says.
type StartError struct {
	Command string // as typed
	Status  int
	Err     error
}

func (e *StartError) Error() string { return e.Command + ": " + e.Err.Error() }

func (e *StartError) Unwrap() error { return e.Err }
