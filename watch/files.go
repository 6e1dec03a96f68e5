package watch

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// fileSettle gathers the events of one save into one reading.
	fileSettle = 20 * time.Millisecond
	// fileTick is how often files are read where the kernel does not tell.
	fileTick = 5 * time.Second
)

// files watches the directories of its targets, never the files: editors and
// volume mounts replace a file by renaming another one over it, and a watch of
// the old inode would be silent from then on. What a target is after an event
// is found out by reading it again; it counts when its content differs.
type files struct {
	paths, trees []string
	recheck      <-chan struct{}
	log          *slog.Logger
	send         func(signal)

	notify  *fsnotify.Watcher // nil: the kernel does not tell, or not of all
	watched map[string]bool   // directories
	places  map[place]bool    // names in them that matter; of trees any name does
	seen    map[string]digest // by path
}

// newFiles watches from now on; run tells of what changes after this moment.
func newFiles(cfg Config, recheck <-chan struct{}, open func() (*fsnotify.Watcher, error)) *files {
	f := &files{paths: cfg.Files, trees: cfg.Trees, recheck: recheck, log: cfg.Log, watched: map[string]bool{}}
	var err error
	if f.notify, err = open(); err != nil {
		f.notify = nil
		f.blind(err)
	}
	f.arm()
	f.seen = f.read() // after arming: what comes in between is seen twice, not missed
	return f
}

func (f *files) run(ctx context.Context, send func(signal)) {
	f.send = send
	defer func() {
		if f.notify != nil {
			f.notify.Close()
		}
	}()
	settle := time.NewTimer(time.Hour)
	defer settle.Stop()
	settling := false
	soon := func() {
		if !settling { // and no later, however long the writing goes on
			settling = true
			settle.Reset(fileSettle)
		}
	}
	settle.Stop()
	if len(f.trees) > 0 {
		// What a tree was read for came before it was watched. A look costs no request, and misses nothing.
		f.send(signal{hint: true, event: Event{Kind: File, Reason: "watching " + strings.Join(f.trees, ", ")}})
	}
	for {
		events, errs := f.channels()
		var tick <-chan time.Time
		if f.notify == nil {
			tick = time.After(fileTick)
		}
		select {
		case <-ctx.Done():
			return
		case ev, ok := <-events:
			switch {
			case !ok:
				f.blind(fsnotify.ErrClosed)
			case f.matters(ev):
				soon()
			}
		case err, ok := <-errs:
			if !ok {
				f.blind(fsnotify.ErrClosed)
				continue
			}
			f.log.Debug("file events", "reason", err) // such as an overflown queue: read everything
			soon()
		case <-settle.C:
			settling = false
			f.look()
		case <-tick:
			f.look()
		case <-f.recheck:
			f.look()
		}
	}
}

func (f *files) channels() (<-chan fsnotify.Event, <-chan error) {
	if f.notify == nil {
		return nil, nil
	}
	return f.notify.Events, f.notify.Errors
}

// blind gives up on the kernel: too many watches or instances, or a system
// without any. From then on a ticker reads the files.
func (f *files) blind(err error) {
	f.log.Debug("watching files by reading them every 5 seconds", "reason", err)
	if f.notify != nil {
		f.notify.Close()
	}
	f.notify, f.watched = nil, map[string]bool{}
}

func (f *files) matters(ev fsnotify.Event) bool {
	if ev.Op == fsnotify.Chmod && !f.exists(ev.Name) {
		return false
	}
	if f.watched[ev.Name] { // the directory itself was moved or removed
		return true
	}
	dir, name := filepath.Split(ev.Name)
	dir = filepath.Clean(dir)
	return f.places[place{dir, name}] || f.places[place{dir, anyName}]
}

// exists reports whether a change of mode may have made a target readable.
func (f *files) exists(path string) bool {
	return f.places[place{filepath.Dir(path), filepath.Base(path)}] || strings.HasSuffix(path, envSuffix)
}

// arm watches the directories that matter now, and no others.
func (f *files) arm() {
	for range 5 { // a directory may go while we look
		if f.armOnce() {
			return
		}
	}
}

func (f *files) armOnce() bool {
	f.places = map[place]bool{}
	for _, p := range f.paths {
		addPlaces(f.places, p)
	}
	for _, t := range f.trees {
		addPlaces(f.places, t)
		for _, dir := range treeDirs(t) {
			f.places[place{dir, anyName}] = true
		}
	}
	if f.notify == nil {
		return true
	}
	wanted := map[string]bool{}
	for p := range f.places {
		wanted[p.dir] = true
	}
	for dir := range f.watched {
		if !wanted[dir] {
			_ = f.notify.Remove(dir)
			delete(f.watched, dir)
		}
	}
	for dir := range wanted {
		// Also a directory that is watched already: it may be another one by now.
		if err := f.notify.Add(dir); err != nil {
			if missing(err) {
				delete(f.watched, dir)
				return false
			}
			f.blind(err)
			return true
		}
		f.watched[dir] = true
	}
	return true
}

// look reads everything again and reports the paths whose content changed.
func (f *files) look() {
	f.arm()
	now := f.read()
	var changed []string
	for path, d := range now {
		if old, ok := f.seen[path]; !ok || old != d {
			changed = append(changed, path)
		}
	}
	for path := range f.seen {
		if _, ok := now[path]; !ok {
			changed = append(changed, path)
		}
	}
	f.seen = now
	if len(changed) == 0 {
		return
	}
	slices.Sort(changed)
	f.send(signal{hint: true, event: Event{Kind: File, Reason: "file " + strings.Join(changed, ", "), Files: changed}})
}

func (f *files) read() map[string]digest {
	all := map[string]digest{}
	for _, p := range f.paths {
		all[p] = contentOf(p)
	}
	for _, t := range f.trees {
		for _, p := range treeFiles(t) {
			all[p] = contentOf(p)
		}
	}
	return all
}
