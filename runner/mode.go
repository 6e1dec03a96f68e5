package runner

import (
	"errors"
	"path/filepath"
	"slices"
)

// Mode is the way the command runs.
type Mode string

const (
	// ModeAuto lets [Choose] decide.
	ModeAuto Mode = "auto"
	// ModeExec replaces the process: [Exec].
	ModeExec Mode = "exec"
	// ModeInit stays as an init: forwards signals, reaps orphans, drains at the end. [Supervise] without changes.
	ModeInit Mode = "init"
	// ModeSupervise stays as a parent that acts on changes: [Supervise].
	ModeSupervise Mode = "supervise"
)

// ErrExecWithParent is a contradiction of the caller's flags: exec leaves nobody behind who could watch or mask.
var ErrExecWithParent = errors.New("mode exec leaves no parent behind: it cannot be combined with watching or masking")

// Choose resolves a requested mode. needParent says that something has to be done after the start; path is the command as
// [Lookup] found it.
//
// Process 1 is special: the kernel drops every signal for it that it has no handler for, and orphans become its children.
// An application is not made for that, an init is: a command that is itself an init is exec'd even then, because it
// insists on being process 1.
func Choose(requested Mode, pid int, path string, needParent bool) (Mode, error) {
	switch {
	case requested == ModeExec && needParent:
		return "", ErrExecWithParent
	case !canExec || needParent || requested == ModeSupervise:
		return ModeSupervise, nil
	case requested == ModeInit:
		return ModeInit, nil
	case requested == ModeExec || pid != 1 || IsInit(path):
		return ModeExec, nil
	}
	return ModeInit, nil
}

var inits = []string{"tini", "tini-static", "dumb-init", "catatonit", "docker-init", "init", "systemd", "s6-svscan", "runsvdir"}

// IsInit reports whether the command at path is itself an init for process 1.
func IsInit(path string) bool {
	return slices.Contains(inits, filepath.Base(path))
}
