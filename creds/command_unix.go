//go:build unix

package creds

import (
	"os/exec"
	"syscall"
)

// gentleCancel asks the command to end when its time is over, so that a wrapper
// script can clean up; a second later it is killed. It stays in our process
// group: a prompt on the terminal needs that, and so does Ctrl-C.
func gentleCancel(cmd *exec.Cmd) {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
}
