package runner

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestR1ExecReplacesTheProcess(t *testing.T) {
	s := launch(t, wrap(t, "--", "sh", "-c", "echo pid=$$")...)
	s.ends(exited(0))
	if got := s.number("pid"); got != s.pid() {
		t.Errorf("the command is process %d, infuse was %d", got, s.pid())
	}
}

func TestR2Process1StaysAsInit(t *testing.T) {
	requireNamespace(t)
	s := launch(t, asProcess1(wrap(t, "--", "sh", "-c", `echo parent=$PPID; exec sleep 1000`)...)...)
	if got := s.number("parent"); got != 1 {
		t.Fatalf("the command's parent is %d, want 1", got)
	}
	if err := killProcess(process1Of(t, s.pid()), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.ends(exited(143))
}

// process1Of is the process number, here, of the first process in the namespace that unshare made.
func process1Of(t testing.TB, unshare int) (pid int) {
	t.Helper()
	eventually(t, "the first process of the namespace", func() bool {
		for _, p := range processes() {
			if p.ppid == unshare {
				pid = p.pid
				return true
			}
		}
		return false
	})
	return pid
}

func TestR2Process1ReapsOrphans(t *testing.T) {
	requireNamespace(t)
	out, st := output(t, asProcess1(wrap(t, "--", self(t), "@orphans", "50", "1")...)...)
	if st != exited(42) || !strings.Contains(out, "zombies=0\n") {
		t.Errorf("%v: %s", st, out)
	}
}

func TestR3InitAsCommandIsExecuted(t *testing.T) {
	requireNamespace(t)
	tini := filepath.Join(t.TempDir(), "tini")
	data, err := os.ReadFile(self(t))
	if err != nil {
		t.Fatal(err)
	}
	script(t, tini, string(data))
	for command, first := range map[string]bool{tini: true, self(t): false} {
		out, _ := output(t, asProcess1(wrap(t, "--", command, "@probe")...)...)
		if strings.HasPrefix(out, "pid=1 ") != first {
			t.Errorf("%s: %s", filepath.Base(command), out)
		}
	}
}

func TestR4Choose(t *testing.T) {
	tests := []struct {
		requested Mode
		pid       int
		path      string
		parent    bool
		want      Mode
		err       error
	}{
		{ModeAuto, 100, "/usr/bin/npm", false, ModeExec, nil},
		{ModeAuto, 1, "/usr/bin/npm", false, ModeInit, nil},
		{ModeAuto, 1, "/usr/bin/tini", false, ModeExec, nil},
		{ModeAuto, 1, "/init", false, ModeExec, nil},
		{ModeAuto, 1, "/usr/bin/tini", true, ModeSupervise, nil},
		{ModeAuto, 100, "/usr/bin/npm", true, ModeSupervise, nil},
		{ModeExec, 1, "/usr/bin/npm", false, ModeExec, nil},
		{ModeExec, 100, "/usr/bin/npm", true, "", ErrExecWithParent},
		{ModeInit, 100, "/usr/bin/npm", false, ModeInit, nil},
		{ModeInit, 1, "/usr/bin/tini", false, ModeInit, nil},
		{ModeInit, 100, "/usr/bin/npm", true, ModeSupervise, nil},
	}
	for _, test := range tests {
		got, err := Choose(test.requested, test.pid, test.path, test.parent)
		if got != test.want || !errors.Is(err, test.err) {
			t.Errorf("Choose(%q, %d, %q, %v) = %q, %v; want %q, %v", test.requested, test.pid, test.path, test.parent, got, err, test.want, test.err)
		}
	}
}

func TestR5NameAsTyped(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(self(t), filepath.Join(dir, "mine")); err != nil {
		t.Fatal(err)
	}
	path := func(c *exec.Cmd) { c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH")) }
	for _, way := range []string{"@exec", "@supervise"} {
		for typed, argument := range map[string]string{"mine": "@name", "./mine": "@name"} {
			s := launchIn(t, dir, path, self(t), way, "--", typed, argument)
			s.ends(exited(0))
			if got := strings.TrimSpace(s.out.String()); got != typed {
				t.Errorf("%s: argv[0] is %q, want %q", way, got, typed)
			}
		}
	}
}

func TestR6Lookup(t *testing.T) {
	dir := t.TempDir()
	mk := func(name string, mode os.FileMode) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	mk("refused/foo", 0o644)
	mk("good/foo", 0o755)
	mk("here", 0o755)
	mk("refused/only", 0o644)
	mk("good/notdir", 0o755)
	if err := os.MkdirAll(filepath.Join(dir, "dirs/foo"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o777); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	d := func(names ...string) string {
		for i, n := range names {
			names[i] = filepath.Join(dir, n)
		}
		return strings.Join(names, ":")
	}
	tests := []struct {
		name, path string
		want       string
		status     int
		err        error
	}{
		{"foo", d("refused", "good"), dir + "/good/foo", 0, nil},
		{"foo", d("good", "refused"), dir + "/good/foo", 0, nil},
		{"foo", d("refused"), "", 126, syscall.EACCES},
		{"foo", d("dirs"), "", 126, syscall.EISDIR},
		{"foo", d("dirs", "good"), dir + "/good/foo", 0, nil},
		{"foo", d("missing", "here"), "", 127, syscall.ENOENT}, // not there, not a directory
		{"foo", d("missing", "here", "good"), dir + "/good/foo", 0, nil},
		{"foo", d("good") + "/", dir + "/good/foo", 0, nil},
		{"here", "", "./here", 0, nil},
		{"here", d("good") + ":", "./here", 0, nil},
		{"here", ":" + d("good"), "./here", 0, nil},
		{"here", d("good") + "::" + d("refused"), "./here", 0, nil},
		{"here", ".", "./here", 0, nil},
		{"foo", "refused:good", "good/foo", 0, nil},
		{"loop", ".", "", 126, syscall.ELOOP},
		{"fifo", ".", "", 126, syscall.EACCES},
		{"./here", "/nowhere", "./here", 0, nil},
		{"./refused/only", "/nowhere", "", 126, syscall.EACCES},
		{"./good", "", "", 126, syscall.EISDIR},
		{"./here/x", "", "", 127, syscall.ENOTDIR},
		{"./no", "", "", 127, syscall.ENOENT},
		{"", d("good"), "", 127, syscall.ENOENT},
		{"no", d("good"), "", 127, syscall.ENOENT},
	}
	for _, test := range tests {
		got, err := Lookup(test.name, test.path)
		status := 0
		if e, ok := errors.AsType[*StartError](err); ok {
			status = e.Status
			if test.name != "" && !strings.Contains(err.Error(), test.name) {
				t.Errorf("%q does not name the command", err)
			}
		}
		if got != test.want || status != test.status || !errors.Is(err, test.err) {
			t.Errorf("Lookup(%q, %q) = %q, %v (%d); want %q, %v (%d)", test.name, test.path, got, err, status, test.want, test.err, test.status)
		}
	}
}

func TestR6LookupInTheChildsEnvironment(t *testing.T) {
	dir := t.TempDir()
	script(t, filepath.Join(dir, "only-here"), "#!/bin/sh\n")
	if _, err := LookupIn("only-here", []string{"PATH=/nowhere", "A=b", "PATH=" + dir}); err != nil {
		t.Error(err)
	}
	if _, err := LookupIn("only-here", []string{"PATH=" + dir, "PATH=/nowhere"}); err == nil {
		t.Error("found on a PATH that is not the last")
	}
	if got, err := LookupIn("sh", nil); err != nil || got != "/bin/sh" {
		t.Errorf("without PATH: %q, %v", got, err)
	}
}

func TestR7Statuses(t *testing.T) {
	dir := t.TempDir()
	script(t, filepath.Join(dir, "badint"), "#!/no/such/interpreter -x\n")
	script(t, filepath.Join(dir, "binary"), "\x7fELF\x00\x00garbage\n")
	if err := os.WriteFile(filepath.Join(dir, "noexec"), []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "dirx"), 0o755); err != nil {
		t.Fatal(err)
	}
	big := strings.Repeat("x", 200_000)
	tests := []struct {
		argv   []string
		status int
		words  []string
	}{
		{[]string{"nosuchcmd"}, 127, []string{"nosuchcmd", "not found on PATH"}},
		{[]string{"./nosuchcmd"}, 127, []string{"./nosuchcmd", "no such file or directory"}},
		{[]string{"./noexec"}, 126, []string{"./noexec", "permission denied"}},
		{[]string{"./dirx"}, 126, []string{"./dirx", "is a directory"}},
		{[]string{"./badint"}, 127, []string{"./badint", "/no/such/interpreter", "no such file or directory"}},
		{[]string{"./binary"}, 126, []string{"./binary", "exec format error"}},
		{[]string{"./noexec/x"}, 127, []string{"./noexec/x", "not a directory"}},
	}
	for _, way := range []string{"@exec", "@supervise"} {
		for _, test := range tests {
			s := launchIn(t, dir, nil, append([]string{self(t), way, "--"}, test.argv...)...)
			s.ends(exited(test.status))
			for _, w := range test.words {
				if !strings.Contains(s.err.String(), w) {
					t.Errorf("%s %v: %q does not say %q", way, test.argv, s.err, w)
				}
			}
			if s.out.String() != "" || strings.Count(s.err.String(), "\n") != 1 {
				t.Errorf("%s %v: more than one line: %q %q", way, test.argv, s.out, s.err)
			}
		}
	}
	// Too large for the kernel: one string of more than 32 pages. It cannot be passed through a command line.
	_, err := os.StartProcess("/bin/true", []string{"true", big}, &os.ProcAttr{})
	if got := execError("/bin/true", "true", errors.Unwrap(err)); got.Status != 126 || !errors.Is(got, syscall.E2BIG) {
		t.Errorf("%v (%d), want E2BIG and 126", got, got.Status)
	}
	var st *StartError
	_, serr := Supervise(t.Context(), Config{Path: "/bin/true", Argv: []string{"true"}, Env: []string{"BIG=" + big}})
	if !errors.As(serr, &st) || st.Status != 126 || !errors.Is(serr, syscall.E2BIG) || strings.Contains(serr.Error(), "xxx") {
		t.Errorf("supervised: %.200v", serr)
	}
}

func TestR8ScriptWithoutInterpreterLine(t *testing.T) {
	dir := t.TempDir()
	script(t, filepath.Join(dir, "n"), "echo ran $1\nexit 3\n")
	script(t, filepath.Join(dir, "-n"), "echo ran $1\nexit 3\n")
	script(t, filepath.Join(dir, "empty"), "")
	path := func(c *exec.Cmd) { c.Env = append(os.Environ(), "PATH=:"+os.Getenv("PATH")) }
	for _, way := range []string{"@exec", "@supervise"} {
		for _, name := range []string{"./n", "n", "-n"} {
			s := launchIn(t, dir, path, self(t), way, "--", name, "a")
			s.ends(exited(3))
			if s.out.String() != "ran a\n" {
				t.Errorf("%s %s: %q", way, name, s.out)
			}
		}
		launchIn(t, dir, path, self(t), way, "--", "./empty").ends(exited(0))
	}
}

// TestR9 is about what this package does with an environment: nothing. Every reader sees what it was given.
func TestR9EnvironmentIsPassedAsItIs(t *testing.T) {
	odd := []string{"K=new", "my-key=1", "EMPTY=", "LINES=a\nb", "UTF=é✓"}
	for _, way := range []string{"@exec", "@supervise"} {
		s := launchIn(t, t.TempDir(), func(c *exec.Cmd) { c.Env = append(odd, "PATH="+os.Getenv("PATH")) }, self(t), way, "--", "env", "-0")
		s.ends(exited(0))
		got := s.out.String()
		for _, entry := range odd {
			if strings.Count(got, entry+"\x00") != 1 {
				t.Errorf("%s: %q is not there once: %q", way, entry, got)
			}
		}
	}
}

func TestR13FileDescriptors(t *testing.T) {
	probe := func(prefix ...string) string {
		s := launchIn(t, t.TempDir(), func(c *exec.Cmd) {
			for _, name := range []string{"/etc/passwd", "/etc/group"} { // 3 and 4
				f, err := os.Open(name)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { f.Close() })
				c.ExtraFiles = append(c.ExtraFiles, f)
			}
		}, append(prefix, self(t), "@fds")...)
		s.ends(exited(0))
		return s.out.String()
	}
	bare := probe()
	if !strings.Contains(bare, "fd 3 ") || !strings.Contains(bare, "fd 4 ") {
		t.Fatalf("the probe does not see its files: %s", bare)
	}
	if got := probe(self(t), "@exec", "--"); got != bare {
		t.Errorf("exec:\n%s\nwithout:\n%s", got, bare)
	}
	if got := probe(self(t), "@supervise", "--"); got != bare {
		t.Errorf("supervise:\n%s\nwithout:\n%s", got, bare)
	}
}

func TestR14StateIsInherited(t *testing.T) {
	requireProgram(t, "bash")
	probe := func(wrapper string) string {
		out, st := output(t, "bash", "-c", `ulimit -Sn 100; ulimit -c 0; umask 027; cd /; exec nice -n 3 env --ignore-signal=HUP `+
			wrapper+` sh -c 'grep -E "^Sig(Blk|Ign)|^Umask" /proc/self/status; ulimit -Sn; ulimit -Hn; ulimit -c; pwd; nice; echo; exec "$0" @flags' `+self(t))
		if st != exited(0) {
			t.Fatalf("%v: %s", st, out)
		}
		return out
	}
	bare := probe("")
	if !strings.Contains(bare, "\n100\n") {
		t.Fatalf("the limit was not set: %s", bare)
	}
	for _, way := range []string{"@exec", "@supervise"} {
		if got := probe(self(t) + " " + way + " --"); got != bare {
			t.Errorf("%s:\n%s\nwithout:\n%s", way, got, bare)
		}
	}
	if !strings.Contains(bare, "dumpable=1 subreaper=0") {
		t.Errorf("the bare program: %s", bare)
	}
}

func TestR15ChildSignalIgnored(t *testing.T) {
	for _, way := range []string{"@exec", "@supervise"} {
		s := launch(t, "env", "--ignore-signal=CHLD", self(t), way, "--", "sh", "-c", "exit 6")
		s.ends(exited(6))
	}
}

func TestR16ProcessIdVariables(t *testing.T) {
	// exec keeps our process id, so what named us names the child.
	s := launch(t, "sh", "-c", `export LISTEN_PID=$$; exec "$0" @exec -- sh -c 'echo $LISTEN_PID $$'`, self(t))
	s.ends(exited(0))
	if f := strings.Fields(s.out.String()); len(f) != 2 || f[0] != f[1] {
		t.Errorf("exec: %q", s.out)
	}
	s = launch(t, self(t), "@supervise", "-name-us", "--", "sh", "-c", `echo "$LISTEN_PID $WATCHDOG_PID $$"; echo "$0 $*"; cat /proc/$$/environ | tr '\0' '\n' | grep -c ^LISTEN_PID=`, "a", "b")
	s.ends(exited(0))
	lines := strings.Split(s.out.String(), "\n")
	if f := strings.Fields(lines[0]); len(f) != 3 || f[0] != f[2] || f[1] != f[2] {
		t.Errorf("supervise: %q", s.out)
	}
	if lines[1] != "a b" || lines[2] != "1" {
		t.Errorf("the shim left traces: %q", s.out)
	}
	// Another process's number is none of our business.
	s = launchIn(t, t.TempDir(), func(c *exec.Cmd) { c.Env = append(os.Environ(), "LISTEN_PID=4194304") }, self(t), "@supervise", "--", "sh", "-c", "echo $LISTEN_PID")
	s.ends(exited(0))
	if s.out.String() != "4194304\n" {
		t.Errorf("a foreign LISTEN_PID became %q", s.out)
	}
}

func TestR16ShimRefusesOtherCommandLines(t *testing.T) {
	for _, args := range [][]string{
		{"x", ShimArg}, {"x", ShimArg, "/bin/true", "x", "true"}, {"x", ShimArg, "/bin/true", "2", "A=1", "true"},
		{"x", ShimArg, "/bin/true", "-1", "true"}, {"x", ShimArg, "/bin/true", "1", "=", "true"}, {"x", ShimArg, "/bin/true", "99999999999999999999", "true"},
	} {
		if err := Shim(args, nil); err == nil {
			t.Errorf("Shim(%q) succeeded", args)
		}
	}
}

func TestR17SignalWhileFetching(t *testing.T) {
	for _, catch := range []string{"-catch=false", "-catch"} {
		for _, s := range lethal {
			sig := s.(syscall.Signal)
			ready := filepath.Join(t.TempDir(), "ready")
			s := launch(t, wrap(t, catch, "-hang", ready, "--", "echo", "started")...)
			eventually(t, "the fetch", func() bool { _, err := os.Stat(ready); return err == nil })
			s.signal(sig)
			s.ends(killed(sig))
			if s.out.String() != "" {
				t.Errorf("%v: something was started: %q", sig, s.out)
			}
			if strings.Contains(s.err.String(), "goroutine") {
				t.Errorf("%v: the Go runtime speaks: %s", sig, s.err)
			}
		}
	}
}

// TestR17NoSignalIsLost sends signals around the execve: whoever has the process
// number at that moment dies of it.
func TestR17NoSignalIsLost(t *testing.T) {
	moments := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		sig := lethal[i%len(lethal)].(syscall.Signal)
		catch := fmt.Sprintf("-catch=%t", i%2 == 0)
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		s := launchIn(t, t.TempDir(), func(c *exec.Cmd) { c.Stdout = write }, wrap(t, catch, "-say", "--", "sleep", "600")...)
		write.Close()
		if _, err := read.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		read.Close()
		for deadline := time.Now().Add(time.Duration(moments.IntN(3_000)) * time.Microsecond); time.Now().Before(deadline); {
		}
		s.signal(sig)
		s.ends(killed(sig))
	}
}

func TestR17IgnoredHangupStaysIgnored(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready")
	s := launch(t, append([]string{"env", "--ignore-signal=HUP", "--ignore-signal=INT"}, wrap(t, "-hang", ready, "--", "true")...)...)
	eventually(t, "the fetch", func() bool { _, err := os.Stat(ready); return err == nil })
	s.signal(syscall.SIGHUP)
	s.signal(syscall.SIGINT)
	s.signal(syscall.SIGTERM)
	s.ends(killed(syscall.SIGTERM))
}

func TestR17AsProcess1(t *testing.T) {
	requireNamespace(t)
	ready := filepath.Join(t.TempDir(), "ready")
	s := launch(t, asProcess1(wrap(t, "-hang", ready, "--", "true")...)...)
	eventually(t, "the fetch", func() bool { _, err := os.Stat(ready); return err == nil })
	if err := killProcess(process1Of(t, s.pid()), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.ends(exited(143))
}

func TestR61Hardened(t *testing.T) {
	if os.Getuid() != 0 {
		missing(t, "needs root to become two different users")
	}
	// A copy that everybody can reach, and a directory that everybody may enter.
	dir, err := os.MkdirTemp("/tmp", "runner")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	data, err := os.ReadFile(self(t))
	if err != nil {
		t.Fatal(err)
	}
	program := script(t, filepath.Join(dir, "infuse"), string(data))
	for _, path := range []string{dir, program} { // whatever the umask is
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	nobody := func(c *exec.Cmd) {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		c.Env = append(os.Environ(), "PRIVATE=hush")
	}
	s := launchIn(t, dir, nobody, program, "@supervise", "--", "sh", "-c", "echo child=$$; exec sleep 1000")
	child := s.number("child")
	read := func(pid int, what string) error {
		cmd := exec.Command("cat", fmt.Sprintf("/proc/%d/%s", pid, what))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		return cmd.Run()
	}
	for _, what := range []string{"environ", "maps"} {
		if read(s.pid(), what) == nil {
			t.Errorf("another process of the same user reads our %s", what)
		}
		if err := read(child, what); err != nil {
			t.Errorf("the child's %s is closed: %v", what, err)
		}
	}
	// Exec mode: the same for the program that replaced us.
	e := launchIn(t, dir, nobody, program, "@exec", "--", "sh", "-c", "echo child=$$; exec sleep 1000")
	if err := read(e.number("child"), "environ"); err != nil {
		t.Errorf("exec: the child's environment is closed: %v", err)
	}
}

func TestR62ScrubEnviron(t *testing.T) {
	s := launchIn(t, t.TempDir(), func(c *exec.Cmd) {
		c.Env = []string{"A=1", "INFISICAL_TOKEN=st.very.private", "B=2", "ALSO=very.private", "EMPTY=", "NOT_INFISICAL_TOKEN=keep", "Z=last"}
	}, self(t), "@scrub", "INFISICAL_TOKEN", "ALSO", "EMPTY", "MISSING")
	s.ends(exited(0))
	got := s.out.String()
	if strings.Contains(got, "private") {
		t.Errorf("still there: %q", got)
	}
	for _, kept := range []string{"A=1\x00", "B=2\x00", "NOT_INFISICAL_TOKEN=keep\x00", "Z=last\x00", "token from Getenv: st.very.private"} {
		want := strings.Replace(kept, "st.very.private", "15", 1)
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
}

func TestR64SealedFile(t *testing.T) {
	const reader = `cat "$CERT"; sh -c 'cat "$CERT"'; cat "$CERT" | wc -c; (echo x >"$CERT") 2>/dev/null || echo refused; env | grep -c private; : >"$CERT" 2>/dev/null; cat "$CERT"`
	for _, way := range []string{"@exec", "@supervise"} {
		s := launch(t, self(t), way, "-file", "CERT=private", "--", "sh", "-c", reader)
		s.wait()
		got := s.out.String()
		if strings.Count(got, "private") < 2 || !strings.Contains(got, "refused\n0\n") {
			t.Errorf("%s: %q %q", way, got, s.err)
		}
	}
}

func TestR64SealedFileIsReplacedByAChange(t *testing.T) {
	s := supervised(t, []string{"-file", "CERT=private", "-min-gap", "1ms"}, "sh", "-c", `echo "read=$(cat $CERT)"; ls /proc/$$/fd | wc -l; exec sleep 1000`)
	for gen := range 5 {
		s.prints(fmt.Sprintf("read=private %d\n", gen))
		if gen < 4 {
			s.change("restart")
		}
	}
	open := 0
	fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", s.pid()))
	for _, fd := range fds {
		if target, _ := os.Readlink(fd); strings.Contains(target, "memfd:CERT") {
			open++
		}
	}
	if open > 2 { // the current one, and the one to go back to
		t.Errorf("%d memory files are open", open)
	}
}

func TestR64SealedFileProperties(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	f, err := SealedFile(strings.Repeat("n", 300), big)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Error("inherited by every process that we start")
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, syscall.EPERM) {
		t.Errorf("write: %v", err)
	}
	for what, err := range map[string]error{"shrink": f.Truncate(1), "grow": f.Truncate(1 << 21)} {
		if !errors.Is(err, syscall.EPERM) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE); err == nil {
		t.Error("the seals can be changed")
	}
	path := fdPath(os.Getpid(), int(f.Fd()))
	for range 2 { // every reader starts at the beginning
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, big) {
			t.Errorf("reading it back: %d bytes, %v", len(got), err)
		}
	}
}

func TestR65NoLockedMemory(t *testing.T) {
	s := launch(t, self(t), "@supervise", "--", "sh", "-c", "grep VmLck /proc/$PPID/status")
	s.ends(exited(0))
	if !strings.Contains(s.out.String(), " 0 kB") {
		t.Errorf("%q", s.out)
	}
}

func TestSignalNames(t *testing.T) {
	for name, want := range map[string]syscall.Signal{
		"TERM": 15, "SIGTERM": 15, "term": 15, "sighup": 1, "9": 9, "RTMIN+3": 37, "SIGRTMIN": 34, "RTMAX": 64, "RTMAX-1": 63, "USR1": 10,
	} {
		got, err := ParseSignal(name)
		if err != nil || got != want {
			t.Errorf("ParseSignal(%q) = %v, %v; want %v", name, got, err, want)
		}
		if again, err := ParseSignal(SignalName(got)); err != nil || again != got {
			t.Errorf("SignalName(%d) = %q does not parse: %v", got, SignalName(got), err)
		}
	}
	for _, name := range []string{"", "0", "65", "-1", "FOO", "SIG", "RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMIN3", "RTMINx"} {
		if got, err := ParseSignal(name); err == nil {
			t.Errorf("ParseSignal(%q) = %v", name, got)
		}
	}
}
