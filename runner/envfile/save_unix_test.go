//go:build unix

package envfile

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSaveRefusesSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	fifo, socket, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "s"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	if err := os.Symlink(fifo, link); err != nil {
		t.Fatal(err)
	}
	for path, words := range map[string]string{
		fifo: "it is a FIFO", link: "it is a FIFO", socket: "it is a socket", "/dev/null": "it is a device",
	} {
		if _, err := Save(SaveConfig{Path: path}, []byte("x")); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: got %v, want %q", path, err, words)
		}
	}
}

func TestSaveUnwritableDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		inChild(t, "unwritable", t.TempDir())
		return
	}
	checkUnwritable(t.TempDir(), t.Errorf)
}

// checkUnwritable needs another user than root.
func checkUnwritable(dir string, fail func(string, ...any)) {
	path := filepath.Join(dir, "app.env")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		fail("%v", err)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		fail("%v", err)
	}
	for _, name := range []string{path, filepath.Join(dir, "new.env")} {
		_, err := Save(SaveConfig{Path: name}, []byte("x"))
		if err == nil || !strings.Contains(err.Error(), "its directory is not writable") {
			fail("%s: got %v", name, err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		fail("the old file holds %q: %v", got, err)
	}
	_ = os.Chmod(dir, 0o700)
}

// TestSaveDiskFull lets the write fail half-way: the old file stays, and no
// temporary file does. A limit on the size of files does what a full disk does;
// where the test may mount, a full disk does it too.
func TestSaveDiskFull(t *testing.T) {
	t.Run("limit", func(t *testing.T) { inChild(t, "limit", t.TempDir()) })
	t.Run("disk", func(t *testing.T) {
		dir := t.TempDir()
		if err := mountSmall(dir); err != nil {
			t.Skipf("skipping, mounting a small disk is not allowed here: %v", err)
		}
		defer unmount(t, dir)
		checkFull(dir, "no space left on device", t.Errorf)
	})
}

// checkFull saves a small file and then one that does not fit.
func checkFull(dir, words string, fail func(string, ...any)) {
	path := filepath.Join(dir, "app.env")
	if _, err := Save(SaveConfig{Path: path}, []byte("old")); err != nil {
		fail("a small file: %v", err)
	}
	_, err := Save(SaveConfig{Path: path}, bytes.Repeat([]byte("x"), 1<<20))
	if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "xxx") {
		fail("got %v, want %q", err, words)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "old" {
		fail("the old file holds %.20q: %v", got, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		fail("left behind: %v %v", entries, err)
	}
}

// inChild runs one of the checks in a process of its own, because it changes
// limits or the user.
func inChild(t *testing.T, what, dir string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "ENVFILE_TEST_SAVE="+what+":"+dir)
	if what == "unwritable" {
		const nobody = 65534
		for ; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(strings.SplitN(cmd.Env[len(cmd.Env)-1], ":", 2)[1], nobody, nobody); err != nil {
			t.Fatal(err)
		}
		// The test binary lies where nobody may not read: a copy does not.
		self = copyOf(t, self)
		cmd.Path = self
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", what, err, out)
	}
}

func copyOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "envfile-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	target := filepath.Join(dir, "test")
	if err := os.WriteFile(target, data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return target
}

// saveInChild is what TestMain calls in the child.
func saveInChild(task string) {
	what, dir, _ := strings.Cut(task, ":")
	failed := false
	fail := func(format string, args ...any) {
		failed = true
		fmt.Printf(format+"\n", args...)
	}
	switch what {
	case "limit":
		signal.Ignore(syscall.SIGXFSZ)
		limit := unix.Rlimit{Cur: 4096, Max: 4096}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
			fail("%v", err)
		}
		checkFull(dir, "file too large", fail)
	case "unwritable":
		checkUnwritable(dir, fail)
	}
	if failed {
		os.Exit(1)
	}
	os.Exit(0)
}
