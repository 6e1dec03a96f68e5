package fetch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// HTTPSource asks an Infisical server. Set API and Tokens, and use it by pointer.
type HTTPSource struct {
	API    *api.Client
	Tokens TokenSource

	// Conditional makes repeated fetches ask "has it changed?" (If-None-Match):
	// an unchanged list is not sent again. Servers are known to say "unchanged"
	// for too long now and then, so ask without it, with Fresh, every so often.
	Conditional bool

	// Settle looks again, up to twice, where a value came back with a reference
	// in it: see settle. For the start of a program; a watcher confirms what it
	// sees by itself.
	Settle bool

	// ServiceToken lets a scope come without project and environment: they are
	// the token's own. A scope is checked against a service token in any case.
	ServiceToken bool

	Now func() time.Time // nil: time.Now

	mu       sync.Mutex
	v3       bool // the server has no v4 list
	warned   bool // and that was said
	projects map[string]api.Project
	service  map[[sha256.Size]byte]serviceToken // by hash: a map's keys are easily printed
	lists    map[string]cachedList
}

// cachedList is a decoded answer and the tag it came with.
type cachedList struct {
	etag string
	list *api.SecretList
}

type freshKey struct{}

// Fresh marks a context whose fetches are not conditional.
func Fresh(ctx context.Context) context.Context { return context.WithValue(ctx, freshKey{}, true) }

// Fetch validates the scope, then asks for all of its paths at once. What is
// missing from the scope is a *ScopeError and costs no request, not even a
// login; what does not exist is a *NotFoundError; a value that is kept back is a *HiddenError.
func (s *HTTPSource) Fetch(ctx context.Context, scope Scope) (*Snapshot, error) {
	if s.Settle && scope.Expand {
		return settle(ctx, s.look, scope)
	}
	return s.look(ctx, scope)
}

// look is one Fetch, as the server answers it.
func (s *HTTPSource) look(ctx context.Context, scope Scope) (*Snapshot, error) {
	var err error
	if !s.ServiceToken {
		if scope, err = scope.Normalize(); err != nil {
			return nil, err
		}
	}
	token, err := s.Tokens.Token(ctx)
	if err != nil {
		return nil, err
	}
	run := &httpFetch{source: s, scope: scope}
	run.first.Store(&token)
	if isServiceToken(token) {
		err = run.adoptServiceToken(ctx, token)
	} else {
		run.scope, err = scope.Normalize()
	}
	if err != nil {
		return nil, err
	}
	lists, err := run.lists(ctx)
	if err != nil {
		return nil, err
	}
	secrets, err := Merge(run.scope, lists)
	if err != nil {
		return nil, err
	}
	return &Snapshot{Secrets: secrets, Source: s.API.Base.String(), FetchedAt: s.now(), Warnings: run.warnings}, nil
}

func (s *HTTPSource) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// httpFetch is one Fetch.
type httpFetch struct {
	source *HTTPSource
	scope  Scope
	first  atomic.Pointer[secret.Value] // a token that was asked for and not used yet

	mu       sync.Mutex
	warnings []string
}

// do sends one call with a token. A token the server refuses is given back,
// and the call made once more with the next one, if there is another. A token
// source counts what it hands out, so each is for one request.
func (f *httpFetch) do(ctx context.Context, call api.Call, out any) (api.Answer, error) {
	token, err := f.token(ctx)
	if err != nil {
		return api.Answer{}, err
	}
	answer, err := f.send(ctx, call, token, out)
	if !rejected(err) {
		return answer, err
	}
	next, tokenErr := f.token(ctx)
	if tokenErr != nil {
		return answer, tokenErr
	}
	if next.Equal(token) {
		return answer, err
	}
	return f.send(ctx, call, next, out)
}

func (f *httpFetch) token(ctx context.Context) (secret.Value, error) {
	if token := f.first.Swap(nil); token != nil {
		return *token, nil
	}
	return f.source.Tokens.Token(ctx)
}

func (f *httpFetch) send(ctx context.Context, call api.Call, token secret.Value, out any) (api.Answer, error) {
	call.Token = token
	answer, err := f.source.API.Do(ctx, call, out)
	if rejected(err) {
		f.source.Tokens.Reject(ctx, token)
	}
	return answer, err
}

func rejected(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.TokenRejected()
}

func (f *httpFetch) warn(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.warnings {
		if w == text {
			return
		}
	}
	f.warnings = append(f.warnings, text)
}

// lists fetches every path at once and returns them in the order of the paths.
func (f *httpFetch) lists(ctx context.Context) ([]*api.SecretList, error) {
	if err := f.resolveProject(ctx); err != nil {
		return nil, err
	}
	lists := make([]*api.SecretList, len(f.scope.Paths))
	if len(lists) == 1 { // the common case needs no goroutine
		var err error
		lists[0], err = f.list(ctx, f.scope.Paths[0])
		return lists, err
	}
	group, ctx := errgroup.WithContext(ctx)
	for i, path := range f.scope.Paths {
		group.Go(func() (err error) {
			lists[i], err = f.list(ctx, path)
			return err
		})
	}
	return lists, group.Wait()
}

// list fetches one path: from v4 where the server has it, else from v3.
func (f *httpFetch) list(ctx context.Context, path string) (*api.SecretList, error) {
	s := f.source
	s.mu.Lock()
	v3 := s.v3
	s.mu.Unlock()
	var noRoute error
	if !v3 && f.scope.ProjectID != "" {
		list, err := f.get(ctx, "/api/v4/secrets", path)
		if err == nil || !routeMissing(err) {
			return list, f.locate(ctx, f.explain(err, path), path)
		}
		noRoute = err
	}
	list, err := f.get(ctx, "/api/v3/secrets/raw", path)
	if noRoute != nil && routeMissing(err) {
		return nil, noRoute // neither route: this is not an Infisical server, and the first answer says why
	}
	if err != nil {
		return nil, f.explain(err, path)
	}
	if noRoute != nil {
		f.oldServer()
	}
	if len(list.Secrets)+len(list.Imports) == 0 {
		return list, f.verify(ctx, path)
	}
	return list, nil
}

// locate makes a "not found" more exact: whether environment or folder is
// missing, and what there is instead. Where that cannot be read at once, or is
// not the whole truth (the answer came from inside the project), the server's
// answer stays as it is.
func (f *httpFetch) locate(ctx context.Context, err error, path string) error {
	missing, ok := errors.AsType[*NotFoundError](err)
	if !ok || missing.What == "project" {
		return err
	}
	if exact, ok := errors.AsType[*NotFoundError](f.verify(api.Once(ctx), path)); ok && exact.What != "project" {
		exact.Err = missing.Err
		return exact
	}
	return err
}

// oldServer remembers, for the run, that the server has no v4 list, and warns once.
func (f *httpFetch) oldServer() {
	s := f.source
	s.mu.Lock()
	s.v3 = true
	first := !s.warned
	s.warned = true
	s.mu.Unlock()
	if first {
		f.warn("this server has no /api/v4/secrets: using the deprecated /api/v3/secrets/raw; upgrade the server when you can")
	}
}

// routeMissing reports whether the server does not serve the path at all: a
// 404 of its router, or a web page, which some images send for every unknown path.
func routeMissing(err error) bool {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.NoRoute
	}
	e, ok := errors.AsType[*api.NetworkError](err)
	return ok && e.NotInfisical
}

// get asks one list route, conditionally where that is wanted.
func (f *httpFetch) get(ctx context.Context, route, path string) (*api.SecretList, error) {
	s := f.source
	call := api.Call{Method: http.MethodGet, Path: route, Query: f.scope.query(route, path)}
	var cached cachedList
	var key string
	if s.Conditional {
		key = route + "?" + call.Query.Encode()
		s.mu.Lock()
		cached = s.lists[key]
		s.mu.Unlock()
		if fresh, _ := ctx.Value(freshKey{}).(bool); !fresh {
			call.ETag = cached.etag
		}
	}
	list := new(api.SecretList)
	answer, err := f.do(ctx, call, list)
	switch {
	case err != nil:
		return nil, err
	case answer.NotModified:
		return cached.list, nil
	case key != "" && answer.ETag != "":
		s.mu.Lock()
		if s.lists == nil {
			s.lists = map[string]cachedList{}
		}
		s.lists[key] = cachedList{etag: answer.ETag, list: list}
		s.mu.Unlock()
	}
	return list, nil
}

func isServiceToken(token secret.Value) bool { return strings.HasPrefix(token.Reveal(), "st.") }

// explain says which place an answer is about, and turns the server's "not
// found" into what was not found.
func (f *httpFetch) explain(err error, path string) error {
	e, ok := errors.AsType[*api.Error](err)
	if !ok {
		return err
	}
	switch {
	case e.Status >= 500 && strings.Contains(e.Message, "project by slug"):
		return &NotFoundError{What: "project", Name: f.scope.project(), Err: err}
	case e.TokenRejected() || e.NoRoute || e.Foreign:
		return err
	case e.Status != http.StatusNotFound:
	case e.Kind == "SecretPathNotFound", strings.HasPrefix(e.Message, "Folder with path"):
		if path == "/" { // every environment has it
			return &NotFoundError{What: "environment", Name: f.scope.Environment, Err: err}
		}
		return &NotFoundError{What: "folder or environment", Name: path, In: "environment " + f.scope.Environment, Err: err}
	case strings.HasPrefix(e.Message, "Project with"), strings.HasPrefix(e.Message, "Workspace with"):
		return &NotFoundError{What: "project", Name: f.scope.project(), Err: err}
	case strings.HasPrefix(e.Message, "Environment with"):
		return &NotFoundError{What: "environment", Name: f.scope.Environment, Err: err}
	}
	return fmt.Errorf("secrets of %s:%s: %w", f.scope.Environment, path, err)
}
