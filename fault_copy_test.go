//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"infuse/fetch"
	"infuse/fetch/secret"
)

// copyFaults are about the offline copy. While it cannot be written, what the
// server says counts. While it cannot be read, the server is down as well.
func copyFaults() []fault {
	const kept = "could not be kept"
	writing := func(name string, needs func() string, arm func(*world)) fault {
		f := passingFault(fault{name: name, keeps: true, needs: needs, arm: arm}, "2", "1", "2", "0")
		f.first.says, f.copied.says = kept, kept
		return f
	}
	reading := func(name, says string, arm func(*world)) fault {
		f := passingFault(fault{name: name, keeps: true, down: true, says: says, arm: arm}, "2", "1", "2", "0")
		f.copied = want{got: gotNothing, status: 125, requests: "0", logins: "0"}
		return f
	}
	owned := func(name string, which func(*world) string) fault {
		f := reading(name, "belongs to another user", func(w *world) { check(w.t, os.Chown(which(w), 65534, -1)) })
		f.needs = root
		return f
	}
	cacheOfAnother := owned("a cache directory of another user", func(w *world) string { w.copyFile(); return w.cache })
	cacheOfAnother.first.says = kept
	return []fault{
		writing("disk full: the copy", mountable, func(w *world) {
			w.mount()
			full := filepath.Join(w.cache, "full")
			if err := os.WriteFile(full, make([]byte, 1<<20), 0o600); err == nil {
				w.t.Fatal("the disk did not become full")
			}
		}),
		writing("read-only cache", mountable, func(w *world) {
			w.mount()
			check(w.t, mountReadOnly(w.cache))
		}),
		writing("the cache directory is a file", nil, func(w *world) {
			check(w.t, os.RemoveAll(w.cache))
			check(w.t, os.WriteFile(w.cache, nil, 0o600))
		}),
		reading("a damaged copy", "damaged", func(w *world) {
			w.editCopy(func(b []byte) []byte { // base64 it stays
				b[len(b)/2] = map[bool]byte{true: 'B', false: 'A'}[b[len(b)/2] == 'A']
				return b
			})
		}),
		reading("a copy that is cut", "damaged", func(w *world) {
			w.editCopy(func(b []byte) []byte { return b[:len(b)/2] })
		}),
		reading("an empty copy", "damaged", func(w *world) {
			w.editCopy(func([]byte) []byte { return nil })
		}),
		reading("a foreign copy: another credential's", "another credential", func(w *world) {
			w.plantCopy("somebody-else's-client-secret", w.url, 0)
		}),
		reading("a foreign copy: another server's", "another scope, server or identity", func(w *world) {
			w.plantCopy(w.identity.ClientSecret, "https://elsewhere.example.com", 0)
		}),
		reading("a copy that is too old", "--cache-max-age", func(w *world) {
			w.plantCopy(w.identity.ClientSecret, w.url, -25*time.Hour)
		}),
		reading("a copy from the future", "clock", func(w *world) {
			w.plantCopy(w.identity.ClientSecret, w.url, 25*time.Hour)
		}),
		reading("a copy that others may write", "chmod", func(w *world) {
			check(w.t, os.Chmod(w.copyFile(), 0o666))
		}),
		reading("a cache directory that others may write", "chmod", func(w *world) {
			w.copyFile()
			check(w.t, os.Chmod(w.cache, 0o777))
		}),
		owned("a copy of another user", (*world).copyFile),
		cacheOfAnother,
		reading("a link instead of the copy", "not a regular file", func(w *world) {
			name, moved := w.copyFile(), filepath.Join(w.dir, "moved")
			check(w.t, os.Rename(name, moved))
			check(w.t, os.Symlink(moved, name))
		}),
		reading("a pipe instead of the copy", "not a regular file", func(w *world) {
			name := w.copyFile()
			check(w.t, os.Remove(name))
			check(w.t, syscall.Mkfifo(name, 0o600))
		}),
		manyWriters(),
	}
}

// manyWriters: eight processes keep the same copy at once; what is there
// afterwards is whole.
func manyWriters() fault {
	f := passingFault(fault{name: "eight processes write one copy", keeps: true, down: true, arm: func(w *world) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				var stderr lockedBuffer
				cmd := w.command(nil, "true")
				cmd.Stderr = &stderr
				if status := runToEnd(w.t, cmd); status != 0 || len(readSaid(w.t, stderr.String())) != 0 {
					w.t.Errorf("one of the writers: status %d\n%s", status, stderr.String())
				}
			})
		}
		all.Wait()
		if left, _ := filepath.Glob(filepath.Join(w.cache, "*")); len(left) != 1 {
			w.t.Errorf("the cache holds %q", left)
		}
		w.before = w.now()
		w.set("swordfish-third-value")
		w.resetCounts()
	}}, "2", "1", "2", "0")
	f.copied = want{got: gotCopy, requests: "0", logins: "0"}
	return f
}

// root says why files cannot be given to another user here.
func root() string {
	if os.Geteuid() != 0 {
		return "only root can give files to another user"
	}
	return ""
}

// mountable says why a small file system cannot be mounted here.
var mountable = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "infuse-mount-")
	if err != nil {
		return err.Error()
	}
	defer os.Remove(dir)
	if err := mountMemory(dir); err != nil {
		return "mounting a file system is not permitted: " + err.Error()
	}
	if err := unmount(dir); err != nil {
		return err.Error()
	}
	return ""
})

// mount puts a small file system in the place of the cache directory, with
// what is in it.
func (w *world) mount() {
	files, _ := filepath.Glob(filepath.Join(w.cache, "*.jwe"))
	contents := map[string][]byte{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		check(w.t, err)
		contents[file] = b
	}
	check(w.t, os.MkdirAll(w.cache, 0o700))
	check(w.t, mountMemory(w.cache))
	w.t.Cleanup(func() { check(w.t, unmount(w.cache)) })
	for file, b := range contents {
		check(w.t, os.WriteFile(file, b, 0o600))
	}
}

// copyFile is the one offline copy, which is made when there is none.
func (w *world) copyFile() string {
	find := func() []string {
		files, err := filepath.Glob(filepath.Join(w.cache, "*.jwe"))
		check(w.t, err)
		return files
	}
	files := find()
	if len(files) == 0 {
		w.once()
		files = find()
	}
	if len(files) != 1 {
		w.t.Fatalf("the cache holds %q, want one copy", files)
	}
	return files[0]
}

func (w *world) editCopy(edit func([]byte) []byte) {
	name := w.copyFile()
	b, err := os.ReadFile(name)
	check(w.t, err)
	check(w.t, os.WriteFile(name, edit(b), 0o600))
}

// planted is a source of one old value.
type planted struct{ age time.Duration }

func (p planted) Fetch(context.Context, fetch.Scope) (*fetch.Snapshot, error) {
	return &fetch.Snapshot{
		Secrets:   []fetch.Secret{{Key: "KEY", Value: secret.New("swordfish-planted-value"), Origin: fetch.Origin{Environment: "dev", Path: "/"}}},
		FetchedAt: time.Now().Add(p.age),
	}, nil
}

// plantCopy replaces the copy by one with another key, server or age.
func (w *world) plantCopy(key, origin string, age time.Duration) {
	scope := fetch.Scope{ProjectID: w.project.ID(), Environment: "dev", Paths: []string{"/"}, Imports: true, Expand: true, Personal: true}
	dir := filepath.Join(w.dir, "planted")
	maker := &fetch.Copy{
		Dir: dir, Origin: origin, Identity: w.identity.ClientID, Key: secret.New(key),
		Source: planted{age},
	}
	_, err := maker.Fetch(w.t.Context(), scope)
	check(w.t, err)
	files, _ := filepath.Glob(filepath.Join(dir, "*.jwe"))
	if len(files) != 1 {
		w.t.Fatalf("planted %q", files)
	}
	b, err := os.ReadFile(files[0])
	check(w.t, err)
	kept := w.copyFile()
	if origin == w.url && filepath.Base(files[0]) != filepath.Base(kept) {
		w.t.Fatal("the planted copy has another name than the one of infuse: the scope is not the same")
	}
	check(w.t, os.WriteFile(kept, b, 0o600))
}
