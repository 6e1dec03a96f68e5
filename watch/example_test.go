package watch_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"infuse/fetch/secret"
	"infuse/watch"
)

// A file of variables is looked at whenever it changed, and a change of what
// it says is acted upon.
func Example() {
	dir, err := os.MkdirTemp("", "watch")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "port")
	look := func(ev watch.Event) (watch.Look, error) {
		b, err := os.ReadFile(file)
		return watch.Look{Vars: map[string]watch.Var{"PORT": {Value: secret.New(string(b))}}, Event: ev, Local: true}, err
	}
	_ = os.WriteFile(file, []byte("8080"), 0o600)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w := watch.Start(ctx, watch.Config{Interval: time.Hour, Files: []string{file}})
	first, _ := look(watch.Event{})
	confirm := watch.NewConfirm(time.Hour, first)
	_ = os.WriteFile(file, []byte("9090"), 0o600)
	for ev := range w.C {
		now, err := look(ev)
		w.Report(err)
		if err != nil {
			continue
		}
		switch d := confirm.Look(now); d.Do {
		case watch.LookAgain:
			w.LookAgain(d.After)
		case watch.Act:
			fmt.Println("changed:", d.Changed)
			if now.Vars["PORT"].Value.Reveal() == "9090" {
				cancel()
			}
		}
	}
	w.Wait()
	// Output: changed: [PORT]
}
