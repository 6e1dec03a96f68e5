//go:build unix

package watch

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestPipeIsNotOpened: --env-file <(command) is a pipe; reading it would take
// its content away, and opening it could wait for ever.
func TestPipeIsNotOpened(t *testing.T) {
	f := watching(t, Config{Files: []string{"pipe", "file"}}, func(dir string) {
		if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	f.write("file", "1")
	f.changed("file")
}
