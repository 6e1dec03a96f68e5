//go:build unix

package runner

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"infuse/runner/mask"
)

// tree is the child and everything that descends from it. All of it runs on the thread of Supervise.
type tree struct {
	cfg         *Config
	signals     chan os.Signal // to pass on
	childEvents chan os.Signal // SIGCHLD
	continued   chan os.Signal // SIGCONT
	term        *terminal
	us          int // our process group

	pid     int // the child, or the last one
	alive   bool
	status  Status      // of the last one
	output  *mask.Child // its masked output, until it is finished
	own     bool        // it has a group of its own: pgid
	pgid    int         // 0 when that group is known to be gone
	paused  syscall.Signal
	resumes time.Time // a stop we passed on to ourselves is over then at the latest

	helperPID    int
	helperOutput helperOutput
	realTime     bool // real-time signals are caught

	ending    *ending
	echoUntil time.Time
	reapAgain time.Time
	reapPause time.Duration
	firstSeen map[int]time.Time // zombies that may be a helper's
	subreaper bool              // orphans come to us
	noReaper  func()            // ends that
	touched   bool
}

func openTree(cfg *Config) (*tree, error) {
	t := &tree{
		cfg: cfg,
		// Seven signals in one burst are normal, and one that finds the channel full is lost.
		signals:     make(chan os.Signal, 128),
		childEvents: make(chan os.Signal, 1),
		continued:   make(chan os.Signal, 1),
		term:        openTerminal(),
		us:          unix.Getpgrp(),
		firstSeen:   map[int]time.Time{},
	}
	signal.Notify(t.childEvents, syscall.SIGCHLD)
	signal.Notify(t.signals, notIgnored(forwarded)...)
	signal.Notify(t.continued, syscall.SIGCONT)
	undo, err := becomeSubreaper()
	t.noReaper = undo
	t.subreaper = err == nil || os.Getpid() == 1
	return t, nil
}

// close gives everything back. A helper that is still running has lost its purpose with the child.
func (t *tree) close() {
	t.endHelper()
	t.helperOutput.wait()
	signal.Stop(t.signals)
	signal.Stop(t.childEvents)
	signal.Stop(t.continued)
	if t.output != nil {
		t.output.Abandon() // only a panic leaves it
	}
	t.reclaimTerminal(t.status.Signal != 0) // a child that was killed could not tidy up
	t.term.close()
	t.noReaper()
}

func (t *tree) touch() { t.touched = true }

// start runs the command in the environment of c.
func (t *tree) start(c *Change) error {
	if err := t.openOutput(); err != nil {
		return err
	}
	own, handOver := t.group()
	if t.term.foreground() == t.us {
		t.term.save()
	}
	attr := &syscall.ProcAttr{Env: c.Env, Files: t.files(c.Files), Sys: &syscall.SysProcAttr{}}
	switch {
	case t.session():
		attr.Sys.Setsid, attr.Sys.Setctty, attr.Sys.Ctty = true, true, 0
	case handOver:
		attr.Sys.Setpgid, attr.Sys.Foreground, attr.Sys.Ctty = true, true, t.term.fd
	default:
		attr.Sys.Setpgid = own
	}
	deathSignal(attr.Sys)

	path, argv := t.cfg.Path, t.cfg.Argv
	if names := shimNames(c); len(names) > 0 {
		path, argv = shimCommand(path, argv, names)
	}
	pid, err := syscall.ForkExec(path, argv, attr)
	if err == syscall.ENOEXEC && isScript(path) {
		pid, err = syscall.ForkExec(shell, scriptArgs(path, argv), attr)
	}
	if err != nil {
		t.abortOutput()
		if handOver {
			t.term.give(t.us) // the fork took the terminal along, and died
		}
		return execError(t.cfg.Path, t.cfg.Argv[0], err)
	}
	if t.output != nil {
		t.output.Started(pid)
	}
	t.pid, t.alive, t.own, t.pgid, t.paused, t.ending = pid, true, own, 0, 0, nil
	if own {
		t.pgid = pid
	}
	if !t.realTime { // thirty of them cost a millisecond: not before the start
		t.realTime = true
		if rest := realTimeSignals(); len(rest) > 0 { // none would mean all
			signal.Notify(t.signals, rest...)
		}
	}
	return nil
}

// group decides about the child's process group, and whether it gets the terminal.
//
// A group of its own can be stopped with one kill, and a child's `kill 0` does not hit us. But it breaks jobs of which we
// are only a part (a pipeline into less, make and Ctrl-C), so there the child stays in our group. In the background, and
// without a terminal, nobody else looks at our group.
func (t *tree) group() (own, handOver bool) {
	if t.session() {
		return true, false
	}
	foreground := t.term.foreground() == t.us
	switch t.cfg.Group {
	case GroupOwn:
		own = true
	case GroupShare:
	default:
		leader := t.us == os.Getpid() && isControllingTerminal(0) && isControllingTerminal(1)
		sized := t.output != nil && t.output.Terminal() // we have to hear of a new size
		own = !foreground || leader && !sized
	}
	return own, own && foreground
}

// files is the child's file table: 0 to 2, and the given files under the numbers they have here. Inherited descriptors
// stay where they are, others are ours and are closed. With no files nothing has to be said about 3 and up.
func (t *tree) files(files []File) []uintptr {
	table := []uintptr{0, 1, 2}
	for i, f := range t.stdio() {
		if f != nil {
			table[i] = f.Fd()
		}
	}
	given := map[uintptr]bool{}
	last := uintptr(2)
	for _, f := range files {
		given[f.File.Fd()] = true
		last = max(last, f.File.Fd())
	}
	for fd := uintptr(3); fd <= last; fd++ {
		flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
		if given[fd] || err == nil && flags&unix.FD_CLOEXEC == 0 {
			table = append(table, fd)
		} else {
			table = append(table, ^uintptr(0))
		}
	}
	return table
}

// poll reaps what ended and carries on with a stop that was begun.
func (t *tree) poll(now time.Time) (n news) {
	touched := t.touched
	t.touched = false
	if !t.resumes.IsZero() && !now.Before(t.resumes) {
		t.resume()
	}
	t.waitChild(&n)
	t.waitHelper(&n)
	t.reap(now, &n)
	if n.exited {
		touched = true
	}
	n.cleared = t.endingDone(now, touched)
	return n
}

// wakeAt is when poll has something to do although nothing happened.
func (t *tree) wakeAt() time.Time {
	at := t.resumes
	for _, other := range []time.Time{t.reapAgain, t.endingNext()} {
		if at.IsZero() || !other.IsZero() && other.Before(at) {
			at = other
		}
	}
	return at
}

// waitChild collects what the child itself did: end, stop, continue.
func (t *tree) waitChild(n *news) {
	for t.alive {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(t.pid, &ws, syscall.WNOHANG|syscall.WUNTRACED|syscall.WCONTINUED, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil { // somebody else waited for it: the status is lost, the end is not
			t.alive = false
			n.exited, n.status = true, Status{Code: 125}
			return
		}
		if pid != t.pid {
			return
		}
		switch {
		case ws.Stopped():
			t.paused = ws.StopSignal()
			t.childPaused()
		case ws.Continued():
			t.paused = 0
		default:
			t.alive, t.paused, t.resumes = false, 0, time.Time{}
			n.exited, n.status = true, statusOf(ws)
			t.status = n.status
		}
	}
}

func statusOf(ws syscall.WaitStatus) Status {
	if ws.Signaled() {
		return Status{Signal: ws.Signal()}
	}
	return Status{Code: ws.ExitStatus()}
}
