package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// DefaultBudget bounds one request with all its retries when its context has no deadline.
	DefaultBudget = 30 * time.Second
	// DefaultAttemptTimeout is how long one attempt may go without a byte from the server.
	DefaultAttemptTimeout = 10 * time.Second

	// A retry that would have less than this left is not started.
	minAttempt = 100 * time.Millisecond
	// A host name that does not exist is asked for this often: DNS may be a
	// moment late when a container starts, but a typing error stays one.
	maxUnknownHost = 3
)

// Wait tells that a request failed and is tried again.
type Wait struct {
	Method, Path string
	Reason       string        // what went wrong, in words, with the host
	Attempt      int           // the one that failed, from 1
	Delay        time.Duration // until the next one starts
}

// retry sends a request until it is answered, or cannot be in time.
//
// Retried are failures without an answer and the statuses 408, 425, 429, 500,
// 502, 503 and 504; after an exponential delay with full jitter, or the wait
// the server names, whichever is longer. A retry that does not fit before the
// deadline of the request's context is not started; the last failure is
// returned then, since it says more than "time limit".
//
// A request that is not idempotent (POST: a login) is retried as long as no
// answer had begun, and on those statuses. The server may have counted such a
// login, which costs one use of a client secret; the alternative, not
// starting because of one lost packet, is worse. Once an answer has begun the
// login took place, and a second one could exceed the secret's use limit.
type retry struct {
	next     http.RoundTripper
	retries  int // < 0: none; 0: as many as fit
	attempt  time.Duration
	limit    int64
	budget   time.Duration
	schedule func() *backoff.ExponentialBackOff
	notify   func(Wait)
}

type onceKey struct{}

// Once marks a context whose requests are tried once. A watcher uses it: its
// next look is its retry, and retries in both places would multiply.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

// fullJitter is uniform in [0, 0.5s], [0, 1s], [0, 2s] ... [0, 8s].
func fullJitter() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     250 * time.Millisecond,
		RandomizationFactor: 1,
		Multiplier:          2,
		MaxInterval:         4 * time.Second,
	}
}

func (t *retry) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("Accept") == eventStream {
		return t.stream(req)
	}
	ctx := req.Context()
	deadline, ok := ctx.Deadline()
	if !ok {
		var cancel context.CancelFunc
		deadline = time.Now().Add(t.budget)
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel() // the body is read by then
	}
	var last *http.Response
	var lastErr error
	delays := t.schedule()
	for n := 1; ; n++ {
		if n > 1 {
			if err := rewind(req); err != nil {
				return last, lastErr
			}
		}
		resp, err := t.once(ctx, req, t.attemptLimit(req, deadline, n))
		if err != nil && n > 1 && errors.Is(err, context.DeadlineExceeded) && passed(ctx) {
			return last, lastErr
		}
		last, lastErr = resp, err
		reason, wait, again := t.again(req, resp, err, n)
		if !again || ctx.Err() != nil {
			return resp, err
		}
		wait = max(wait, delays.NextBackOff())
		if time.Until(deadline) < wait+minAttempt {
			return resp, err
		}
		if t.notify != nil {
			t.notify(Wait{Method: req.Method, Path: req.URL.Path, Reason: reason, Attempt: n, Delay: wait})
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// attemptLimit lets the first attempt have at most half of the time, so that a
// connection that hangs leaves room for another one; one that has to be the
// only one gets it all.
func (t *retry) attemptLimit(req *http.Request, deadline time.Time, n int) time.Duration {
	left := time.Until(deadline)
	if t.retries < 0 || req.Context().Value(onceKey{}) != nil {
		return left
	}
	if n == 1 {
		left /= 2
	}
	return min(t.attempt, left)
}

// once is one attempt, with its whole body. It is given up when the server
// sends nothing for limit, be it before or in the middle of the answer.
func (t *retry) once(parent context.Context, req *http.Request, limit time.Duration) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	stall := time.AfterFunc(limit, func() { cancel(errStalled) })
	defer stall.Stop()
	resp, err := t.next.RoundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, ended(parent, ctx, err, limit, -1)
	}
	defer resp.Body.Close()
	size := t.limit
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		size = errorBodyLimit
	}
	body, err := readBody(resp, size, func() { stall.Reset(limit) })
	if _, large := errors.AsType[*tooLargeError](err); large && size == errorBodyLimit {
		body, err = nil, nil // the status says enough
	}
	if b, ok := errors.AsType[*bodyError](err); ok {
		b.err = ended(parent, ctx, b.err, limit, b.got)
	}
	if err != nil {
		return nil, err
	}
	resp.Body = newBuffered(body)
	return resp, nil
}

var errStalled = errors.New("stalled")

// ended says which limit ended an attempt, where one did: a context that is
// done shows as any of several errors.
func ended(parent, ctx context.Context, err error, limit time.Duration, got int) error {
	switch {
	case errors.Is(parent.Err(), context.Canceled):
		return context.Canceled
	case passed(parent):
		return context.DeadlineExceeded
	case errors.Is(context.Cause(ctx), errStalled):
		return &stalledError{after: limit, got: got}
	}
	return err
}

// passed reports whether the deadline of ctx is over: then the time limit as a
// whole ended the attempt, not the limit of the attempt.
func passed(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// stream is one attempt whose body stays open; only the headers have a time limit.
func (t *retry) stream(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	stall := time.AfterFunc(t.attempt, cancel)
	resp, err := t.next.RoundTrip(req.WithContext(ctx))
	if !stall.Stop() && req.Context().Err() == nil {
		if err == nil {
			resp.Body.Close()
		}
		cancel()
		return nil, &stalledError{after: t.attempt, got: -1}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &endingBody{resp.Body, cancel}
	return resp, nil
}

// again decides about another attempt, and how long the server wants it to wait.
func (t *retry) again(req *http.Request, resp *http.Response, err error, n int) (reason string, wait time.Duration, again bool) {
	switch {
	case t.retries < 0, req.Context().Value(onceKey{}) != nil, t.retries > 0 && n > t.retries, req.Body != nil && req.GetBody == nil:
		return "", 0, false
	case err != nil:
		return networkError(Call{}, req.URL, err).Reason, 0, transient(req, err, n)
	case resp.StatusCode < 400:
		return "", 0, false
	}
	e := &Error{Status: resp.StatusCode}
	if body, ok := resp.Body.(*buffered); ok {
		e.parse(body.b)
	}
	if !e.Retryable() {
		return "", 0, false
	}
	reason = fmt.Sprintf("%s: %d %s", req.URL.Host, e.Status, http.StatusText(e.Status))
	return reason, jitter(retryAfter(resp.Header, e.Message, time.Now())), true
}

// jitter adds up to a tenth (at most one second) to a wait the server names,
// so that not everybody it was named to comes back in the same instant.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return d + rand.N(min(d/10, time.Second)+1)
}

// transient reports whether a failure without an answer may pass.
func transient(req *http.Request, err error, n int) bool {
	if errors.Is(err, context.Canceled) && req.Context().Err() != nil {
		return false
	}
	if _, begun := errors.AsType[*bodyError](err); begun && req.Method != http.MethodGet && req.Method != http.MethodHead {
		return false
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return n < maxUnknownHost
	}
	return mayPass(err)
}

// mayPass reports whether trying again can help: what a certificate or a size
// limit decided stays decided.
func mayPass(err error) bool {
	if _, ok := errors.AsType[*tooLargeError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*tlsSetupError](err); ok {
		return false
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return false
	}
	text := err.Error()
	return !strings.HasPrefix(text, "remote error: tls: ") && !strings.HasPrefix(text, "tls: ")
}

// retryable reports whether a status may pass.
func retryable(status int, message string) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return !finalMessage(message)
	}
	return false
}

// finalMessage knows the answers that are 5xx and yet will not change: servers
// of 2024 answer an unknown project slug so.
func finalMessage(message string) bool {
	return strings.Contains(message, "Failed to find project by slug")
}

func rewind(req *http.Request) error {
	if req.GetBody == nil {
		return nil
	}
	body, err := req.GetBody()
	if err == nil {
		req.Body = body
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
