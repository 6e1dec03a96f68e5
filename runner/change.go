package runner

import (
	"os"
	"syscall"
	"time"
)

// Action is what a [Change] asks for.
type Action string

const (
	// ActionRestart stops the whole tree of the child and starts the command again in the new environment.
	ActionRestart Action = "restart"
	// ActionSignal sends Change.Signal to the child. Its environment stays as it is: this is for secrets in files.
	ActionSignal Action = "signal"
	// ActionExec runs Change.Command in the new environment, beside the child.
	ActionExec Action = "exec"
	// ActionExit stops the whole tree and ends with the child's status.
	ActionExit Action = "exit"
	// ActionNone does nothing.
	ActionNone Action = "none"
	// ActionCancel says that the environment is again the one that the running child has: an action that has not begun
	// yet is dropped, and a start that is due uses this environment.
	ActionCancel Action = "cancel"
)

// Change is a new environment and what to do about it. A change replaces an earlier one that is still waiting; those that
// come while the tree is being stopped lead to one start, with the last of them.
type Change struct {
	Action  Action
	Env     []string
	Files   []File         // as Config.Files
	Signal  syscall.Signal // of ActionSignal
	Command []string       // of ActionExec: a command and its arguments, found on the PATH of Env
	Splay   time.Duration  // wait that long before acting; the earliest of several waiting changes counts
	Reason  string         // passed on to the events: names, never values
}

// File hands an open file to the child: Variable holds a path that the child and its children can open, /proc/PID/fd/N.
// The supervisor owns the file and closes it when no start can need it any more.
type File struct {
	Variable string
	File     *os.File
}

// EventKind says what happened.
type EventKind string

const (
	// EventStarted: the command runs, as Event.PID; Restarts counts the starts before.
	EventStarted EventKind = "started"
	// EventStopping: its tree is being stopped, because of Reason.
	EventStopping EventKind = "stopping"
	// EventStopped: the child ended, with Status; whether we wanted it or not.
	EventStopped EventKind = "stopped"
	// EventRolledBack: it ended so soon after a change that the environment before that change is used again.
	EventRolledBack EventKind = "rolled back"
	// EventSignalled: the signal of a change was sent.
	EventSignalled EventKind = "signalled"
	// EventHelper: the command of a change ended, with Status, or Err says why it did not start.
	EventHelper EventKind = "helper"
	// EventExiting: Supervise is about to return Status.
	EventExiting EventKind = "exiting"
)

// Event is something to show to the outside: a status file, systemd, a log.
type Event struct {
	Kind     EventKind
	Time     time.Time
	PID      int
	Status   Status
	Restarts int
	Reason   string
	Err      error
	Final    bool // of stopping and stopped: as things stand, nothing will be started afterwards
}
