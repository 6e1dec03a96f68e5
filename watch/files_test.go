package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

// patience is for a machine under load; nothing waits that long when all is well.
const patience = 30 * time.Second

// fixture is a directory and a watcher whose poll does not come.
type fixture struct {
	*testing.T
	dir string
	w   *Watcher
}

func watching(t *testing.T, cfg Config, prepare func(dir string)) *fixture {
	t.Helper()
	f := &fixture{T: t, dir: t.TempDir()}
	if prepare != nil {
		prepare(f.dir)
	}
	for i, p := range cfg.Files {
		cfg.Files[i] = f.path(p)
	}
	for i, p := range cfg.Trees {
		cfg.Trees[i] = f.path(p)
	}
	cfg.Interval, cfg.Random = 24*time.Hour, func() float64 { return 0.5 }
	ignore := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(t.Context())
	f.w = Start(ctx, cfg)
	t.Cleanup(func() {
		cancel()
		f.w.Wait()
		goleak.VerifyNone(t, ignore)
	})
	if len(cfg.Trees) > 0 { // it was read before it was watched: one look comes at once
		select {
		case ev := <-f.w.C:
			f.w.Report(nil)
			if ev.Kind != File || len(ev.Files) > 0 {
				f.Fatalf("first event %+v", ev)
			}
		case <-time.After(patience):
			f.Fatal("no look at the beginning")
		}
	}
	return f
}

func (f *fixture) path(name string) string { return filepath.Join(f.dir, name) }

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) write(name, content string) {
	f.Helper()
	f.ok(os.WriteFile(f.path(name), []byte(content), 0o600))
}

// changed waits until the files were reported, in one event or several.
func (f *fixture) changed(names ...string) {
	f.Helper()
	missing := slices.Clone(names)
	timeout := time.After(patience)
	for len(missing) > 0 {
		select {
		case ev := <-f.w.C:
			f.w.Report(nil)
			if ev.Kind != File || !ev.Quick() {
				f.Fatalf("event %+v", ev)
			}
			for _, path := range ev.Files {
				if i := slices.IndexFunc(missing, func(n string) bool { return f.path(n) == path }); i >= 0 {
					missing = slices.Delete(missing, i, i+1)
				} else if !slices.Contains(names, path) && !slices.ContainsFunc(names, func(n string) bool { return f.path(n) == path }) {
					f.Fatalf("%s was reported, want %v", path, names)
				}
			}
		case <-timeout:
			f.Fatalf("no event for %v", missing)
		}
	}
}

func replace(f *fixture, name, content string) {
	f.Helper()
	f.write(name+".tmp~", content)
	f.ok(os.Rename(f.path(name+".tmp~"), f.path(name)))
}

func TestFileIsWrittenInPlace(t *testing.T) {
	f := watching(t, Config{Files: []string{".env"}}, func(dir string) { _ = os.WriteFile(filepath.Join(dir, ".env"), []byte("A=0"), 0o600) })
	for i := range 3 {
		f.write(".env", fmt.Sprint("A=", i+1))
		f.changed(".env")
	}
}

// TestFileIsReplaced: vim, sed -i and most editors rename a new file over it.
func TestFileIsReplaced(t *testing.T) {
	f := watching(t, Config{Files: []string{".env"}}, nil)
	for i := range 4 {
		replace(f, ".env", fmt.Sprint("A=", i))
		f.changed(".env")
	}
	f.ok(os.Rename(f.path(".env"), f.path(".env.bak"))) // as emacs does
	f.changed(".env")
	f.write(".env", "A=back")
	f.changed(".env")
	f.ok(os.Remove(f.path(".env")))
	f.changed(".env")
}

// TestSameContentIsSilent: touch, chmod and saving without a change are no
// change, nor is anything about the neighbours.
func TestSameContentIsSilent(t *testing.T) {
	f := watching(t, Config{Files: []string{".env", "last"}}, func(dir string) { _ = os.WriteFile(filepath.Join(dir, ".env"), []byte("A=1"), 0o600) })
	replace(f, ".env", "A=1")
	f.ok(os.Chtimes(f.path(".env"), time.Now(), time.Unix(1, 0)))
	f.ok(os.Chmod(f.path(".env"), 0o644))
	f.write(".env2", "A=2")
	f.write("last", "x") // events come in order
	f.changed("last")
}

func TestFileAndDirectoriesAppearLater(t *testing.T) {
	f := watching(t, Config{Files: []string{"a/b/c/.env"}}, nil)
	f.ok(os.Mkdir(f.path("a"), 0o700))
	f.ok(os.MkdirAll(f.path("a/b/c"), 0o700))
	f.write("a/b/c/.env", "A=1")
	f.changed("a/b/c/.env")
	f.write("a/b/c/.env", "A=2")
	f.changed("a/b/c/.env")
	f.ok(os.RemoveAll(f.path("a")))
	f.changed("a/b/c/.env")
	f.ok(os.MkdirAll(f.path("a/b/c"), 0o700))
	f.write("a/b/c/.env", "A=3")
	f.changed("a/b/c/.env")
	f.write("a/b/c/.env", "A=4")
	f.changed("a/b/c/.env")
}

func TestDirectoryIsReplaced(t *testing.T) {
	f := watching(t, Config{Files: []string{"conf/.env"}}, func(dir string) {
		_ = os.Mkdir(filepath.Join(dir, "conf"), 0o700)
		_ = os.WriteFile(filepath.Join(dir, "conf/.env"), []byte("A=0"), 0o600)
	})
	for i := range 3 {
		f.ok(os.Mkdir(f.path("new"), 0o700))
		f.write("new/.env", fmt.Sprint("B=", i))
		f.ok(os.Rename(f.path("conf"), f.path(fmt.Sprint("old", i))))
		f.ok(os.Rename(f.path("new"), f.path("conf")))
		f.changed("conf/.env")
		f.write("conf/.env", fmt.Sprint("C=", i))
		f.changed("conf/.env")
	}
}

// kubernetes updates a mounted volume as the kubelet does: a new directory
// with a time in its name, and ..data replaced by a rename.
func kubernetes(f *fixture, generation int, name, content string) {
	f.Helper()
	dir := fmt.Sprintf("..2026_%d", generation)
	f.ok(os.Mkdir(f.path(dir), 0o700))
	f.write(filepath.Join(dir, name), content)
	f.ok(os.Symlink(dir, f.path("..data_tmp")))
	f.ok(os.Rename(f.path("..data_tmp"), f.path("..data")))
	if generation > 0 {
		f.ok(os.RemoveAll(f.path(fmt.Sprintf("..2026_%d", generation-1))))
	}
}

func TestKubernetesVolume(t *testing.T) {
	prepare := func(dir string) {
		f := &fixture{T: t, dir: dir}
		kubernetes(f, 0, "token.env", "0")
		f.ok(os.Symlink("..data/token.env", f.path("token.env")))
	}
	f := watching(t, Config{Files: []string{"token.env"}}, prepare)
	for i := range 3 {
		kubernetes(f, i+1, "token.env", fmt.Sprint("token ", i))
		f.changed("token.env")
	}
	tree := watching(t, Config{Trees: []string{"."}}, prepare)
	for i := range 3 {
		kubernetes(tree, i+1, "token.env", fmt.Sprint("token ", i))
		tree.changed("token.env")
	}
}

func TestLinkToAnotherDirectory(t *testing.T) {
	f := watching(t, Config{Files: []string{"link"}}, func(dir string) {
		_ = os.MkdirAll(filepath.Join(dir, "far/away"), 0o700)
		_ = os.Symlink("far/away/.env", filepath.Join(dir, "link"))
	})
	f.write("far/away/.env", "A=1")
	f.changed("link")
	replace(f, "far/away/.env", "A=2")
	f.changed("link")
	f.ok(os.Mkdir(f.path("other"), 0o700))
	f.write("other/.env", "A=3")
	f.ok(os.Symlink("other/.env", f.path("link2")))
	f.ok(os.Rename(f.path("link2"), f.path("link")))
	f.changed("link")
	f.write("other/.env", "A=4")
	f.changed("link")
}

func TestLinkLoopsAreHarmless(t *testing.T) {
	f := watching(t, Config{Files: []string{"loop", "good"}, Trees: []string{"tree"}}, func(dir string) {
		_ = os.Symlink("loop", filepath.Join(dir, "loop"))
		_ = os.Mkdir(filepath.Join(dir, "tree"), 0o700)
		_ = os.Symlink(".", filepath.Join(dir, "tree/self"))
	})
	f.write("good", "1")
	f.changed("good")
}

func TestStoreDirectory(t *testing.T) {
	f := watching(t, Config{Trees: []string{"store"}}, nil)
	f.ok(os.Mkdir(f.path("store"), 0o700))
	f.write("store/dev.env", "A=1")
	f.changed("store/dev.env")
	f.write("store/README", "not a secret")
	f.ok(os.MkdirAll(f.path("store/dev/backend"), 0o700))
	f.write("store/dev/backend/db.env", "B=1")
	f.changed("store/dev/backend/db.env")
	f.write("store/dev/backend/db.env", "B=2")
	f.changed("store/dev/backend/db.env")
	f.ok(os.RemoveAll(f.path("store/dev")))
	f.changed("store/dev/backend/db.env")
	f.write("store/dev.env", "A=2")
	f.changed("store/dev.env")
}

// TestWithoutNotification: where the kernel refuses (its limits of instances
// and watches are small, and shared by all programs of a user) a ticker reads.
func TestWithoutNotification(t *testing.T) {
	f := watching(t, Config{Files: []string{".env"}, notify: func() (*fsnotify.Watcher, error) {
		return nil, errors.New("too many open files")
	}}, nil)
	f.write(".env", "A=1")
	f.changed(".env")
}

// TestNotificationFailsLater: the limit is reached by a directory that appears.
func TestNotificationFailsLater(t *testing.T) {
	var notify *fsnotify.Watcher
	f := watching(t, Config{Files: []string{".env"}, notify: func() (w *fsnotify.Watcher, err error) {
		notify, err = fsnotify.NewWatcher()
		return notify, err
	}}, nil)
	f.write(".env", "A=1")
	f.changed(".env")
	f.ok(notify.Close())
	f.write(".env", "A=2")
	f.changed(".env")
}

// TestPollLooksAtFilesToo: a networked file system tells nobody.
func TestPollLooksAtFilesToo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".env")
	recheck := make(chan struct{}, 1)
	files := newFiles(Config{Files: []string{path}}, recheck, fsnotify.NewWatcher)
	for place := range files.watched {
		_ = files.notify.Remove(place)
	}
	if err := os.WriteFile(path, []byte("A=1"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got := make(chan signal, 1)
	recheck <- struct{}{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		files.run(ctx, func(s signal) { got <- s; cancel() })
	}()
	<-done
	select {
	case s := <-got:
		if !slices.Equal(s.event.Files, []string{path}) {
			t.Errorf("reported %v", s.event.Files)
		}
	default:
		t.Error("the recheck found nothing")
	}
}
