//go:build unix

package runner

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pollInterval is how often a stop looks for what is left; processes that are not our children end without a word.
const pollInterval = 20 * time.Millisecond

// ending is a stop of the whole tree: signal, wait, kill what is left at the deadline.
type ending struct {
	drain    bool // process 1 at the end: everyone, and no kill at the deadline
	deadline time.Time
	next     time.Time
	told     map[identity]bool // have had the stop signal
	beyond   map[identity]bool // refuse our signals (EPERM): not waited for
	quiet    int               // looks in a row that found nothing
}

// identity is a process across reuses of its number.
type identity struct {
	pid   int
	start uint64
}

// stop begins to end the tree. The group gets the signal at once; what left the group gets it when the child is gone,
// which may want to end it by itself.
func (t *tree) stop(now time.Time) {
	e := &ending{
		deadline: now.Add(t.cfg.StopTimeout), next: now,
		told: map[identity]bool{}, beyond: map[identity]bool{},
	}
	t.ending = e
	t.resumes = time.Time{}
	all := t.descendants()
	group := t.us
	moved := 0 // an interactive shell that left our group
	if t.own {
		group = t.pgid
		_ = killGroup(t.pgid, t.cfg.StopSignal)
		_ = killGroup(t.pgid, syscall.SIGCONT)
	} else if t.alive {
		moved, _ = unix.Getpgid(t.pid)
	}
	if !t.alive && !t.own {
		return // what is left is told one by one
	}
	for _, p := range all {
		if p.pgid != group && p.pgid != moved && p.pid != t.pid {
			continue
		}
		if e.told[p.identity] = true; !t.own || p.pgid != t.pgid {
			t.tell(p)
		}
	}
	if !t.own && len(all) == 0 { // no list of processes on this system
		_ = killProcess(t.pid, t.cfg.StopSignal)
		_ = killProcess(t.pid, syscall.SIGCONT)
	}
}

// tell sends the stop signal, and wakes the process to take it.
func (t *tree) tell(p process) {
	t.note(p, killProcess(p.pid, t.cfg.StopSignal))
	_ = killProcess(p.pid, syscall.SIGCONT)
}

// note remembers a process that is beyond our power: set-user-id programs are.
func (t *tree) note(p process, err error) {
	if err == syscall.EPERM {
		t.ending.beyond[p.identity] = true
		t.cfg.Log.Warn("cannot stop process", "pid", p.pid)
	}
}

// drain is what process 1 does at the end: everybody is asked to end, and waited for. At the deadline the kernel does the
// rest, since nothing outlives process 1.
func (t *tree) drain(now time.Time) {
	t.ending = &ending{drain: true, deadline: now.Add(t.cfg.DrainTimeout), next: now}
	_ = killEveryone(syscall.SIGTERM)
	_ = killEveryone(syscall.SIGCONT)
}

func (t *tree) endingNext() time.Time {
	if t.ending == nil {
		return time.Time{}
	}
	return t.ending.next
}

// endingDone carries the stop on and reports whether it is complete.
func (t *tree) endingDone(now time.Time, touched bool) bool {
	e := t.ending
	if e == nil || !touched && now.Before(e.next) {
		return false
	}
	e.next = now.Add(pollInterval)
	if !t.look(now) {
		return false
	}
	t.ending = nil
	if !e.drain {
		t.pgid = 0 // its number may be given to others from now on
	}
	t.echoUntil = now.Add(30 * time.Millisecond)
	return true
}

func (t *tree) look(now time.Time) (done bool) {
	e := t.ending
	if !t.alive && t.childless() {
		return true
	}
	late := !now.Before(e.deadline)
	if e.drain {
		return late
	}
	var left []process
	if late || !t.alive {
		left = t.descendants()
	}
	group := t.own && t.groupExists(late)
	if !late {
		if t.alive {
			return false
		}
		for _, p := range left {
			if !e.told[p.identity] {
				e.told[p.identity] = true
				t.tell(p)
			}
		}
	} else {
		if group {
			_ = killGroup(t.pgid, syscall.SIGKILL)
		}
		for _, p := range left {
			t.note(p, killProcess(p.pid, syscall.SIGKILL))
		}
		if t.alive {
			_ = killProcess(t.pid, syscall.SIGKILL)
		}
	}
	if t.alive || group || len(left) > 0 {
		e.quiet = 0
		return false
	}
	// The list of processes is no snapshot: one that was born and orphaned while it was read may be missing.
	e.quiet++
	return e.quiet >= 2
}

// groupExists reports whether a process of the child's group is left. Zombies count until their parent reaps them.
func (t *tree) groupExists(late bool) bool {
	if t.pgid == 0 {
		return false
	}
	err := killGroup(t.pgid, 0)
	if err == syscall.ESRCH && !t.alive || err == syscall.EPERM && late {
		t.pgid = 0
		return false
	}
	return true
}

// descendants lists the living processes of the tree: everything below us that is no helper.
func (t *tree) descendants() []process {
	all := processes()
	below := map[int][]process{}
	for _, p := range all {
		below[p.ppid] = append(below[p.ppid], p)
	}
	var found []process
	seen := map[int]bool{}
	t.cfg.Helpers.do(func(known func(int) bool) {
		queue := []int{os.Getpid()}
		for len(queue) > 0 {
			parent := queue[0]
			queue = queue[1:]
			for _, p := range below[parent] {
				if seen[p.pid] || parent == os.Getpid() && t.isHelper(p.pid, p.pgid, known) {
					continue
				}
				seen[p.pid] = true
				queue = append(queue, p.pid)
				found = append(found, p)
			}
		}
	})
	found = t.withEscaped(all, found, seen)
	living := found[:0]
	for _, p := range found {
		if !p.dead && (t.ending == nil || !t.ending.beyond[p.identity]) {
			living = append(living, p)
		}
	}
	return living
}

// withEscaped adds processes of the tree that lost their parent where orphans do not come to us.
func (t *tree) withEscaped(all, found []process, seen map[int]bool) []process {
	if t.subreaper || t.ending == nil {
		return found
	}
	for _, p := range all {
		if t.ending.told[p.identity] && !seen[p.pid] {
			found = append(found, p)
		}
	}
	return found
}

// isHelper reports whether a direct child of ours belongs to another part of the program.
func (t *tree) isHelper(pid, pgid int, known func(int) bool) bool {
	if pid == t.pid {
		return false
	}
	return pid == t.helperPID || known(pid) || t.own && pgid == t.us
}
