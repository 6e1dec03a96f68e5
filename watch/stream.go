package watch

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/tmaxmax/go-sse"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// TokenSource gives the bearer of a request. Reject says that the server
// refused a token, so that the next Token is another one, if there is any.
type TokenSource interface {
	Token(ctx context.Context) (secret.Value, error)
	Reject(ctx context.Context, token secret.Value)
}

// Events are the project events of an Infisical server: POST
// /api/v1/events/subscribe/project-events answers with server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). Where the
// server does not offer them (its plan, its age, missing permission) the stream
// ends quietly and polling is all there is.
type Events struct {
	Client      *api.Client
	Tokens      TokenSource
	ProjectID   string
	Environment string   // slug
	Paths       []string // of folders; none means /
	Recursive   bool
}

const (
	subscribePath = "/api/v1/events/subscribe/project-events"

	// The server pings every 15 seconds; it names no retry time.
	pingTimeout = 45 * time.Second
	// The largest event; the server's hold a list of names.
	eventLimit = 1 << 20

	// A fleet that starts in one second spreads its connections over a sixth of
	// the interval, at most this long.
	connectSpread = 10 * time.Second

	reconnectFirst = time.Second
	reconnectMost  = time.Minute
	// A refusal for too many connections (429) is asked again less often: of a
	// large fleet only a hundred get a stream, the others keep polling.
	reconnectCrowd = 15 * time.Minute
	healthyAfter   = 30 * time.Second
)

var (
	errPing       = errors.New("no ping for 45 seconds")
	errEnded      = errors.New("the server closed the stream")
	errPermission = errors.New("the server withdrew the subscription")
	errNoStream   = errors.New("the answer is not an event stream")
)

// stream keeps one subscription open.
type stream struct {
	Events
	log    *slog.Logger
	random func() float64
	first  time.Duration // the longest wait before the first connection
	send   func(signal)

	rejected secret.Value // the last token the server refused
}

func newStream(cfg Config, send func(signal)) *stream {
	return &stream{Events: *cfg.Events, log: cfg.Log, random: cfg.Random, first: min(cfg.Interval/6, connectSpread), send: send}
}

// run connects, again and again, until ctx ends or the server says that there
// is no use.
func (s *stream) run(ctx context.Context) {
	sleep(ctx, s.jittered(s.first))
	for failures := 0; ctx.Err() == nil; {
		up, err := s.connect(ctx)
		if ctx.Err() != nil {
			return
		}
		if permanent(err) {
			s.log.Debug("no project events: polling only", "reason", err)
			return
		}
		if up >= healthyAfter {
			failures = 0
		}
		s.log.Debug("project events interrupted", "reason", err)
		if retry := s.rejection(ctx, err); retry {
			continue
		}
		sleep(ctx, s.backoff(failures, err))
		failures++
	}
}

// rejection hands a refused token back, once, and reports whether another
// attempt may follow at once.
func (s *stream) rejection(ctx context.Context, err error) bool {
	refused, ok := errors.AsType[*refusedToken](err)
	if !ok || refused.token.Equal(s.rejected) {
		return false
	}
	again := s.rejected.IsZero()
	s.rejected = refused.token
	s.Tokens.Reject(ctx, refused.token)
	return again
}

// backoff is the pause before the next connection, with full jitter
// (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
func (s *stream) backoff(failures int, err error) time.Duration {
	most := reconnectMost
	if refused, ok := errors.AsType[*api.Error](err); ok && refused.Status == http.StatusTooManyRequests {
		most = reconnectCrowd
	}
	d := min(reconnectFirst<<min(failures, 20), most)
	return boundedRetryAfter(err) + s.jittered(d)
}

func (s *stream) jittered(d time.Duration) time.Duration {
	return time.Duration(s.random() * float64(d))
}

// permanent tells refusals that a later attempt will not lift.
func permanent(err error) bool {
	if errors.Is(err, errNoStream) {
		return true
	}
	refused, ok := errors.AsType[*api.Error](err)
	if !ok || refused.TokenRejected() {
		return false
	}
	switch refused.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	case http.StatusNotImplemented:
		return true
	}
	return refused.Status < 500
}

// refusedToken is an error that the token is to blame for.
type refusedToken struct {
	token secret.Value
	err   error
}

func (e *refusedToken) Error() string { return e.err.Error() }
func (e *refusedToken) Unwrap() error { return e.err }

// connect opens the stream and reads it to its end. It returns how long the
// stream was up, and never a nil error.
func (s *stream) connect(ctx context.Context) (time.Duration, error) {
	token, err := s.Tokens.Token(ctx)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alive := time.AfterFunc(pingTimeout, func() { cancel(errPing) })
	defer alive.Stop()

	body := subscription{ProjectID: s.ProjectID, Register: s.register()}
	resp, err := s.Client.Stream(ctx, api.Call{Method: http.MethodPost, Path: subscribePath, Token: token, Body: body})
	if err != nil {
		if refused, ok := errors.AsType[*api.Error](err); ok && refused.TokenRejected() {
			err = &refusedToken{token, err}
		}
		return 0, reason(ctx, err)
	}
	defer resp.Body.Close()
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "text/event-stream" {
		return 0, errNoStream // such as the web interface's page, for a route that is not there
	}
	s.rejected = secret.Value{}
	began := time.Now()
	s.log.Debug("project events connected")
	s.send(signal{stream: 1, hint: true, event: Event{Kind: Connected, Reason: "events connected", Fresh: true}})
	defer s.send(signal{stream: -1})
	err = s.read(&aliveReader{resp.Body, alive})
	return time.Since(began), reason(ctx, err)
}

// reason prefers why the context ended, such as a ping that did not come.
func reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// read passes on what concerns us until the stream ends.
func (s *stream) read(r io.Reader) error {
	for ev, err := range sse.Read(r, &sse.ReadConfig{MaxEventSize: eventLimit}) {
		switch {
		case err != nil:
			return err
		case ev.Type == "ping":
		case ev.Type == "error":
			return errPermission
		default:
			if reason, ok := s.concerns(ev.Type, ev.Data); ok {
				s.send(signal{hint: true, event: Event{Kind: Pushed, Reason: reason, Fresh: true}})
			}
		}
	}
	return errEnded
}

// aliveReader puts the ping timeout off with every byte, comments included.
type aliveReader struct {
	io.Reader
	timer *time.Timer
}

func (r *aliveReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if n > 0 {
		r.timer.Reset(pingTimeout)
	}
	return n, err
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
