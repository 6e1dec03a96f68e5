package creds

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// cooldown is how long a session that gave up on a refused token stays with
// that answer, before it dares to try again.
const cooldown = time.Minute

// ErrClosed is the answer of a closed session.
var ErrClosed = errors.New("the session is closed")

// Session turns a credential into a token that lives. It is safe for parallel
// use, and starts no goroutine: whoever asks for a token when it is time does
// the work, and the others wait for that one answer.
//
// Only differences of the local clock are used, never what the token claims
// about itself, so a clock that is a day off does no harm.
type Session struct {
	// Now is the clock that words a refusal ("expired at"); nil means time.Now.
	// The life of a token is measured by time.Now alone.
	Now func() time.Time

	client *api.Client
	cred   Credential

	mu      sync.Mutex
	closed  bool
	held    held
	attempt *attempt // under way
	failure error    // the server's last word on the credential
	counts  Counts
}

// held is the token in hand.
type held struct {
	token     secret.Value
	static    bool          // no login: it lives until it is refused
	loginAt   time.Time     // when the login that led to it began
	since     time.Time     // when it was last issued or renewed
	ttl       time.Duration // 0: no limit known
	fullTTL   time.Duration // the ttl of the login: a renewal near the end may get less
	maxTTL    time.Duration // 0: no limit known
	retryAt   time.Time     // after a renewal that failed: not before then
	handedOut int
	rejected  int
	refusedAt time.Time
	before    secret.Value // the refused token that this one replaces, if it does
	retries   int          // refusals of that one: so many uses are second tries
}

// attempt is one login or renewal that several callers wait for.
type attempt struct {
	done      chan struct{}
	token     secret.Value
	err       error
	abandoned bool // the caller that led it went away: no answer for the others
}

// Counts tells how often a session went to the server.
type Counts struct{ Logins, Renewals int }

// Life is what a session knows about its token, for people.
type Life struct {
	Since   time.Time     // zero: not logged in yet
	TTL     time.Duration // 0: no limit known
	MaxTTL  time.Duration // 0: no limit known
	LoginAt time.Time
	Counts  Counts
}

// NewSession makes a session of c on the server of client. No request is sent
// until the first Token.
func NewSession(client *api.Client, c Credential) *Session {
	s := &Session{client: client, cred: c}
	if !c.Token.IsZero() {
		s.held = held{token: c.Token, static: true}
	}
	return s
}

// Credential returns the credential the session was made of.
func (s *Session) Credential() Credential { return s.cred }

// Token returns a token for one request, logging in or renewing first when it
// is time. A login the server refused is not repeated: the same error comes
// back without another request, until Forget.
func (s *Session) Token(ctx context.Context) (secret.Value, error) {
	for {
		s.mu.Lock()
		if token, err, ok := s.ready(time.Now()); ok {
			s.mu.Unlock()
			return token, err
		}
		a, leads := s.attempt, false
		if a == nil {
			a, leads = &attempt{done: make(chan struct{})}, true
			s.attempt = a
		}
		h := s.held
		s.mu.Unlock()

		if leads {
			s.lead(ctx, a, h)
		} else {
			select {
			case <-a.done:
			case <-ctx.Done():
				return secret.Value{}, context.Cause(ctx)
			}
			if a.abandoned && ctx.Err() == nil {
				continue // somebody else's patience ended, not ours
			}
		}
		return a.token, a.err
	}
}

// ready answers without a request if it can. The lock is held.
func (s *Session) ready(now time.Time) (secret.Value, error, bool) {
	h := &s.held
	switch {
	case s.closed:
		return secret.Value{}, ErrClosed, true
	case h.gaveUp(now, s.cred.Login != nil):
		return secret.Value{}, s.rejectedError(h.token), true
	case !h.token.IsZero() && h.rejected > 0 && s.cred.Login == nil:
		h.rejected, h.handedOut = 0, 0 // the cooldown is over: ask the server again
	case h.usable(now) && (!h.due(now) || s.failure != nil):
	case s.failure != nil:
		return secret.Value{}, s.failure, true
	case h.token.IsZero() && s.cred.Login == nil:
		return secret.Value{}, errors.New("the credential has neither a token nor a login"), true
	default:
		return secret.Value{}, nil, false
	}
	h.handedOut++
	return h.token, nil, true
}

// lead does the work of one attempt in the caller's own goroutine and tells the others.
func (s *Session) lead(ctx context.Context, a *attempt, h held) {
	next, err := s.refresh(ctx, h)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(a.done)
	s.attempt = nil
	now := time.Now()
	switch {
	case err == nil:
		s.held, s.failure = next, nil
	case ctx.Err() != nil:
		a.abandoned = true
	default:
		if e, ok := errors.AsType[*LoginError](err); ok && e.Final {
			s.failure = err
		}
	}
	if err != nil && s.held.usable(now) && ctx.Err() == nil {
		// The old token still lives: go on with it and try again in a while.
		s.held.retryAt = now.Add(max(time.Second, s.held.left(now)/3))
		err = nil
	}
	if err == nil {
		s.held.handedOut++
		a.token = s.held.token
	}
	a.err = err
	if s.closed {
		s.held, a.token, a.err = held{}, secret.Value{}, ErrClosed
	}
}

// refresh renews if that is possible and wise, and logs in otherwise.
func (s *Session) refresh(ctx context.Context, h held) (held, error) {
	now := time.Now()
	if h.usable(now) && h.renewable(now) {
		next, err := s.renew(ctx, h)
		if err == nil || ctx.Err() != nil || !refused(err) {
			return next, err
		}
		s.Reject(ctx, h.token) // a token whose renewal was refused is gone
		h.rejected++
	}
	return s.login(ctx, h)
}

func (s *Session) login(ctx context.Context, old held) (held, error) {
	began := time.Now()
	s.count(func(c *Counts) { c.Logins++ })
	token, err := s.cred.Login(ctx, s.client)
	if err != nil {
		return held{}, s.loginError(err)
	}
	next := held{
		token:   token.AccessToken.Value,
		loginAt: began,
		since:   began,
		ttl:     seconds(token.ExpiresIn),
		fullTTL: seconds(token.ExpiresIn),
		maxTTL:  seconds(token.MaxTTL),
	}
	if old.rejected > 0 {
		next.before, next.retries = old.token, old.rejected
	}
	if old.rejected > 0 && next.token.Equal(old.token) {
		// The file or process it was read from still holds the refused one.
		return held{}, s.rejectedError(old.token)
	}
	return next, nil
}

func (s *Session) renew(ctx context.Context, h held) (held, error) {
	began := time.Now()
	s.count(func(c *Counts) { c.Renewals++ })
	var token api.Token
	_, err := s.client.Do(ctx, api.Call{
		Method: http.MethodPost, Path: "/api/v1/auth/token/renew", Limit: maxFile,
		Body: api.RenewRequest{AccessToken: api.Wrap(h.token)},
	}, &token)
	if err != nil {
		return held{}, err
	}
	h.since, h.retryAt = began, time.Time{}
	h.ttl = seconds(token.ExpiresIn)
	if token.MaxTTL > 0 {
		h.maxTTL = seconds(token.MaxTTL)
	}
	if !token.AccessToken.Empty() && !token.AccessToken.Equal(h.token) {
		h.token, h.handedOut, h.rejected = token.AccessToken.Value, 0, 0
	}
	return h, nil
}

// Reject tells that the server refused token. If it is the one in hand, the
// next Token logs in once, for however many callers. A replacement that is
// refused as well, before any use of it succeeded, ends the matter with a
// *RejectedError for the next minute.
func (s *Session) Reject(_ context.Context, token secret.Value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch h := &s.held; {
	case token.IsZero() || h.token.IsZero():
	case h.token.Equal(token):
		h.rejected++
		h.refusedAt = time.Now()
	case !h.before.IsZero() && h.before.Equal(token):
		h.retries++ // it was replaced while this use of it was under way
	}
}

// Forget drops a remembered failure: a file the credential is read from
// changed, so the next Token may try again.
func (s *Session) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = nil
	if s.held.rejected > 0 {
		s.held.refusedAt = time.Time{}
	}
}

// Life tells about the token in hand.
func (s *Session) Life() Life {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Life{Since: s.held.since, TTL: s.held.ttl, MaxTTL: s.held.maxTTL, LoginAt: s.held.loginAt, Counts: s.counts}
}

// Close forgets the token. Later calls of Token fail with ErrClosed.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed, s.held = true, held{}
	return nil
}

func (s *Session) count(add func(*Counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.counts)
}

func (s *Session) loginError(err error) error {
	if _, ok := errors.AsType[*LoginError](err); ok {
		return err
	}
	e := &LoginError{Provider: s.cred.Provider, Method: s.cred.Method, Final: refused(err), Err: err}
	if e.Final {
		e.hint = s.cred.NextStep
	}
	return e
}

// rejectedError words the refusal of token by what it claims about itself.
func (s *Session) rejectedError(token secret.Value) error {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	e := &RejectedError{
		Provider: s.cred.Provider, Method: s.cred.Method, Now: now(),
		ExpiresAt: s.cred.ExpiresAt, NotBefore: s.cred.NotBefore, NextStep: s.cred.NextStep,
	}
	if c, err := bearer("token", token); err == nil && !c.ExpiresAt.IsZero() {
		e.ExpiresAt, e.NotBefore = c.ExpiresAt, c.NotBefore
	}
	return e
}
