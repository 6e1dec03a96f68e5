package runner

import (
	"os/exec"
	"sync"
)

// Helpers runs short processes beside a supervised child, credential helpers for example, such that [Supervise] neither
// takes their exit status away nor stops them with the child's tree. The zero value is ready.
//
// All of them have to go through it: what it does not know is an orphan, and collected at once. Without it, processes that
// os/exec starts elsewhere in the program are told from the child's by their process group, which works unless the child
// shares ours, and what they leave behind stays a zombie for some seconds.
type Helpers struct {
	mu   sync.Mutex
	pids map[int]bool
}

// Run is cmd.Run.
func (h *Helpers) Run(cmd *exec.Cmd) error {
	if err := h.start(cmd); err != nil {
		return err
	}
	pid := cmd.Process.Pid
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.pids, pid)
	}()
	return cmd.Wait()
}

// start holds the lock over the fork, so that the process is known before anybody can look at it.
func (h *Helpers) start(cmd *exec.Cmd) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	if h.pids == nil {
		h.pids = map[int]bool{}
	}
	h.pids[cmd.Process.Pid] = true
	return nil
}

// do calls f with a test for the processes that are running now; none starts meanwhile. A nil Helpers knows none.
func (h *Helpers) do(f func(known func(pid int) bool)) {
	if h == nil {
		f(func(int) bool { return false })
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	f(func(pid int) bool { return h.pids[pid] })
}
