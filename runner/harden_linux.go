package runner

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden closes the process to others of the same user while it holds secrets: no core file, no ptrace, no reading of
// /proc/PID/{environ,mem,maps,fd}. Root still can. execve undoes it, so the child is as it would be without us; that is
// why it is this and not a core limit, which would be inherited.
func Harden() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("setting the process not dumpable: %w", err)
	}
	return nil
}
