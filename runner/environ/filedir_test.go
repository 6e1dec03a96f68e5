package environ_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"infuse/fetch/secret"
	"infuse/runner/environ"
)

func entries(pairs ...string) []environ.Entry {
	var list []environ.Entry
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, environ.Entry{Name: pairs[i], Value: secret.New(pairs[i+1])})
	}
	return list
}

func write(t *testing.T, d *environ.Dir, wantChange bool, pairs ...string) {
	t.Helper()
	changed, err := d.Write(entries(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	if changed != wantChange {
		t.Errorf("changed is %v, want %v", changed, wantChange)
	}
}

func wantFile(t *testing.T, dir, name, want string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
	}
}

func TestDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "secrets")
	d := &environ.Dir{Path: dir}
	write(t, d, true, "A", "1", "with.dot", "2\x00\n", "PATH", "fine as a file")
	wantFile(t, dir, "A", "1")
	wantFile(t, dir, "with.dot", "2\x00\n")
	info, err := os.Stat(filepath.Join(dir, "A"))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode() != 0o400 {
		t.Errorf("mode %v, want 0400", info.Mode())
	}
	if info, _ := os.Stat(dir); runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("directory mode %v, want 0700", info.Mode())
	}

	write(t, d, false, "A", "1", "with.dot", "2\x00\n", "PATH", "fine as a file")
	write(t, d, true, "A", "changed", "NEW", "3")
	wantFile(t, dir, "A", "changed")
	wantFile(t, dir, "NEW", "3")
	if _, err := os.Lstat(filepath.Join(dir, "with.dot")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a name that is gone is still there: %v", err)
	}
	if runtime.GOOS != "windows" {
		left, _ := os.ReadDir(dir)
		if len(left) != 4 { // A, NEW, ..data, one generation
			t.Errorf("the directory holds %v", left)
		}
	}
}

func TestDirRefusesNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	d := &environ.Dir{Path: dir}
	bad := []string{"", ".", "..", "..data", "../../etc/passwd", "a/b", "/etc/passwd", "..x", "n\x00l", strings.Repeat("x", 256)}
	var pairs []string
	for _, name := range bad {
		pairs = append(pairs, name, "canary")
	}
	_, err := d.Write(entries(pairs...))
	var refused *environ.RefusedError
	if !errors.As(err, &refused) || len(refused.Refused) != len(bad) {
		t.Errorf("got %v, want every name refused", err)
	}
	if err != nil && strings.Contains(err.Error(), "canary") {
		t.Error("the error shows a value")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the directory was made although a name was refused")
	}
}

func TestDirKeepsForeignFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files are replaced one by one on Windows")
	}
	dir := t.TempDir()
	for _, name := range []string{"MINE", "OTHER"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d := &environ.Dir{Path: dir}
	if _, err := d.Write(entries("MINE", "x", "FREE", "y")); err == nil || !strings.Contains(err.Error(), "MINE is in the way") {
		t.Errorf("got %v", err)
	}
	wantFile(t, dir, "MINE", "mine")
	write(t, d, true, "FREE", "y")
	if err := os.Mkdir(filepath.Join(dir, "..data-killed"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, d, true, "FREE", "z")
	if _, err := os.Stat(filepath.Join(dir, "..data-killed")); !errors.Is(err, os.ErrNotExist) {
		t.Error("what a killed writer left is still there")
	}
	write(t, d, true)
	wantFile(t, dir, "OTHER", "mine")
	left, _ := os.ReadDir(dir)
	if len(left) != 4 { // MINE, OTHER, ..data, an empty generation
		t.Errorf("left behind: %v", left)
	}
}

func TestDirErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&environ.Dir{Path: file}).Write(nil); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file as the directory: %v", err)
	}
}

// TestDirIsAtomic reads while two writers swap generations: within the one
// directory that ..data names at a moment, all files belong together.
func TestDirIsAtomic(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files are replaced one by one on Windows")
	}
	dir := t.TempDir()
	write(t, &environ.Dir{Path: dir}, true, "A", "start", "B", "start")
	var writers sync.WaitGroup
	done := make(chan struct{})
	for _, value := range []string{"one", "two"} {
		writers.Go(func() {
			d := &environ.Dir{Path: dir}
			for i := range 40 {
				v := strings.Repeat(value, i+1)
				if _, err := d.Write(entries("A", v, "B", v)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			generation, err := os.OpenRoot(filepath.Join(dir, "..data"))
			if err != nil {
				continue // swept between the look-up and the open
			}
			a, errA := generation.ReadFile("A")
			b, errB := generation.ReadFile("B")
			_ = generation.Close()
			if errA == nil && errB == nil && string(a) != string(b) {
				t.Errorf("one generation holds %d and %d bytes", len(a), len(b))
				return
			}
		}
	})
	writers.Wait()
	close(done)
	reader.Wait()
	wantFile(t, dir, "B", string(must(os.ReadFile(filepath.Join(dir, "A")))))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestOnDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("known on Linux only")
	}
	for dir, want := range map[string]bool{"/dev/shm": false, "/dev/shm/not/yet/there": false, "/proc/self": true} {
		if _, err := os.Stat("/dev/shm"); err != nil {
			t.Skip("/dev/shm is not mounted here")
		}
		if got := environ.OnDisk(dir); got != want {
			t.Errorf("OnDisk(%s) = %v", dir, got)
		}
	}
}
