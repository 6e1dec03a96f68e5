package main

import (
	"context"
	"io"
	"log/slog"
	"os/exec"
	"time"
)

// hook runs a command after each change, one run at a time: changes that come
// while it runs make one more run. A slow one holds nothing else up.
type hook struct {
	argv           []string // empty: there is none
	env            []string
	stdout, stderr io.Writer
	log            *slog.Logger
	wake           chan struct{} // of one
}

// slowHook is when a run that does not end is worth a word.
const slowHook = time.Minute

// changed asks for a run.
func (h *hook) changed() {
	select {
	case h.wake <- struct{}{}:
	default: // one is asked for already
	}
}

// serve runs the command whenever it is asked for, until ctx ends; it returns
// when nothing of the last run is left.
func (h *hook) serve(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
			if len(h.argv) > 0 {
				h.run(ctx)
			}
		}
	}
}

// run is one run. Its failure is only said: the file is written all the same.
func (h *hook) run(ctx context.Context) {
	cmd := exec.CommandContext(ctx, h.argv[0], h.argv[1:]...)
	cmd.Env = h.env
	cmd.Stdout, cmd.Stderr = h.stdout, h.stderr
	cmd.WaitDelay = 2 * time.Second
	ownGroup(cmd)
	slow := time.AfterFunc(slowHook, func() {
		h.log.Warn("--exec still runs: changes wait for its end, and make one more run then", "command", h.argv[0], "since", slowHook.String())
	})
	defer slow.Stop()
	err := cmd.Run()
	if ctx.Err() != nil {
		endGroup(cmd)
		return
	}
	if err != nil {
		h.log.Warn("--exec failed", "command", h.argv[0], "reason", err)
	}
}
