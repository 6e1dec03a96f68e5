//go:build unix

package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestLinks: a store of symbolic links, as Kubernetes mounts a ConfigMap, reads like one of files.
func TestLinks(t *testing.T) {
	dir := write(t, map[string]string{"..data/dev.env": "A=1\n", "..data/sub.env": "B=2\n"})
	for link, target := range map[string]string{"dev.env": "..data/dev.env", "dev": "..data", "gone.env": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir)
	tree, err := s.Tree("dev")
	if err != nil {
		t.Fatal(err)
	}
	if got := flat(tree); got["/ A"] != "1" || got["/sub B"] != "2" {
		t.Errorf("got %v", got)
	}
	if envs, _ := s.Environments(); len(envs) != 1 {
		t.Errorf("environments %q: a dangling link is none", envs)
	}
}

func TestLinkInACircle(t *testing.T) {
	dir := write(t, map[string]string{"dev/a.env": "A=1\n"})
	if err := os.Symlink(".", filepath.Join(dir, "dev", "loop")); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, dir).Tree("dev")
	if err == nil || !strings.Contains(err.Error(), "in a circle") {
		t.Errorf("got %v", err)
	}
}

// TestNotAFile: a FIFO without a writer would hold the reader for ever.
func TestNotAFile(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "dev.env"), 0o600); err != nil {
		t.Skip("this file system has no FIFOs: " + err.Error())
	}
	_, err := open(t, dir).Tree("dev")
	if err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
}

func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads every file")
	}
	dir := write(t, map[string]string{"dev.env": "A=1\n"})
	if err := os.Chmod(filepath.Join(dir, "dev.env"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir).Tree("dev"); !os.IsPermission(err) && (err == nil || !strings.Contains(err.Error(), "permission")) {
		t.Errorf("got %v", err)
	}
}
