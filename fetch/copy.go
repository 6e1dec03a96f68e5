package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// CopyMode says when the offline copy is used.
type CopyMode int

const (
	CopyFallback CopyMode = iota // when the server cannot be reached or fails
	CopyPrefer                   // before the server is asked, while it is young
	CopyOffline                  // instead of the server
)

// Defaults of a Copy's durations.
const (
	DefaultCopyMaxAge       = 24 * time.Hour
	DefaultCopyRefreshAfter = 5 * time.Minute
	DefaultCopyWait         = 5 * time.Second
)

// Copy wraps a source and keeps an encrypted last-known-good copy of what it
// fetched: one file for each scope, server and identity. The copy stands in
// for a server that cannot be reached or fails, and never for one that
// answered: after a 401, 403 or 404 its error is the outcome. Whenever the copy is
// used a warning says so, with its age.
//
// A failure of the copy itself (a full disk, a foreign file) is a warning too:
// what the source fetched counts.
type Copy struct {
	Source   Source
	Dir      string
	Origin   string // the server's address
	Identity string // who asked, such as an identity id; not a secret
	// Key is what the sealing key derives from: the credential itself or the
	// content of a key file, so that a copy without it is noise. When it is
	// empty no copy is kept or used.
	Key secret.Value

	Mode         CopyMode
	NoFallback   bool          // --on-fetch-error fail: keep the copy, do not fall back to it
	MaxAge       time.Duration // an older copy is not used; 0 is DefaultCopyMaxAge
	RefreshAfter time.Duration // CopyPrefer: an older copy is fetched anew first; 0 is DefaultCopyRefreshAfter
	Wait         time.Duration // how long a failing server is tried when there is a copy; 0 is DefaultCopyWait

	Now        func() time.Time // nil: time.Now
	BeforeSave func()           // nil: none; a copy is about to be written, which should not be cut off in the middle

	mu         sync.Mutex
	saveFailed string // the last failure that was said
}

// CopyError is an offline copy that was needed and cannot be used.
type CopyError struct {
	Reason string
	Hint   string
	Err    error
}

// Error is the reason alone; Hint is for a line of its own.
func (e *CopyError) Error() string { return "offline copy: " + e.Reason }

// Unwrap gives the cause.
func (e *CopyError) Unwrap() error { return e.Err }

const noKeyHint = "this credential changes with every login: give --cache-key-file FILE with 32 random bytes"

// Fetch answers from the source or from the copy, as Mode says.
func (c *Copy) Fetch(ctx context.Context, scope Scope) (*Snapshot, error) {
	if c.Key.Empty() {
		if c.Mode == CopyOffline {
			return nil, &CopyError{Reason: "there is no key to open it with", Hint: noKeyHint}
		}
		snapshot, err := c.Source.Fetch(ctx, scope)
		if err == nil {
			snapshot.Warnings = append(snapshot.Warnings, "no offline copy is kept: "+noKeyHint)
		}
		return snapshot, err
	}
	name, err := c.name(scope)
	if err != nil {
		return nil, err
	}
	switch c.Mode {
	case CopyOffline:
		copied, err := c.open(name, scope)
		if err != nil {
			return nil, err
		}
		return c.use(copied, "--offline"), nil
	case CopyPrefer:
		copied, problem := c.open(name, scope)
		if problem == nil && c.age(copied) < orElse(c.RefreshAfter, DefaultCopyRefreshAfter) {
			return c.use(copied, "--prefer-cache"), nil
		}
		snapshot, err := c.fetchOrCopy(ctx, name, scope)
		if err == nil && problem != nil && !errors.Is(problem, fs.ErrNotExist) && !slices.Contains(snapshot.Warnings, problem.Error()) {
			snapshot.Warnings = append(snapshot.Warnings, problem.Error())
		}
		return snapshot, err
	}
	return c.fetchOrCopy(ctx, name, scope)
}

// Refresh asks the source and keeps what it answers, whatever Mode says; the
// copy is never the answer. It is what a watcher uses: it has the current
// secrets already, and a copy could only be older.
func (c *Copy) Refresh(ctx context.Context, scope Scope) (*Snapshot, error) {
	snapshot, err := c.Source.Fetch(ctx, scope)
	if err != nil || c.Key.Empty() {
		return snapshot, err
	}
	name, err := c.name(scope)
	if err != nil {
		return nil, err
	}
	c.keep(name, scope, snapshot)
	return snapshot, nil
}

// fetchOrCopy gives the server Wait to answer if there is a copy, all the time
// there is otherwise.
func (c *Copy) fetchOrCopy(ctx context.Context, name string, scope Scope) (*Snapshot, error) {
	if c.NoFallback || !c.exists(name) {
		return c.Refresh(ctx, scope)
	}
	short, cancel := context.WithTimeout(ctx, orElse(c.Wait, DefaultCopyWait))
	snapshot, err := c.Source.Fetch(short, scope)
	cancel()
	if err == nil {
		c.keep(name, scope, snapshot)
		return snapshot, nil
	}
	if !mayFallBack(ctx, err) {
		return nil, err
	}
	copied, problem := c.open(name, scope)
	if problem == nil {
		return c.use(copied, err.Error()), nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w; %w", err, problem)
	}
	// The copy is of no use: go on as if there were none.
	if snapshot, err = c.Refresh(ctx, scope); err != nil {
		return nil, fmt.Errorf("%w; %w", err, problem)
	}
	snapshot.Warnings = append(snapshot.Warnings, problem.Error())
	return snapshot, nil
}

// mayFallBack reports whether an error is about reaching the server. A
// cancellation from outside (a signal) is none: nothing is to be started then.
func mayFallBack(ctx context.Context, err error) bool {
	if errors.Is(ctx.Err(), context.Canceled) {
		return false
	}
	return api.Failing(err) || errors.Is(err, context.DeadlineExceeded)
}

// keep saves a snapshot, and says once when that fails.
func (c *Copy) keep(name string, scope Scope, snapshot *Snapshot) {
	if snapshot.FromCopy || scope.NamesOnly {
		return
	}
	failed := ""
	if err := c.save(name, scope, snapshot); err != nil {
		failed = "the offline copy could not be kept in " + c.Dir + ": " + err.Error()
	}
	c.mu.Lock()
	news := failed != c.saveFailed
	c.saveFailed = failed
	c.mu.Unlock()
	if failed != "" && news {
		snapshot.Warnings = append(snapshot.Warnings, failed)
	}
}

// use makes a snapshot of the copy say what it is.
func (c *Copy) use(s *Snapshot, why string) *Snapshot {
	age := ageInWords(c.age(s))
	s.FromCopy = true
	s.Source = fmt.Sprintf("offline copy of %s, %s old", c.Origin, age)
	s.Warnings = append(s.Warnings, fmt.Sprintf("using the offline copy, %s old (%s)", age, why))
	return s
}

func (c *Copy) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Copy) age(s *Snapshot) time.Duration { return max(c.now().Sub(s.FetchedAt), 0) }

func ageInWords(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Truncate(time.Second).String()
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}
