package envfile

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func save(t *testing.T, c SaveConfig, data string, wantChange bool) {
	t.Helper()
	changed, err := Save(c, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	if changed != wantChange {
		t.Errorf("changed is %v, want %v", changed, wantChange)
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %.40q (%v), want %.40q", path, got, err, want)
	}
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != want {
		t.Errorf("mode of %s: %v (%v), want %v", path, info, err, want)
	}
}

// wantAlone fails when a temporary file was left beside path.
func wantAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), filepath.Base(path)) && e.Name() != filepath.Base(path) || strings.Contains(e.Name(), ".infuse-") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.env")
	save(t, SaveConfig{Path: path}, "A=1\n", true)
	wantContent(t, path, "A=1\n")
	wantMode(t, path, 0o600)

	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	save(t, SaveConfig{Path: path}, "A=1\n", false)
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Errorf("an equal file was touched: %v", err)
	}

	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	save(t, SaveConfig{Path: path, Mode: 0o400}, "A=2\n", true)
	wantContent(t, path, "A=2\n")
	wantMode(t, path, 0o644)
	wantAlone(t, path)

	other := filepath.Join(t.TempDir(), "other.env")
	save(t, SaveConfig{Path: other, Mode: 0o640}, "", true)
	wantMode(t, other, 0o640)
	save(t, SaveConfig{Path: other}, "", false)
}

func TestSaveFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "real", "app.env")
	link := filepath.Join(dir, "link.env")
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("real", "app.env"), link); err != nil {
		t.Skipf("skipping, symbolic links need a privilege here: %v", err)
	}
	save(t, SaveConfig{Path: link}, "A=1\n", true) // the target does not exist yet
	save(t, SaveConfig{Path: link}, "A=2\n", true)
	wantContent(t, target, "A=2\n")
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if _, err := Save(SaveConfig{Path: loop}, nil); err == nil || !strings.Contains(err.Error(), "too many symbolic links") {
		t.Errorf("a loop: %v", err)
	}
}

func TestSaveRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, words := range map[string]string{
		"":                                "no file name",
		dir:                               "it is a directory",
		dir + string(os.PathSeparator):    "it is a directory",
		filepath.Join(dir, "no", "x.env"): "there is no directory",
		filepath.Join(file, "x.env"):      "not a directory",
	} {
		_, err := Save(SaveConfig{Path: path}, []byte("secret"))
		if err == nil || !strings.Contains(err.Error(), words) || !strings.HasPrefix(err.Error(), "writing "+path+": ") {
			t.Errorf("%q: got %v, want %q", path, err, words)
		}
	}
	wantContent(t, file, "x")
}

func TestSaveTwoWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.env")
	bodies := map[string]bool{}
	var writers sync.WaitGroup
	for w := range 4 {
		body := strings.Repeat(fmt.Sprintf("W=%d\n", w), 20000)
		bodies[body] = true
		writers.Go(func() {
			for range 20 {
				if _, err := Save(SaveConfig{Path: path}, []byte(body)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if got, err := os.ReadFile(path); err == nil && !bodies[string(got)] {
				t.Errorf("a torn file of %d bytes", len(got))
				return
			}
		}
	})
	writers.Wait()
	close(done)
	reader.Wait()
	if got, err := os.ReadFile(path); err != nil || !bodies[string(got)] {
		t.Errorf("the file is nobody's: %v", err)
	}
	wantAlone(t, path)
}

func BenchmarkEncode10000(b *testing.B) {
	var doc Document
	for i := range 10000 {
		doc.Vars = append(doc.Vars, variable(fmt.Sprintf("SECRET_%05d", i), strings.Repeat("it's x", 80)))
	}
	for _, format := range formatNames()[:len(dialects)] {
		data, err := Encode(format, doc)
		if err != nil {
			continue // k8s-secret holds 1 MiB
		}
		b.Run(format, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if out, err := Encode(format, doc); err != nil || !bytes.Equal(out[:1], data[:1]) {
					b.Fatal(err)
				}
			}
		})
	}
}
