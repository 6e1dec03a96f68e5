//go:build unix

package runner_test

import (
	"context"
	"errors"
	"fmt"

	"infuse/runner"
)

// A parent that starts a command, gives it a new environment when something changed, and reports how it ended.
func Example() {
	changes := make(chan runner.Change, 1)
	path, err := runner.LookupIn("sh", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	status, err := runner.Supervise(context.Background(), runner.Config{
		Path:    path,
		Argv:    []string{"sh", "-c", `[ $COLOR = green ] && exit 3; sleep 60`},
		Env:     []string{"COLOR=red", "PATH=" + runner.DefaultPath},
		MinGap:  1, // do not wait between two starts, as one would in earnest
		Changes: changes,
		Observe: func(e runner.Event) {
			if e.Kind == runner.EventStarted && e.Restarts == 0 {
				changes <- runner.Change{
					Action: runner.ActionRestart, Reason: "changed: COLOR",
					Env: []string{"COLOR=green", "PATH=" + runner.DefaultPath},
				}
			}
		},
	})
	fmt.Println(status, err)
	// Output: exit status 3 <nil>
}

func ExampleLookup() {
	_, err := runner.Lookup("no-such-program", runner.DefaultPath)
	var start *runner.StartError
	if errors.As(err, &start) {
		fmt.Println(start.Status, err)
	}
	// Output: 127 no-such-program: not found on PATH
}

func ExampleChoose() {
	for _, pid := range []int{4711, 1} {
		mode, _ := runner.Choose(runner.ModeAuto, pid, "/usr/bin/npm", false)
		fmt.Println(pid, mode)
	}
	// Output:
	// 4711 exec
	// 1 init
}
