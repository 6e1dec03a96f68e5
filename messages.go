package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"infuse/fetch"
)

// Exit statuses of infuse itself; see the README's table.
const (
	statusFailed      = 1   // a command other than run failed
	statusUsage       = 2   // ... was misused
	statusInterrupted = 130 // ... was interrupted
	statusRun         = 125 // run: infuse itself failed, as with env(1), timeout(1) and docker
)

// usageError is a command line that cannot be understood.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// hintError is an error with next steps.
type hintError struct {
	err   error
	hints []string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

func hinted(err error, hints ...string) error { return &hintError{err, hints} }

// usage words a parse error of kong.
func usage(command string, err error) error {
	if text := err.Error(); strings.Contains(text, `must be one of "",`) { // an enumeration that may be left out
		err = errors.New(strings.Replace(text, `one of "",`, "one of ", 1))
	}
	if command != "" {
		return &usageError{hinted(err, "`infuse "+command+" --help` lists what there is")}
	}
	if strings.HasPrefix(err.Error(), "unknown flag ") {
		return &usageError{hinted(err, "flags stand behind the command: infuse run -e prod -- COMMAND", "`infuse --help` lists what there is")}
	}
	return &usageError{hinted(err, "`infuse --help` lists what there is")}
}

// report prints an error once: one line, then its hints; where messages are
// JSON, as one object.
func (p *program) report(err error) {
	if p.json {
		var hints []any
		if all := allHints(err); len(all) > 0 {
			hints = []any{"hints", all}
		}
		p.log.Error(oneLine(err.Error()), hints...)
		return
	}
	w := p.stderr
	if p.journal != nil {
		w = io.MultiWriter(p.stderr, p.journal)
	}
	fmt.Fprintf(w, "infuse: %s\n", oneLine(err.Error()))
	for _, hint := range allHints(err) {
		fmt.Fprintf(w, "hint: %s\n", oneLine(hint))
	}
}

// allHints are the next steps of err and of what it wraps, each once.
func allHints(err error) []string {
	if err == nil {
		return nil
	}
	hints, wrapped := slices.Clone(hintsOf(err)), []error{errors.Unwrap(err)}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		wrapped = several.Unwrap()
	}
	for _, e := range wrapped {
		for _, hint := range allHints(e) {
			if !slices.Contains(hints, hint) {
				hints = append(hints, hint)
			}
		}
	}
	return hints
}

// hintsOf are the next steps that this very error carries; the packages below
// give theirs by a method.
func hintsOf(err error) []string {
	switch e := err.(type) {
	case *hintError:
		return e.hints
	case *fetch.ScopeError:
		return nonEmpty(e.Hint)
	case *fetch.CopyError:
		return nonEmpty(e.Hint)
	case interface{ Hint() string }:
		return nonEmpty(e.Hint())
	}
	return nil
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// oneLine keeps an error on one line and a terminal safe from control characters.
func oneLine(text string) string {
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ") // errors.Join
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

// logger prints messages of infuse itself on stderr: in text as
// `infuse: warning: ...`, in JSON one object a line with the keys time, level,
// msg and those of the message.
type logger = slog.Logger

func newLogger(w io.Writer, level slog.Level, json bool) *logger {
	if json {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(&textHandler{w: w, level: level, mu: new(sync.Mutex)})
}

// textHandler writes `infuse: LEVEL: message key=value`.
type textHandler struct {
	w     io.Writer
	level slog.Level
	attrs []slog.Attr
	mu    *sync.Mutex
}

func (h *textHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *textHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append(append([]slog.Attr(nil), h.attrs...), attrs...)
	return &with
}

func (h *textHandler) WithGroup(string) slog.Handler { return h }

func (h *textHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString("infuse: ")
	switch {
	case r.Level >= slog.LevelError:
		b.WriteString("error: ")
	case r.Level >= slog.LevelWarn:
		b.WriteString("warning: ")
	case r.Level < slog.LevelInfo:
		b.WriteString("debug: ")
	}
	b.WriteString(oneLine(r.Message))
	add := func(a slog.Attr) bool {
		if value := a.Value.Resolve().String(); value != "" {
			fmt.Fprintf(&b, " %s=%s", a.Key, quoteIfNeeded(oneLine(value)))
		}
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, b.String())
	return err
}

func quoteIfNeeded(s string) string {
	if strings.ContainsAny(s, " \"=") {
		return fmt.Sprintf("%q", s)
	}
	return s
}

// newLogger makes the logger that the flags ask for.
func (p *program) newLogger(f *messageFlags) (*logger, error) {
	levels := map[string]slog.Level{
		"trace": slog.LevelDebug, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn,
		"err": slog.LevelError, "error": slog.LevelError, "fatal": slog.LevelError,
	}
	level, ok := levels[strings.ToLower(f.LogLevel)]
	if !ok {
		return nil, &usageError{fmt.Errorf("--log-level: %q is not error, warn, info or debug", f.LogLevel)}
	}
	switch {
	case f.Quiet:
		level = slog.LevelError
	case f.Verbose == 1:
		level = min(level, slog.LevelInfo)
	case f.Verbose > 1:
		level = slog.LevelDebug
	}
	switch strings.ToLower(f.LogFormat) {
	case "json":
		p.json = true
	case "text", "console", "plain":
		p.json = false
	default:
		return nil, &usageError{fmt.Errorf("--log-format: %q is not text or json", f.LogFormat)}
	}
	log := newLogger(p.stderr, level, p.json)
	if p.journal != nil {
		log = slog.New(slog.NewMultiHandler(log.Handler(), newLogger(p.journal, slog.LevelDebug, p.json).Handler()))
	}
	return log, nil
}
