//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestInteractiveShell: a shell at a terminal with the team's secrets, its job
// control whole, restarted on the same terminal when they change.
func TestInteractiveShell(t *testing.T) {
	t.Parallel()
	require(t, "bash")
	dir := t.TempDir()
	store := filepath.Join(dir, "store", "dev.env")
	writeFile(t, store, "GREETING=hello\nPS1='$GREETING> '\n")
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "PWD=" + dir, "TERM=dumb", "INPUTRC=/dev/null", "INFUSE_URL=file:store", "INFUSE_ENV=dev"}
	s := startTypist(t, environ, "infuse", "run", "--watch", "--stop-signal", "HUP", "--allow-name", "PS1", "--", "bash", "--norc", "--noprofile", "--noediting", "-i")
	s.says("hello> ", 1)
	s.send("sh -c 'echo rea''dy; read line; echo heard-$line; exec sleep 1000'\r")
	s.says("ready", 1)
	s.send("\x1a") // Ctrl-Z: the shell has its terminal back
	s.says("Stopped", 1)
	s.says("hello> ", 2)
	s.send("fg\r")
	s.send("again\r") // is for whom the terminal belongs to
	s.says("heard-again", 1)
	s.send("\x03")
	s.says("hello> ", 3)
	s.send("echo status=$?.\r")
	s.says("status=130.", 1)

	writeFile(t, store, "GREETING='good morning'\nPS1='$GREETING> '\n")
	s.says("changed: GREETING", 1)
	s.says("good morning> ", 1)
	s.send("echo $GREETING, $INFUSE_ENV.; exit 7\r")
	s.says("good morning, dev.", 1)
	if err := s.ended(); status(err) != 7 {
		t.Errorf("%v, want status 7", err)
	}
}
