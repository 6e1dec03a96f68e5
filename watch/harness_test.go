package watch_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"infuse/fetch/api"
	"infuse/fetch/devserver"
	"infuse/fetch/secret"
	"infuse/watch"
)

// world is a development server with one project and one machine identity.
type world struct {
	srv      *devserver.Server
	project  *devserver.Project
	identity devserver.Identity
}

func newWorld(cfg devserver.Config, id devserver.Identity) *world {
	if cfg.Seed == 0 {
		cfg.Seed = 1
	}
	w := &world{srv: devserver.New(cfg)}
	w.project = w.srv.AddProject(devserver.ProjectConfig{Name: "Shop"})
	w.project.Set("prod", "/", "PLAIN", "p0")
	w.identity = w.srv.AddIdentity(id)
	return w
}

// client is the real transport over the server's handler, as from the given
// address. Nothing is retried: the next poll is the retry.
func (w *world) client(t testing.TB, address string) *api.Client {
	t.Helper()
	base, err := api.ParseBase("http://127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	hc, err := api.NewHTTPClient(api.TransportConfig{Base: w.srv.Transport(), Retries: -1, Headers: http.Header{"X-Forwarded-For": {address}}})
	if err != nil {
		t.Fatal(err)
	}
	return &api.Client{Base: base, HTTP: hc}
}

// session logs in when there is no token or it was rejected.
type session struct {
	w      *world
	client *api.Client

	mu       sync.Mutex
	token    secret.Value
	logins   int
	rejected int
	fixed    bool // a plain token: there is no other
}

func (s *session) Token(ctx context.Context) (secret.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.token.IsZero() {
		return s.token, nil
	}
	var token api.Token
	body := api.UniversalAuthLogin{ClientID: s.w.identity.ClientID, ClientSecret: api.Wrap(secret.New(s.w.identity.ClientSecret))}
	_, err := s.client.Do(ctx, api.Call{Method: http.MethodPost, Path: "/api/v1/auth/universal-auth/login", Body: body}, &token)
	if err != nil {
		return secret.Value{}, fmt.Errorf("logging in: %w", err)
	}
	s.logins++
	s.token = token.AccessToken.Value
	return s.token, nil
}

func (s *session) Reject(_ context.Context, token secret.Value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejected++
	if !s.fixed && s.token.Equal(token) {
		s.token = secret.Value{}
	}
}

// app is what main does around a Watcher: look, report, confirm, act.
type app struct {
	w        *world
	session  *session
	interval time.Duration
	random   func() float64
	events   bool
	log      *slog.Logger
	etag     string
	vars     map[string]watch.Var

	mu     sync.Mutex
	looks  []watch.Event
	errs   []error
	acts   []act
	served map[string]watch.Var // what the child has
}

type act struct {
	at time.Time
	watch.Decision
}

func newApp(t testing.TB, w *world, address string) *app {
	return &app{w: w, interval: time.Minute, session: &session{w: w, client: w.client(t, address)}}
}

func (a *app) start(ctx context.Context) (stop func(), err error) {
	if err := a.fetch(ctx, true); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cfg := watch.Config{Interval: a.interval, Random: a.random, Log: a.log}
	if a.events {
		cfg.Events = &watch.Events{Client: a.session.client, Tokens: a.session, ProjectID: a.w.project.ID(), Environment: "prod"}
	}
	a.served = a.vars
	watcher := watch.Start(ctx, cfg)
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.loop(ctx, watcher)
		watcher.Wait()
	}()
	return func() { cancel(); <-done }, nil
}

func (a *app) loop(ctx context.Context, w *watch.Watcher) {
	confirm := watch.NewConfirm(a.interval, watch.Look{Vars: a.vars})
	for ev := range w.C {
		err := a.fetch(ctx, ev.Fresh)
		w.Report(err)
		a.mu.Lock()
		a.looks = append(a.looks, ev)
		a.mu.Unlock()
		if err != nil {
			a.mu.Lock()
			a.errs = append(a.errs, err)
			a.mu.Unlock()
			continue
		}
		switch d := confirm.Look(watch.Look{Vars: a.vars, Event: ev, Empty: len(a.vars) == 0}); d.Do {
		case watch.LookAgain:
			w.LookAgain(d.After)
		case watch.Act:
			a.mu.Lock()
			a.acts = append(a.acts, act{time.Now(), d})
			a.served = d.Vars
			a.mu.Unlock()
		}
	}
}

// fetch lists the secrets, with one new login if the token is refused.
func (a *app) fetch(ctx context.Context, fresh bool) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	query := url.Values{
		"projectId": {a.w.project.ID()}, "environment": {"prod"}, "secretPath": {"/"}, "expandSecretReferences": {"true"},
		"includeImports": {"true"}, "recursive": {"false"}, "viewSecretValue": {"true"},
	}
	for attempt := 0; ; attempt++ {
		token, err := a.session.Token(ctx)
		if err != nil {
			return err
		}
		call := api.Call{Method: http.MethodGet, Path: "/api/v4/secrets", Query: query, Token: token}
		if !fresh {
			call.ETag = a.etag
		}
		var list api.SecretList
		answer, err := a.session.client.Do(ctx, call, &list)
		if refused, ok := err.(*api.Error); ok && refused.TokenRejected() && attempt == 0 {
			a.session.Reject(ctx, token)
			continue
		}
		if err != nil || answer.NotModified {
			return err
		}
		a.etag, a.vars = answer.ETag, map[string]watch.Var{}
		for _, s := range list.Secrets {
			v := secret.FromPointer(s.Value)
			a.vars[s.Key] = watch.Var{Value: v, Unresolved: strings.Contains(v.Reveal(), "${")}
		}
		return nil
	}
}

func (a *app) snapshot() (acts []act, looks []watch.Event, errs []error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]act(nil), a.acts...), append([]watch.Event(nil), a.looks...), append([]error(nil), a.errs...)
}

func (a *app) serves(name string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.served[name].Value.Reveal()
}

func handlerClient(t testing.TB, h http.Handler) *api.Client {
	t.Helper()
	base, err := api.ParseBase("http://127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	hc, err := api.NewHTTPClient(api.TransportConfig{Base: devserver.RoundTripper{Handler: h}})
	if err != nil {
		t.Fatal(err)
	}
	return &api.Client{Base: base, HTTP: hc}
}
