package runner

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"infuse/runner/mask"
)

// ShimArg is the first argument of an internal command line on other systems; never used on Windows.
const ShimArg = "__shim"

// Shim is never needed on Windows.
func Shim(args, env []string) error { return startError(ShimArg, syscall.EWINDOWS) }

// ChildPIDVariable tells an on-change command which process the child is.
const ChildPIDVariable = "INFUSE_CHILD_PID"

// tree is the child and everything it starts, held together by a job object. Ctrl-C reaches all processes of a console,
// so it is not passed on; there are no other signals.
type tree struct {
	cfg         *Config
	signals     chan os.Signal
	childEvents chan os.Signal // something ended
	continued   chan os.Signal // never

	pid    int
	alive  bool
	output *mask.Child // its masked output, until it is finished
	job    windows.Handle
	group  bool // it can be sent Ctrl-Break
	ended  chan *os.ProcessState
	helper *os.Process
	helped chan *os.ProcessState

	helperOutput helperOutput

	ending bool
	killAt time.Time
}

func openTree(cfg *Config) (*tree, error) {
	t := &tree{
		cfg: cfg, signals: make(chan os.Signal, 16), childEvents: make(chan os.Signal, 1),
		ended: make(chan *os.ProcessState, 1), helped: make(chan *os.ProcessState, 1),
	}
	signal.Notify(t.signals, terminating...)
	return t, nil
}

func (t *tree) close() {
	signal.Stop(t.signals)
	if t.helper != nil {
		_ = t.helper.Kill()
		<-t.helped
	}
	t.helperOutput.wait()
	t.closeJob()
}

func (t *tree) closeJob() {
	if t.job != 0 {
		_ = windows.CloseHandle(t.job) // ends what is left
		t.job = 0
	}
}

func (t *tree) touch()               {}
func (t *tree) resume()              {}
func (t *tree) suspend()             {}
func (t *tree) reclaimTerminal(bool) {}
func (t *tree) wakeAt() time.Time    { return t.killAt }

func (t *tree) start(c *Change) error {
	if err := batchArguments(t.cfg.Path, t.cfg.Argv); err != nil {
		return startError(t.cfg.Argv[0], err)
	}
	if err := t.openOutput(); err != nil {
		return err
	}
	attr := &os.ProcAttr{Env: c.Env, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: &syscall.SysProcAttr{}}
	for i, f := range t.stdio() {
		if f != nil {
			attr.Files[i] = f
		}
	}
	// A group of its own does not get Ctrl-C from the console, so only where nobody sits at one.
	if t.group = t.cfg.Mode == ModeSupervise && !hasConsole(); t.group {
		attr.Sys.CreationFlags = windows.CREATE_NEW_PROCESS_GROUP
	}
	job, err := newJob()
	if err != nil {
		t.abortOutput()
		return startError(t.cfg.Argv[0], err)
	}
	p, err := os.StartProcess(t.cfg.Path, t.cfg.Argv, attr)
	if err != nil {
		t.abortOutput()
		_ = windows.CloseHandle(job)
		return startError(t.cfg.Argv[0], err)
	}
	if t.output != nil {
		t.output.Started(p.Pid)
	}
	_ = p.WithHandle(func(h uintptr) { _ = windows.AssignProcessToJobObject(job, windows.Handle(h)) })
	t.closeJob()
	t.pid, t.alive, t.job, t.ending = p.Pid, true, job, false
	t.await(p, t.ended)
	return nil
}

// await waits for p in a goroutine that ends with it, and wakes the loop.
func (t *tree) await(p *os.Process, result chan<- *os.ProcessState) {
	go func() {
		state, _ := p.Wait()
		result <- state
		select {
		case t.childEvents <- os.Interrupt:
		default:
		}
	}()
}

func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, err
	}
	info := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		_ = windows.CloseHandle(job)
		return 0, err
	}
	return job, nil
}

func hasConsole() bool {
	var mode uint32
	return windows.GetConsoleMode(windows.Handle(os.Stdin.Fd()), &mode) == nil
}

// batchArguments refuses what cmd.exe would take apart: it does not read quotes the way programs do.
func batchArguments(path string, argv []string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".bat", ".cmd":
		for _, a := range argv[1:] {
			if strings.ContainsAny(a, "\"%&|<>^!\r\n") {
				return windows.ERROR_BAD_ARGUMENTS
			}
		}
	}
	return nil
}

func (t *tree) poll(now time.Time) (n news) {
	select {
	case state := <-t.ended:
		t.alive = false
		n.exited, n.status = true, stateOf(state)
	default:
	}
	select {
	case state := <-t.helped:
		t.helper = nil
		t.helperOutput.ended()
		n.helperExited, n.helper = true, stateOf(state)
	default:
	}
	if t.ending && (!t.alive || !t.killAt.IsZero() && !now.Before(t.killAt)) {
		t.killAt = time.Time{}
		if t.job != 0 {
			_ = windows.TerminateJobObject(t.job, 1)
		}
		if !t.alive {
			t.ending, n.cleared = false, true
		}
	}
	return n
}

func stateOf(state *os.ProcessState) Status {
	if state == nil {
		return Status{Code: 125}
	}
	return Status{Code: state.ExitCode()}
}

// forward: the console has told the child already.
func (t *tree) forward(syscall.Signal) {}

func (t *tree) isEcho(syscall.Signal, time.Time) bool { return false }

// send asks the child to end where that is possible.
func (t *tree) send(syscall.Signal) {
	if t.alive && t.group {
		_ = windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(t.pid))
	}
}

func (t *tree) stop(now time.Time) {
	t.ending, t.killAt = true, now
	if t.group {
		t.send(t.cfg.StopSignal)
		t.killAt = now.Add(t.cfg.StopTimeout)
	}
}

func (t *tree) drain(now time.Time) { t.stop(now) }

func (t *tree) runHelper(c *Change) error {
	if len(c.Command) == 0 {
		return startError("", syscall.ERROR_FILE_NOT_FOUND)
	}
	path, err := LookupIn(c.Command[0], c.Env)
	if err != nil {
		return err
	}
	if err := batchArguments(path, c.Command); err != nil {
		return startError(c.Command[0], err)
	}
	output, err := t.helperOutput.open(t.cfg.Streams)
	if err != nil {
		return err
	}
	defer t.helperOutput.started()
	if output == nil {
		output = os.Stderr
	}
	p, err := os.StartProcess(path, c.Command, &os.ProcAttr{Env: c.Env, Files: []*os.File{nil, output, output}})
	if err != nil {
		t.helperOutput.ended()
		return startError(c.Command[0], err)
	}
	t.helper = p
	t.await(p, t.helped)
	return nil
}
