//go:build unix

package runner

import (
	"os"
	"strconv"
	"syscall"
	"time"
)

// ChildPIDVariable tells an on-change command which process the child is.
const ChildPIDVariable = "INFUSE_CHILD_PID"

// helperPatience is how long an on-change command gets to end when the child is gone.
const helperPatience = 2 * time.Second

// runHelper starts an on-change command: in a group of its own, nothing to read, and what it prints goes to our stderr,
// since stdout belongs to the child.
func (t *tree) runHelper(c *Change) error {
	if len(c.Command) == 0 {
		return startError("", syscall.ENOENT)
	}
	path, err := LookupIn(c.Command[0], c.Env)
	if err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	output, err := t.helperOutput.open(t.cfg.Streams)
	if err != nil {
		return err
	}
	defer t.helperOutput.started()
	stderr := uintptr(2)
	if output != nil {
		stderr = output.Fd()
	}
	env := append(c.Env[:len(c.Env):len(c.Env)], ChildPIDVariable+"="+strconv.Itoa(t.pid))
	attr := &syscall.ProcAttr{Env: env, Files: []uintptr{null.Fd(), stderr, stderr}, Sys: &syscall.SysProcAttr{Setpgid: true}}
	deathSignal(attr.Sys)
	pid, err := syscall.ForkExec(path, c.Command, attr)
	if err == syscall.ENOEXEC && isScript(path) {
		pid, err = syscall.ForkExec(shell, scriptArgs(path, c.Command), attr)
	}
	if err != nil {
		t.helperOutput.ended()
		return execError(path, c.Command[0], err)
	}
	t.helperPID = pid
	return nil
}

func (t *tree) waitHelper(n *news) {
	for t.helperPID != 0 {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(t.helperPID, &ws, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err == nil && pid != t.helperPID {
			return
		}
		t.helperPID = 0
		t.helperOutput.ended()
		n.helperExited = true
		if err == nil {
			n.helper = statusOf(ws)
		}
	}
}

func (t *tree) endHelper() {
	if t.helperPID == 0 {
		return
	}
	group := t.helperPID
	_ = killGroup(group, syscall.SIGTERM)
	limit := time.NewTimer(helperPatience)
	defer limit.Stop()
	for t.helperPID != 0 {
		var n news
		t.waitHelper(&n)
		if t.helperPID == 0 {
			return
		}
		select {
		case <-t.childEvents:
		case <-limit.C:
			_ = killGroup(group, syscall.SIGKILL)
		}
	}
}
