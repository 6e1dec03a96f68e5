//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a script waits for a condition. It is not a measure of
// anything: two noisy cores may need seconds for what takes milliseconds.
const patience = 60 * time.Second

// scriptCommands are the commands that scripts have beside testscript's own:
//
//	status N|SIGNAL CMD...     run CMD; it must exit with N or die of SIGNAL
//	start NAME CMD...          run CMD in the background; sets NAME_PID
//	waitout NAME REGEXP        wait until its stdout (or stderr, waiterr) matches
//	signal SIGNAL NAME         send a signal to it
//	tell NAME LINE             write a line to its stdin; tell NAME closes it
//	waitstatus N|SIGNAL NAME   wait for its end
//	waitfile FILE REGEXP       wait until a file matches
//	outcount NAME REGEXP N     its stdout matches so often; errcount, its stderr; "all" is as often as there are lines
//	server ...                 the development server, see server_test.go
//	platform ...               the platforms of workload identities, see platform_test.go
//	identity, servicetoken ... who asks, see platform_identity_test.go
//
// and the conditions [namespaces] (PID namespaces may be made here), [netns]
// (network and mount namespaces may be made here, and ip is installed), [root] and
// [installed:PROGRAM], which is an error instead of false where INFUSE_TEST_REQUIRE=1.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"status":     cmdStatus,
		"start":      cmdStart,
		"waitout":    cmdWaitOut,
		"waiterr":    cmdWaitOut,
		"signal":     cmdSignal,
		"tell":       cmdTell,
		"waitstatus": cmdWaitStatus,
		"waitfile":   cmdWaitFile,
		"outcount":   func(ts *testscript.TestScript, neg bool, args []string) { cmdCount(ts, neg, args, (*job).stdout) },
		"errcount":   func(ts *testscript.TestScript, neg bool, args []string) { cmdCount(ts, neg, args, (*job).stderr) },
		"server":     cmdServer,

		"identity":     cmdIdentity,
		"platform":     cmdPlatform,
		"servicetoken": cmdServiceToken,
	}
}

// setupScript gives every script an empty home and none of our own variables.
func setupScript(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	env.Setenv("HOME", home)
	env.Setenv("GORACE", raceOptions)
	env.Setenv("XDG_CONFIG_HOME", "")
	env.Setenv("XDG_CACHE_HOME", "")
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	env.Setenv("TESTDATA", filepath.Join(here, "testdata"))
	env.Setenv("SAMPLE", filepath.Join(here, "creds", "testdata", "credential-process.sh"))
	t := env.T().(*scriptT)
	env.Values[stateKey{}] = &scriptState{jobs: map[string]*job{}, t: t}
	return watchForLeaks(env, t)
}

type stateKey struct{}

// scriptState belongs to one run of a script.
type scriptState struct {
	jobs   map[string]*job
	server *scriptServer

	platform *scriptPlatform
	t        *scriptT
}

func state(ts *testscript.TestScript) *scriptState {
	return ts.Value(stateKey{}).(*scriptState)
}

func cmdStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N|SIGNAL CMD...")
	}
	err := ts.Exec(args[1], args[2:]...)
	checkStatus(ts, args[0], err)
}

// checkStatus compares the end of a process with what the script wants.
func checkStatus(ts *testscript.TestScript, want string, err error) {
	ts.Check(func() error {
		got := "0"
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			got = strconv.Itoa(exit.ExitCode())
			if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
				got = signalName(ws.Signal())
			}
		} else if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("status %s, want %s", got, want)
		}
		return nil
	}())
}

// job is a background process of a script.
type job struct {
	cmd      *exec.Cmd
	out, err lockedBuffer
	stdin    interface{ Close() error }
	write    func(string) error
	done     chan error
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME CMD...")
	}
	path, err := findProgram(ts, args[1])
	ts.Check(err)
	j := &job{cmd: exec.Command(path, args[2:]...), done: make(chan error, 1)}
	j.cmd.Args[0] = args[1]
	j.cmd.Dir = ts.MkAbs(".")
	j.cmd.Env = scriptEnviron(ts)
	j.cmd.Stdout, j.cmd.Stderr = &j.out, &j.err
	stdin, err := j.cmd.StdinPipe()
	ts.Check(err)
	j.stdin = stdin
	j.write = func(s string) error { _, err := stdin.Write([]byte(s)); return err }
	j.cmd.WaitDelay = patience
	ts.Check(j.cmd.Start())
	go func() { j.done <- j.cmd.Wait() }()
	state(ts).jobs[args[0]] = j
	ts.Setenv(args[0]+"_PID", strconv.Itoa(j.cmd.Process.Pid))
	ts.Defer(func() {
		_ = j.cmd.Process.Kill()
		<-j.done
		state(ts).t.secret.scan(state(ts).t, "stderr of "+args[0], j.err.String())
	})
}

func cmdWaitOut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitout NAME REGEXP")
	}
	j := findJob(ts, args[0])
	pattern := regexp.MustCompile("(?m)" + args[1])
	deadline := time.After(patience)
	for {
		out, err := j.out.changed(), j.err.changed()
		if pattern.MatchString(j.out.String()) || pattern.MatchString(j.err.String()) {
			return
		}
		select {
		case err := <-j.done:
			j.done <- err
			if pattern.MatchString(j.out.String()) || pattern.MatchString(j.err.String()) {
				return
			}
			ts.Fatalf("%s ended (%v) without %q\nstdout:\n%sstderr:\n%s", args[0], err, args[1], j.out.String(), j.err.String())
		case <-deadline:
			ts.Fatalf("%s never said %q\nstdout:\n%sstderr:\n%s", args[0], args[1], j.out.String(), j.err.String())
		case <-out:
		case <-err:
		}
	}
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal SIGNAL NAME")
	}
	ts.Check(findJob(ts, args[1]).cmd.Process.Signal(signalNumber(ts, args[0])))
}

func cmdTell(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case neg || len(args) < 1 || len(args) > 2:
		ts.Fatalf("usage: tell NAME [LINE]")
	case len(args) == 1:
		ts.Check(findJob(ts, args[0]).stdin.Close())
	default:
		ts.Check(findJob(ts, args[0]).write(args[1] + "\n"))
	}
}

func cmdWaitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitstatus N|SIGNAL NAME")
	}
	j := findJob(ts, args[1])
	select {
	case err := <-j.done:
		j.done <- err
		ts.Logf("[%s stdout]\n%s[%s stderr]\n%s", args[1], j.out.String(), args[1], j.err.String())
		checkStatus(ts, args[0], err)
	case <-time.After(patience):
		ts.Fatalf("%s did not end\nstdout:\n%sstderr:\n%s", args[1], j.out.String(), j.err.String())
	}
}

// installed is the condition of that name.
func installed(condition string) (bool, error) {
	if condition == "namespaces" {
		return exec.Command("unshare", "--pid", "--fork", "--mount-proc", "true").Run() == nil, nil
	}
	if condition == "netns" {
		return exec.Command("unshare", "--net", "--mount", "ip", "link", "set", "lo", "up").Run() == nil, nil
	}
	if condition == "root" {
		return os.Geteuid() == 0, nil
	}
	program, ok := strings.CutPrefix(condition, "installed:")
	if !ok {
		return false, fmt.Errorf("unknown condition %q", condition)
	}
	if !lookProgram(program) && os.Getenv("INFUSE_TEST_REQUIRE") == "1" {
		return false, fmt.Errorf("%s is not installed, and INFUSE_TEST_REQUIRE=1 forbids to skip", program)
	}
	return lookProgram(program), nil
}

func cmdWaitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfile FILE REGEXP")
	}
	pattern := regexp.MustCompile("(?m)" + args[1])
	body := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if b, err := os.ReadFile(ts.MkAbs(args[0])); err == nil {
			if body = string(b); pattern.MatchString(body) {
				return
			}
		}
	}
	ts.Fatalf("%s never matched %q:\n%s", args[0], args[1], body)
}

func (j *job) stdout() string { return j.out.String() }
func (j *job) stderr() string { return j.err.String() }

func cmdCount(ts *testscript.TestScript, neg bool, args []string, stream func(*job) string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: outcount|errcount NAME REGEXP N|all")
	}
	out := stream(findJob(ts, args[0]))
	want, err := strconv.Atoi(args[2])
	if args[2] == "all" {
		want, err = strings.Count(out, "\n"), nil
	}
	ts.Check(err)
	if got := len(regexp.MustCompile("(?m)"+args[1]).FindAllString(out, -1)); got != want {
		ts.Fatalf("%q matches %d times, want %d:\n%s", args[1], got, want, out)
	}
}

func findJob(ts *testscript.TestScript, name string) *job {
	j := state(ts).jobs[name]
	if j == nil {
		ts.Fatalf("no background job %q", name)
	}
	return j
}

func findProgram(ts *testscript.TestScript, name string) (string, error) {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return exec.LookPath(name)
}

func lookProgram(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// scriptEnviron is the environment of the script. testscript has no accessor
// for all of it, so a child prints it.
func scriptEnviron(ts *testscript.TestScript) []string {
	ts.Check(ts.Exec("child", "env0"))
	return strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\x00"), "\x00")
}

// lockedBuffer is a buffer that tells when it grew.
type lockedBuffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	wait []chan struct{}
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.wait {
		close(c)
	}
	b.wait = nil
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// changed is closed at the next write.
func (b *lockedBuffer) changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan struct{})
	b.wait = append(b.wait, c)
	return c
}
