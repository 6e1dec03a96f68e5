package creds_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"infuse/creds"
	"infuse/fetch/api"
	"infuse/fetch/devserver"
	"infuse/fetch/secret"
)

const (
	loginRoute = "POST /api/v1/auth/universal-auth/login"
	renewRoute = "POST /api/v1/auth/token/renew"
)

// bench is a server with one identity, and a session on it.
type bench struct {
	t        *testing.T
	server   *devserver.Server
	identity devserver.Identity
	client   *api.Client
	session  *creds.Session
}

func newBench(t *testing.T, era devserver.Era, id devserver.Identity) *bench {
	t.Helper()
	b := &bench{t: t, server: devserver.New(devserver.Config{Era: era})}
	b.identity = b.server.AddIdentity(id)
	b.client = &api.Client{Base: &url.URL{Scheme: "http", Host: "server.test"}, HTTP: &http.Client{Transport: b.server.Transport()}}
	b.session = b.newSession(b.identity.ClientSecret)
	return b
}

func (b *bench) newSession(clientSecret string) *creds.Session {
	c, err := creds.Default(creds.Config{ClientID: b.identity.ClientID, ClientSecret: secret.New(clientSecret)}).Retrieve(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return creds.NewSession(b.client, c)
}

// request is one request as a source of secrets makes it: with a second try
// after a refused token, and no third.
func (b *bench) request(ctx context.Context) error {
	for try := 0; ; try++ {
		token, err := b.session.Token(ctx)
		if err != nil {
			return err
		}
		_, err = b.client.Do(ctx, api.Call{Method: http.MethodGet, Path: "/api/v1/identities/details", Token: token}, nil)
		e, refused := errors.AsType[*api.Error](err)
		if !refused || !e.TokenRejected() {
			return err
		}
		b.session.Reject(ctx, token)
		if try == 1 {
			return err
		}
	}
}

func (b *bench) must(want error) {
	b.t.Helper()
	if err := b.request(b.t.Context()); !errors.Is(err, want) {
		b.t.Fatalf("got %v, want %v", err, want)
	}
}

func (b *bench) counts(logins, renewals int) {
	b.t.Helper()
	if l, r := b.server.Count(loginRoute), b.server.Count(renewRoute); l != logins || r != renewals {
		b.t.Fatalf("%d logins and %d renewals, want %d and %d", l, r, logins, renewals)
	}
	if c := b.session.Life().Counts; c.Logins != logins || c.Renewals != renewals {
		b.t.Fatalf("the session counted %+v, want %d and %d", c, logins, renewals)
	}
}

// noAuthorization checks that no login carried the header: a server refuses
// the login when the token in it has expired.
func (b *bench) noAuthorization() {
	b.t.Helper()
	for _, r := range b.server.Requests() {
		if r.Path != "/api/v1/identities/details" && r.Authorization {
			b.t.Errorf("%s %s carries an Authorization header", r.Method, r.Path)
		}
	}
}

func eras(t *testing.T, f func(t *testing.T, era devserver.Era)) {
	for name, era := range map[string]devserver.Era{"2024": devserver.Era2024, "current": devserver.Current} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, era) }) })
	}
}

// TestTwoThirds: a token is renewed at two thirds of its life, not before.
func TestTwoThirds(t *testing.T) {
	eras(t, func(t *testing.T, era devserver.Era) {
		b := newBench(t, era, devserver.Identity{TTL: time.Hour, MaxTTL: 30 * 24 * time.Hour})
		b.must(nil)
		time.Sleep(40*time.Minute - time.Second)
		b.must(nil)
		b.counts(1, 0)
		time.Sleep(time.Second)
		b.must(nil)
		b.counts(1, 1)
		time.Sleep(40*time.Minute - time.Second) // counted from the renewal
		b.must(nil)
		b.counts(1, 1)
		time.Sleep(time.Second)
		b.must(nil)
		b.counts(1, 2)
		b.noAuthorization()
	})
}

// TestMaxTTL: a renewal that would pass the maximum deletes the token, so the
// session logs in instead, and no request ever fails, for a week.
func TestMaxTTL(t *testing.T) {
	for _, ttl := range []time.Duration{5 * time.Second, time.Minute, time.Hour} {
		eras(t, func(t *testing.T, era devserver.Era) {
			b := newBench(t, era, devserver.Identity{TTL: ttl, MaxTTL: ttl * 12 / 5})
			for range 300 {
				b.must(nil)
				time.Sleep(ttl / 7)
			}
			if n := b.server.Count("GET /api/v1/identities/details"); n != 300 {
				t.Errorf("%d requests for 300: a token was refused", n)
			}
			life := b.session.Life()
			if life.Counts.Renewals == 0 || life.Counts.Logins < 10 {
				t.Errorf("%+v: renewals and logins should take turns", life.Counts)
			}
			b.counts(life.Counts.Logins, life.Counts.Renewals)
			b.noAuthorization()
		})
	}
}

// TestMaxEqualsTTL: the default of the server; there is nothing to renew.
func TestMaxEqualsTTL(t *testing.T) {
	eras(t, func(t *testing.T, era devserver.Era) {
		b := newBench(t, era, devserver.Identity{TTL: time.Hour, MaxTTL: time.Hour})
		b.must(nil)
		time.Sleep(41 * time.Minute)
		b.must(nil)
		b.counts(2, 0)
	})
}

// TestNoLimit: expiresIn 0 means that nothing is known; the token is used until it is refused.
func TestNoLimit(t *testing.T) {
	eras(t, func(t *testing.T, era devserver.Era) {
		b := newBench(t, era, devserver.Identity{TTL: -1, MaxTTL: -1})
		b.must(nil)
		time.Sleep(80 * 24 * time.Hour)
		b.must(nil)
		b.counts(1, 0)
		b.server.RevokeTokens(b.identity.ID)
		b.must(nil)
		b.counts(2, 0)
	})
}

// TestPeriodic: no maximum, so it is renewed for ever.
func TestPeriodic(t *testing.T) {
	eras(t, func(t *testing.T, era devserver.Era) {
		b := newBench(t, era, devserver.Identity{TTL: time.Hour, MaxTTL: -1})
		for range 100 {
			b.must(nil)
			time.Sleep(15 * time.Minute)
		}
		if c := b.session.Life().Counts; c.Logins != 1 || c.Renewals != 33 {
			t.Errorf("got %+v", c)
		}
	})
}

// TestSleptThrough: a machine that slept past the token's end logs in, and does
// not try to renew what is gone.
func TestSleptThrough(t *testing.T) {
	eras(t, func(t *testing.T, era devserver.Era) {
		b := newBench(t, era, devserver.Identity{TTL: time.Hour, MaxTTL: 24 * time.Hour})
		b.must(nil)
		time.Sleep(61 * time.Minute)
		b.must(nil)
		b.counts(2, 0)
	})
}

// TestOneLoginForAll: many callers at once, one login; many refusals of one
// token, one more.
func TestOneLoginForAll(t *testing.T) {
	eras(t, func(t *testing.T, era devserver.Era) {
		b := newBench(t, era, devserver.Identity{})
		b.server.Inject(devserver.Fault{Path: "/api/v1/auth/*", Delay: time.Second, Times: -1})
		parallel := func() {
			t.Helper()
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					if err := b.request(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		parallel()
		b.counts(1, 0)
		b.server.RevokeTokens(b.identity.ID)
		parallel()
		b.counts(2, 0)
		b.server.ExpireTokens(b.identity.ID) // 403 TokenError on a current server
		parallel()
		b.counts(3, 0)
		time.Sleep(21 * 24 * time.Hour) // renewals, too, are one for all
		parallel()
		if c := b.session.Life().Counts; c.Logins+c.Renewals != 4 {
			t.Errorf("50 callers at two thirds: %+v", c)
		}
	})
}

// TestRefusedAgain: a replacement that is refused as well ends the matter; a
// minute later one more login is allowed, so a watch recovers.
func TestRefusedAgain(t *testing.T) {
	eras(t, func(t *testing.T, era devserver.Era) {
		b := newBench(t, era, devserver.Identity{})
		b.must(nil)
		remove := b.server.Inject(devserver.Fault{Path: "/api/v1/identities/details", Status: 401, Times: -1})
		if err := b.request(t.Context()); err == nil {
			t.Fatal("no error")
		}
		b.counts(2, 0)
		for range 10 {
			err := b.request(t.Context())
			if _, ok := errors.AsType[*creds.RejectedError](err); !ok {
				t.Fatalf("got %v", err)
			}
		}
		b.counts(2, 0)
		time.Sleep(time.Minute)
		if err := b.request(t.Context()); err == nil {
			t.Fatal("no error")
		}
		b.counts(3, 0)
		remove()
		b.session.Forget()
		b.must(nil)
		b.counts(4, 0)
	})
}

// TestAllRefusedAgain: many callers against a server that refuses everything
// cost two logins, as one caller does.
func TestAllRefusedAgain(t *testing.T) {
	eras(t, func(t *testing.T, era devserver.Era) {
		b := newBench(t, era, devserver.Identity{})
		b.server.Inject(devserver.Fault{Path: "/api/v1/identities/details", Status: 401, Times: -1, Delay: time.Second})
		for range 3 {
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() {
					if err := b.request(t.Context()); err == nil {
						t.Error("no error")
					}
				})
			}
			wg.Wait()
		}
		b.counts(2, 0)
	})
}

// TestUseLimit: a token that is good for one request is replaced before every
// second one, also when requests come fast and at once.
func TestUseLimit(t *testing.T) {
	for _, uses := range []int{1, 2, 5} {
		eras(t, func(t *testing.T, era devserver.Era) {
			b := newBench(t, era, devserver.Identity{Uses: uses})
			for range 20 {
				b.must(nil)
				time.Sleep(5 * time.Second)
			}
			if got := b.server.Count(loginRoute); got != 20/uses {
				t.Errorf("%d logins for 20 requests of %d uses", got, uses)
			}
		})
	}
}

// TestBadCredentialsAreFinal: three failures lock the identity, so the second
// is never made.
func TestBadCredentialsAreFinal(t *testing.T) {
	eras(t, func(t *testing.T, era devserver.Era) {
		b := newBench(t, era, devserver.Identity{})
		b.session = b.newSession("wrong")
		var first error
		for range 5 {
			err := b.request(t.Context())
			e, ok := errors.AsType[*creds.LoginError](err)
			if !ok || !e.Final || hint(err) == "" {
				t.Fatalf("got %v", err)
			}
			if first == nil {
				first = err
			}
			if err != first {
				t.Errorf("another error: %v", err)
			}
			time.Sleep(time.Hour)
		}
		b.counts(1, 0)
		b.session.Forget()
		if err := b.request(t.Context()); err == nil {
			t.Error("no error")
		}
		b.counts(2, 0)
	})
}

// TestWhichRefusalsAreFinal: the server's word on the credential is, a failure to answer is not.
func TestWhichRefusalsAreFinal(t *testing.T) {
	for status, want := range map[int]bool{
		400: true, 401: true, 403: true, 404: true, 422: true,
		408: false, 425: false, 429: false, 500: false, 502: false, 503: false, 504: false,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			b := newBench(t, devserver.Current, devserver.Identity{})
			b.server.Inject(devserver.Fault{Path: "/api/v1/auth/*", Status: status})
			err := b.request(t.Context())
			e, ok := errors.AsType[*creds.LoginError](err)
			if !ok || e.Final != want {
				t.Fatalf("got %v, final %v", err, e.Final)
			}
			if err = b.request(t.Context()); (err != nil) != want {
				t.Errorf("a second time: %v", err)
			}
		})
	}
	t.Run("a proxy's page", func(t *testing.T) {
		b := newBench(t, devserver.Current, devserver.Identity{})
		b.server.Inject(devserver.HTML(403))
		if err := b.request(t.Context()); err == nil {
			t.Fatal("no error")
		}
		b.must(nil)
	})
	t.Run("a dropped connection", func(t *testing.T) {
		b := newBench(t, devserver.Current, devserver.Identity{})
		b.server.Inject(devserver.Fault{Drop: true})
		err := b.request(t.Context())
		if _, ok := errors.AsType[*api.NetworkError](err); !ok {
			t.Fatalf("got %v", err)
		}
		b.must(nil)
	})
	t.Run("an answer without a token", func(t *testing.T) {
		b := newBench(t, devserver.Current, devserver.Identity{})
		b.server.Inject(devserver.Fault{Status: 200, Body: `{}`})
		if err := b.request(t.Context()); err == nil {
			t.Fatal("no error")
		}
		b.must(nil)
	})
}

// TestRenewalFails: while the old token lives a failing server does no harm;
// what is refused is replaced by a login.
func TestRenewalFails(t *testing.T) {
	eras(t, func(t *testing.T, era devserver.Era) {
		b := newBench(t, era, devserver.Identity{TTL: time.Hour, MaxTTL: 24 * time.Hour})
		b.must(nil)
		remove := b.server.Inject(devserver.Fault{Path: "/api/v1/auth/*", Status: 503, Times: -1})
		time.Sleep(40 * time.Minute)
		for range 10 { // not one renewal for each request
			b.must(nil)
			time.Sleep(time.Second)
		}
		b.counts(1, 1)
		time.Sleep(18 * time.Minute)
		b.must(nil)
		b.counts(1, 2)
		remove()
		time.Sleep(2 * time.Minute) // expired by now
		b.must(nil)
		b.counts(2, 2)

		b.server.RevokeTokens(b.identity.ID)
		time.Sleep(40 * time.Minute)
		b.must(nil)
		b.counts(3, 3) // the renewal was refused, the login worked
	})
}

// TestRevokedIdentity: renewing and logging in are both refused; nothing is
// asked a second time.
func TestRevokedIdentity(t *testing.T) {
	eras(t, func(t *testing.T, era devserver.Era) {
		b := newBench(t, era, devserver.Identity{TTL: time.Hour, MaxTTL: 24 * time.Hour})
		b.must(nil)
		b.server.RevokeTokens(b.identity.ID)
		b.server.RevokeClientSecrets(b.identity.ID)
		time.Sleep(40 * time.Minute)
		for range 3 {
			err := b.request(t.Context())
			if e, ok := errors.AsType[*creds.LoginError](err); !ok || !e.Final {
				t.Fatalf("got %v", err)
			}
			time.Sleep(time.Minute)
		}
		b.counts(2, 1)
	})
}

// TestSecretRevokedTokenLives: a token that lives is used to its end, though
// the next login is known to be refused; and that login is tried once.
func TestSecretRevokedTokenLives(t *testing.T) {
	eras(t, func(t *testing.T, era devserver.Era) {
		b := newBench(t, era, devserver.Identity{TTL: time.Hour, MaxTTL: time.Hour})
		b.must(nil)
		b.server.RevokeClientSecrets(b.identity.ID)
		for range 5 {
			time.Sleep(11 * time.Minute)
			b.must(nil)
		}
		b.counts(2, 0)
		time.Sleep(6 * time.Minute)
		if err := b.request(t.Context()); err == nil {
			t.Error("an expired token was used")
		}
		b.counts(2, 0)
	})
}

// TestImpatientLeader: when the caller that does the login gives up, the others
// do not fail with it.
func TestImpatientLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, devserver.Current, devserver.Identity{})
		b.server.Inject(devserver.Fault{Path: "/api/v1/auth/*", Delay: 10 * time.Second})
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := b.session.Token(short); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the leader got %v", err)
			}
		})
		synctest.Wait()
		for range 5 {
			wg.Go(func() {
				if _, err := b.session.Token(t.Context()); err != nil {
					t.Errorf("a follower got %v", err)
				}
			})
		}
		impatient, cancel2 := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel2()
		if _, err := b.session.Token(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an impatient follower got %v", err)
		}
		wg.Wait()
		b.counts(2, 0)
	})
}

// TestOneFailureForAll: callers that wait for one login share its failure.
func TestOneFailureForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, devserver.Current, devserver.Identity{})
		b.server.Inject(devserver.Fault{Path: "/api/v1/auth/*", Delay: time.Second, Status: 503, Times: -1})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := b.session.Token(t.Context()); err == nil {
					t.Error("no error")
				}
			})
		}
		wg.Wait()
		b.counts(1, 0)
	})
}

// TestWrongClock: a server whose clock is a day off in either direction changes
// nothing, since only differences of our own clock are used.
func TestWrongClock(t *testing.T) {
	for _, off := range []time.Duration{-25 * time.Hour, 25 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, devserver.Current, devserver.Identity{})
			b.server = devserver.New(devserver.Config{Now: func() time.Time { return time.Now().Add(off) }})
			b.identity = b.server.AddIdentity(devserver.Identity{TTL: time.Hour, MaxTTL: 3 * time.Hour})
			b.client.HTTP.Transport = b.server.Transport()
			b.session = b.newSession(b.identity.ClientSecret)
			for range 40 {
				b.must(nil)
				time.Sleep(10 * time.Minute)
			}
			c := b.session.Life().Counts
			if c.Logins < 2 || c.Logins > 6 || c.Renewals < 4 {
				t.Errorf("off by %v: %+v", off, c)
			}
		})
	}
}

// TestPlainToken: one that is refused cannot be replaced.
func TestPlainToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, devserver.Current, devserver.Identity{})
		token := b.server.IssueToken(b.identity.ID)
		c, err := creds.Default(creds.Config{Environ: []string{"INFISICAL_TOKEN=" + token}}).Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.session = creds.NewSession(b.client, c)
		b.must(nil)
		b.server.RevokeTokens("")
		for range 3 {
			err := b.request(t.Context())
			if _, ok := errors.AsType[*creds.RejectedError](err); !ok || hint(err) != "set INFISICAL_TOKEN to a new token" {
				t.Fatalf("got %v, hint %q", err, hint(err))
			}
		}
		if n := b.server.Count("GET /api/v1/identities/details"); n != 2 {
			t.Errorf("%d requests with a token that is known to be refused", n)
		}
		b.counts(0, 0)
	})
}

// TestStaleReject: the refusal of a token that was replaced meanwhile costs nothing.
func TestStaleReject(t *testing.T) {
	b := newBench(t, devserver.Current, devserver.Identity{})
	old, err := b.session.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.session.Reject(t.Context(), old)
	b.must(nil)
	b.session.Reject(t.Context(), old)
	b.session.Reject(t.Context(), secret.Value{})
	b.must(nil)
	b.counts(2, 0)
}

func TestClose(t *testing.T) {
	b := newBench(t, devserver.Current, devserver.Identity{})
	b.must(nil)
	b.session.Close()
	b.must(creds.ErrClosed)
	b.counts(1, 0)
}

// TestEmptyCredential: a session of nothing says so.
func TestEmptyCredential(t *testing.T) {
	if _, err := creds.NewSession(nil, creds.Credential{}).Token(t.Context()); err == nil {
		t.Error("a token out of nothing")
	}
}
