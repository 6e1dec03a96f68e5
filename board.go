package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"infuse/fetch"
	"infuse/runner"
	"infuse/runner/environ"
)

// board shows the state of a supervised program to the outside: in the file of
// --status-file, and to systemd. Names only, never a value.
//
// A goroutine of its own writes: a file system that hangs, or a service manager
// that does not read, must not keep the runner from passing a signal on.
type board struct {
	p        *program
	read     *reading // its scope moves with .infisical.json
	file     string
	notifier *runner.Notifier
	wake     chan struct{}
	done     chan struct{}

	mu     sync.Mutex
	status statusFile
	notes  []func() error // for the service manager, in order

	failed complaint // of the goroutine
}

// boardPatience is how long the last state may take to be written.
const boardPatience = time.Second

// statusFile is what --status-file holds, as JSON. Times are RFC 3339, ages seconds.
type statusFile struct {
	State       string     `json:"state"` // starting, running, restarting, stopping, ended
	PID         int        `json:"pid,omitempty"`
	Source      string     `json:"source"`
	FetchedAt   time.Time  `json:"fetchedAt"` // of the set the source last gave
	AgeSeconds  int64      `json:"ageSeconds"`
	LastCheck   *time.Time `json:"lastCheck,omitempty"`
	LastError   string     `json:"lastError,omitempty"`
	LastChange  *time.Time `json:"lastChange,omitempty"`
	Restarts    int        `json:"restarts"`
	RolledBack  bool       `json:"rolledBack"`
	Environment string     `json:"environment"`
	Names       []string   `json:"names"` // of the secrets the program was given
	WrittenAt   time.Time  `json:"writtenAt"`
}

func newBoard(p *program, file string, notifier *runner.Notifier, read *reading, plan *environ.Plan) *board {
	b := &board{p: p, read: read, file: file, notifier: notifier, wake: make(chan struct{}, 1), done: make(chan struct{})}
	b.status = statusFile{
		State: "starting", Source: read.snapshot.Source, FetchedAt: read.snapshot.FetchedAt,
		Environment: read.scope.Environment, Names: secretNames(plan),
	}
	b.changed()
	go func() {
		defer close(b.done)
		for range b.wake {
			b.show()
		}
	}()
	return b
}

// close shows the last state, if that is possible. Nobody may change it any more.
func (b *board) close() {
	close(b.wake)
	select {
	case <-b.done:
	case <-time.After(boardPatience):
	}
}

// changed has the state shown, sooner or later.
func (b *board) changed() {
	select {
	case b.wake <- struct{}{}:
	default: // it is about to be
	}
}

// show tells the service manager what it has not been told, and writes the file.
func (b *board) show() {
	b.mu.Lock()
	status, notes := b.status, b.notes
	b.notes = nil
	b.mu.Unlock()
	for _, note := range notes {
		if err := note(); err != nil {
			b.p.log.Debug("the service manager was not told", "reason", err)
		}
	}
	b.write(status)
}

func (b *board) note(send func() error) { b.notes = append(b.notes, send) }

// secretNames are the final names that come from the store.
func secretNames(plan *environ.Plan) []string {
	names := []string{}
	for _, entries := range [][]environ.Entry{plan.Entries, plan.Files} {
		for i := range entries {
			if entries[i].Layer == environ.Store && entries[i].PathOf == "" {
				names = append(names, entries[i].Name)
			}
		}
	}
	return names
}

// observe takes in what the runner did.
func (b *board) observe(e runner.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e.Kind {
	case runner.EventStarted:
		b.status.State, b.status.PID, b.status.Restarts = "running", e.PID, e.Restarts
		text := fmt.Sprintf("running with %d secrets, %d restarts", len(b.status.Names), e.Restarts)
		b.note(func() error { return b.notifier.Ready(text) })
	case runner.EventStopped:
		b.status.PID = 0
		b.leave(e)
	case runner.EventStopping:
		b.leave(e)
	case runner.EventRolledBack:
		b.status.RolledBack = true
	case runner.EventExiting:
		b.status.State, b.status.PID = "ended", 0
		b.note(b.notifier.Stopping)
	}
	b.changed()
}

// leave tells a restart from the end. The difference matters to systemd: after
// STOPPING=1 it gives the service TimeoutStopSec and then kills it.
func (b *board) leave(e runner.Event) {
	switch {
	case b.status.State == "stopping": // what the child left behind is swept
	case e.Final:
		b.status.State = "stopping"
		b.note(b.notifier.Stopping)
	case b.status.State != "restarting":
		b.status.State = "restarting"
		b.note(func() error { return b.notifier.Reloading("restarting: " + e.Reason) })
	}
}

// checked takes in a look at the source.
func (b *board) checked(snapshot *fetch.Snapshot, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.p.now()
	b.status.LastCheck, b.status.LastError = &now, ""
	if err != nil {
		b.status.LastError = oneLine(err.Error())
	} else {
		b.status.Source, b.status.FetchedAt, b.status.Environment = snapshot.Source, snapshot.FetchedAt, b.read.scope.Environment
	}
	b.changed()
}

// delivered takes in a new set.
func (b *board) delivered(plan *environ.Plan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.p.now()
	b.status.LastChange, b.status.Names, b.status.RolledBack = &now, secretNames(plan), false
	b.changed()
}

// write replaces the status file. A disk that is full must not end the program:
// it is said now and then.
func (b *board) write(status statusFile) {
	if b.file == "" {
		return
	}
	now := b.p.now()
	status.WrittenAt = now
	status.AgeSeconds = int64(now.Sub(status.FetchedAt) / time.Second)
	body, err := json.MarshalIndent(status, "", "  ")
	if err == nil {
		err = saveFile(b.file, append(body, '\n'), 0o644)
	}
	if err != nil && b.failed.due(now) {
		b.p.log.Warn("writing the status file failed", "reason", err)
	}
}
