//go:build unix

package runner

import (
	"errors"
	"os"
	"strconv"
	"strings"
)

// ShimArg is the first argument with which [Supervise] starts the program itself in the child's place. A few variables
// have to hold the child's own process id, which nobody knows before the fork: the paths of Config.Files, and LISTEN_PID
// and WATCHDOG_PID where they named us. Package main looks for it before it does anything else:
//
//	if len(os.Args) > 1 && os.Args[1] == runner.ShimArg {
//		err := runner.Shim(os.Args, os.Environ()) // returns only if it failed
//		...
//	}
const ShimArg = "__shim"

var errShim = errors.New("internal command line")

// Shim puts the own process id where it belongs and becomes the command. args is: program, ShimArg, path, a count, that
// many NAME=FD or NAME= (the plain process id), and the command as typed with its arguments.
func Shim(args, env []string) error {
	if len(args) < 5 {
		return startError(ShimArg, errShim)
	}
	path := args[2]
	count, err := strconv.Atoi(args[3])
	if err != nil || count < 0 || len(args) < 5+count {
		return startError(ShimArg, errShim)
	}
	for _, entry := range args[4 : 4+count] {
		i := strings.LastIndexByte(entry, '=')
		if i < 1 {
			return startError(ShimArg, errShim)
		}
		name, value := entry[:i], strconv.Itoa(os.Getpid())
		if fd := entry[i+1:]; fd != "" {
			value = "/proc/" + value + "/fd/" + fd
		}
		env = withVariable(env, name, value)
	}
	return Exec(path, args[4+count:], env)
}

// shimNames lists what only the child itself can know; nothing in nearly all cases.
func shimNames(c *Change) []string {
	var names []string
	for _, f := range c.Files {
		names = append(names, f.Variable+"="+strconv.Itoa(int(f.File.Fd())))
	}
	us := strconv.Itoa(os.Getpid())
	for _, entry := range c.Env {
		if entry == "LISTEN_PID="+us || entry == "WATCHDOG_PID="+us {
			name, _, _ := strings.Cut(entry, "=")
			names = append(names, name+"=")
		}
	}
	return names
}

func shimCommand(path string, argv, names []string) (string, []string) {
	args := []string{"infuse", ShimArg, path, strconv.Itoa(len(names))}
	return selfPath(), append(append(args, names...), argv...)
}

func selfPath() string {
	const self = "/proc/self/exe" // the program itself, even when its file was replaced meanwhile
	if _, err := os.Lstat(self); err == nil {
		return self
	}
	if path, err := os.Executable(); err == nil {
		return path
	}
	return os.Args[0]
}

// withVariable sets name once.
func withVariable(env []string, name, value string) []string {
	kept := make([]string, 0, len(env)+1)
	for _, entry := range env {
		if key, _, _ := strings.Cut(entry, "="); key != name {
			kept = append(kept, entry)
		}
	}
	return append(kept, name+"="+value)
}
