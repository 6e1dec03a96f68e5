//go:build unix

package main

import (
	"flag"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the golden parts of the scripts")

// raceOptions spare each process that ends under the race detector a second's
// sleep (https://go.dev/doc/articles/race_detector, atexit_sleep_ms).
const raceOptions = "atexit_sleep_ms=0"

// TestMain makes the test binary double as the programs that scripts run:
// infuse itself, and small children.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", raceOptions)
	if strings.HasSuffix(os.Args[0], ".test") {
		// What whoever runs the tests ignores (a shell's `&`: INT; nohup: HUP) the programs of the tests do not: a handler
		// becomes the default action in a child.
		for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
			if signal.Ignored(s) {
				signal.Notify(make(chan os.Signal, 1), s)
			}
		}
	}
	testscript.Main(m, map[string]func(){
		"infuse":    journalMain,
		"child":     childMain,
		"catatonit": childMain, // the name of an init: see pid1.txtar
		"platformd": platformMain,
		"keyring":   keyringMain,
	})
}

// TestScript drives the real binary end to end: one script a promise, in
// testdata/script. The development server runs in the test process; the
// commands that scripts have beside testscript's own are in script_test.go.
func TestScript(t *testing.T) {
	testscript.RunT(&scriptT{T: t}, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		Cmds:                scriptCommands(),
		Setup:               setupScript,
		Condition:           installed,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// require skips a test for want of a program, by name; with
// INFUSE_TEST_REQUIRE=1 (CI, which installs them) it fails instead.
func require(t testing.TB, program string) {
	t.Helper()
	if lookProgram(program) {
		return
	}
	if os.Getenv("INFUSE_TEST_REQUIRE") == "1" {
		t.Fatalf("%s is not installed, and INFUSE_TEST_REQUIRE=1 forbids to skip", program)
	}
	t.Skipf("skipped: %s is not installed", program)
}
