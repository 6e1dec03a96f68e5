package runner

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	reapRetry    = 2 * time.Millisecond
	reapRetryMax = 100 * time.Millisecond
	// A zombie in our group that nobody told us about may be one that os/exec is just about to wait for.
	strangerPatience = 5 * time.Second
)

// becomeSubreaper makes orphans of the tree our children instead of process 1's; undo ends that. The child does not
// inherit it.
func becomeSubreaper() (undo func(), err error) {
	var before int32
	_ = unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&before)), 0, 0, 0)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return func() {}, err
	}
	return func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, uintptr(before), 0, 0, 0) }, nil
}

// deathSignal ends the child when we are killed. TERM, not KILL: npm and shells pass it on.
func deathSignal(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }

// peek returns the first child that has ended, leaving it in place; 0 if none has.
func peek() (int, error) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err != syscall.EINTR {
			// si_pid is the first field of a union that is aligned like a pointer, after three ints.
			offset := (3*unsafe.Sizeof(info.Signo) + unsafe.Sizeof(uintptr(0)) - 1) &^ (unsafe.Sizeof(uintptr(0)) - 1)
			return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), offset))), err
		}
	}
}

// childless reports that we have no child at all, and so, as everybody's reaper, no descendant.
func (t *tree) childless() bool {
	_, err := peek()
	return t.subreaper && err == syscall.ECHILD
}

// reap collects orphans without taking away a status that somebody else waits for: os/exec waits for its processes by
// itself, and a plain wait4(-1) beside it loses one in six.
func (t *tree) reap(now time.Time, n *news) {
	t.reapAgain = time.Time{}
	for {
		pid, err := peek()
		if err != nil || pid == 0 {
			t.reapPause = 0
			clear(t.firstSeen)
			return
		}
		switch {
		case pid == t.pid && t.alive:
			t.waitChild(n)
		case pid == t.helperPID:
			t.waitHelper(n)
		case !t.reapOrphan(pid, now):
			t.reapBehind(now)
			t.reapPause = min(max(reapRetry, 2*t.reapPause), reapRetryMax)
			t.reapAgain = now.Add(t.reapPause)
			return
		}
	}
}

// reapOrphan waits for the zombie pid unless it is, or may be, somebody else's.
func (t *tree) reapOrphan(pid int, now time.Time) (reaped bool) {
	t.cfg.Helpers.do(func(known func(int) bool) {
		if known(pid) {
			return
		}
		if t.cfg.Mode != ModeInit && t.cfg.Helpers == nil { // an init runs nothing beside the child
			pgid, err := unix.Getpgid(pid)
			if err == nil && pgid == t.us {
				if first, ok := t.firstSeen[pid]; !ok {
					t.firstSeen[pid] = now
					return
				} else if now.Sub(first) < strangerPatience {
					return
				}
			}
		}
		delete(t.firstSeen, pid)
		_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		reaped = true
	})
	return reaped
}

// reapBehind collects the orphans behind a zombie that has to stay for its owner.
func (t *tree) reapBehind(now time.Time) {
	us := os.Getpid()
	for _, p := range processes() {
		if p.dead && p.ppid == us && p.pid != t.pid && p.pid != t.helperPID {
			t.reapOrphan(p.pid, now)
		}
	}
}
