//go:build !noidentities

package creds_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"infuse/creds"
	"infuse/fetch/api"
	"infuse/fetch/devserver"
)

// platforms is every cloud's endpoint. Its client answers a request for any
// host in the same goroutine, so that retries take virtual time; real sockets
// are the matter of TestOwnPlatformClient and of the scripts.
type platforms struct {
	mu       sync.Mutex
	handlers map[string]http.HandlerFunc // "METHOD host/path"
	asked    []string
}

func newPlatforms() *platforms { return &platforms{handlers: map[string]http.HandlerFunc{}} }

func (p *platforms) handle(what string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handlers[what] = h
}

func (p *platforms) count(what string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, a := range p.asked {
		if a == what {
			n++
		}
	}
	return n
}

// RoundTrip answers r, as a server with a connection of its own would.
func (p *platforms) RoundTrip(r *http.Request) (*http.Response, error) {
	what := r.Method + " " + r.URL.Host + r.URL.Path
	p.mu.Lock()
	p.asked = append(p.asked, what)
	h := p.handlers[what]
	p.mu.Unlock()
	if h == nil {
		h = http.NotFound
	}
	w := httptest.NewRecorder()
	h(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp := w.Result()
	if resp.ContentLength > int64(w.Body.Len()) { // the connection broke off
		resp.Body = io.NopCloser(io.MultiReader(w.Body, iotest.ErrReader(io.ErrUnexpectedEOF)))
	}
	return resp, nil
}

func (p *platforms) client() *http.Client { return &http.Client{Transport: p} }

// workloadBench logs in with one method on a server that checks the proof.
type workloadBench struct {
	*platforms
	server *devserver.Server
	id     string
	config creds.Config
}

func newWorkloadBench(t *testing.T, route string, verify devserver.VerifyFunc) *workloadBench {
	b := &workloadBench{platforms: newPlatforms(), server: devserver.New(devserver.Config{})}
	identity := b.server.AddIdentity(devserver.Identity{Verify: map[string]devserver.VerifyFunc{
		route: func(r *http.Request, body map[string]any) error {
			if r.Header.Get("Authorization") != "" {
				t.Error("the login carries an Authorization header")
			}
			return verify(r, body)
		},
	}})
	b.id = identity.ID
	b.config.Platform = b.client()
	return b
}

func (b *workloadBench) set(pairs ...string) {
	b.config.Environ = append(b.config.Environ, pairs...)
}

func (b *workloadBench) retrieve(t *testing.T) (creds.Credential, error) {
	t.Helper()
	return creds.Default(b.config).Retrieve(t.Context())
}

// login retrieves the credential and logs in with it.
func (b *workloadBench) login(t *testing.T) (creds.Credential, *creds.Session, error) {
	t.Helper()
	c, err := b.retrieve(t)
	if err != nil {
		return c, nil, err
	}
	if c.Provider != "workload identity" || c.Identity != b.id {
		t.Errorf("got %s for %s", c.Provider, c.Identity)
	}
	s := creds.NewSession(&api.Client{Base: &url.URL{Scheme: "http", Host: "server.test"}, HTTP: &http.Client{Transport: b.server.Transport()}}, c)
	_, err = s.Token(t.Context())
	return c, s, err
}

func (b *workloadBench) mustLogin(t *testing.T) (creds.Credential, *creds.Session) {
	t.Helper()
	c, s, err := b.login(t)
	if err != nil {
		t.Fatalf("%v (hint: %s)", err, hint(err))
	}
	return c, s
}

// failing checks the error of a login: what it says, and that it names no secret.
func (b *workloadBench) failing(t *testing.T, want string) {
	t.Helper()
	_, _, err := b.login(t)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
		return
	}
	if strings.Contains(err.Error(), canary) || strings.Contains(hint(err), canary) {
		t.Errorf("the error shows a secret: %v", err)
	}
}

// expectJWT is a verifier that wants exactly this token.
func expectJWT(want *string) devserver.VerifyFunc {
	return func(_ *http.Request, body map[string]any) error {
		if body["jwt"] != *want {
			return errors.New("another token arrived")
		}
		return nil
	}
}

// answers of a platform that go wrong, beside those of each protocol. More
// than one try is as many as fit into its patience.
var platformFaults = []struct {
	name  string
	h     http.HandlerFunc
	want  string
	tries int
}{
	{"403", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusForbidden) }, "403 Forbidden", 1},
	{"404", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusNotFound) }, "404 Not Found", 1},
	{"500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusInternalServerError) }, "500 Internal Server Error", many},
	{"429", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusTooManyRequests) }, "429 Too Many Requests", many},
	{"redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://evil.test/"+canary, http.StatusFound)
	}, "", 1},
	{"rubbish", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, canary) }, "", 1},
	{"empty object", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }, "", 1},
	{"nothing", func(http.ResponseWriter, *http.Request) {}, "", 1},
	{"too large", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat("x", 2<<20)))
	}, "answer of more than 1048576 bytes", 1},
	{"cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"`)
	}, "reading the answer", many},
}

const many = -1

// faults runs every platform fault at one endpoint of a bench that make builds.
func faults(t *testing.T, what string, make func(t *testing.T) *workloadBench) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		for _, f := range platformFaults {
			b := make(t)
			b.handle(what, f.h)
			began := time.Now()
			_, _, err := b.login(t)
			if err == nil || !strings.Contains(err.Error(), f.want) {
				t.Errorf("%s, %s: got %v, want %q", what, f.name, err, f.want)
			} else if strings.Contains(err.Error()+hint(err), canary) {
				t.Errorf("%s, %s: the error shows a secret: %v", what, f.name, err)
			}
			if hint(err) == "" {
				t.Errorf("%s, %s: no next step in %v", what, f.name, err)
			}
			tries := f.tries
			if f.name == "404" && what == azureIMDS {
				tries = many // it is being updated
			}
			if n := b.count(what); n != tries && (tries != many || n < 5) {
				t.Errorf("%s, %s: asked %d times, want %d", what, f.name, n, tries)
			}
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("%s, %s: gave up after %s", what, f.name, took)
			}
			if b.count("GET evil.test/"+canary) != 0 {
				t.Errorf("%s: a redirect was followed", what)
			}
		}
	})
}

// TestPlatformIsNotReadyYet: GKE's metadata server refuses connections while a
// pod starts, Azure's says 410 for a minute while it is updated. Nobody there,
// and a name that does not exist, are errors after a while and at once.
func TestPlatformIsNotReadyYet(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	unknown := &net.DNSError{Err: "no such host", Name: "metadata.google.internal", IsNotFound: true}
	gone := &http.Response{StatusCode: http.StatusGone, Body: http.NoBody}
	for _, c := range []struct {
		name  string
		err   error
		resp  *http.Response
		until time.Duration // the platform is ready then
		want  string
		least time.Duration // it is asked so long at least, and not much longer
	}{
		{"refused at first", refused, nil, 6 * time.Second, "", 6 * time.Second},
		{"refused", refused, nil, time.Hour, "connection refused", 5 * time.Second},
		{"unknown host", unknown, nil, time.Hour, "no such host", 0},
		{"updated", nil, gone, 70 * time.Second, "", 70 * time.Second},
		{"gone", nil, gone, time.Hour, "410 Gone", 70 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				token := jwt(map[string]any{"sub": "vm"})
				b := newWorkloadBench(t, "gcp-auth", expectJWT(&token))
				b.config.AuthMethod = "gcp-id-token"
				b.set("INFISICAL_MACHINE_IDENTITY_ID=" + b.id)
				b.handle(gcpMetadata, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, token) })
				began := time.Now()
				var waits []api.Wait
				b.config.Notify = func(w api.Wait) { waits = append(waits, w) }
				b.config.Platform = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					if time.Since(began) < c.until {
						return c.resp, c.err
					}
					return b.RoundTrip(r)
				})}
				_, _, err := b.login(t)
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
				if took := time.Since(began); took < c.least || took > c.least+6*time.Second {
					t.Errorf("took %s", took)
				}
				if (len(waits) > 0) != (c.least > 0) {
					t.Errorf("%d waits were told", len(waits))
				}
				for _, w := range waits {
					if !strings.HasPrefix(w.Reason, "GET http://metadata.google.internal/") || strings.Contains(w.Reason, "audience") || w.Delay <= 0 || w.Delay > 3*time.Second {
						t.Errorf("told %+v", w)
					}
				}
			})
		})
	}
}

// TestPlatformAndTheTimeLimit: when the time for the whole start is over, the
// platform's own answer is told; if there was none, that is told.
func TestPlatformAndTheTimeLimit(t *testing.T) {
	for name, want := range map[string]string{"busy": "503 Service Unavailable", "silent": "no answer within 5s", "silent at once": "no answer within the time limit"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newWorkloadBench(t, "gcp-auth", nil)
				b.config.AuthMethod = "gcp-id-token"
				b.set("INFISICAL_MACHINE_IDENTITY_ID=" + b.id)
				b.handle(gcpMetadata, func(w http.ResponseWriter, r *http.Request) {
					if name == "busy" {
						w.WriteHeader(http.StatusServiceUnavailable)
						return
					}
					<-r.Context().Done()
				})
				found, err := b.retrieve(t)
				if err != nil {
					t.Fatal(err)
				}
				limit := 7 * time.Second
				if name == "silent at once" {
					limit = time.Second
				}
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				if _, err := found.Login(ctx, nil); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			})
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestOwnPlatformClient: without a client of the caller's, metadata addresses
// are asked directly though a proxy is configured, and redirects are not followed.
func TestOwnPlatformClient(t *testing.T) {
	proxied := false
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied = true }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	token := jwt(map[string]any{"sub": "vm"})
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("audience") == "redirect" {
			http.Redirect(w, r, proxy.URL, http.StatusFound)
			return
		}
		fmt.Fprint(w, token)
	}))
	defer metadata.Close()
	login := func(id, host string) error {
		c, err := creds.Default(creds.Config{AuthMethod: "gcp-id-token", Environ: []string{"INFISICAL_MACHINE_IDENTITY_ID=" + id, "GCE_METADATA_HOST=" + host}}).Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		server := devserver.New(devserver.Config{})
		server.AddIdentity(devserver.Identity{ID: id, Verify: map[string]devserver.VerifyFunc{"gcp-auth": expectJWT(&token)}})
		_, err = c.Login(t.Context(), &api.Client{Base: &url.URL{Scheme: "http", Host: "server.test"}, HTTP: &http.Client{Transport: server.Transport()}})
		return err
	}
	host := strings.TrimPrefix(metadata.URL, "http://")
	if err := login("11111111-1111-4111-8111-111111111111", host); err != nil {
		t.Error(err)
	}
	if err := login("redirect", host); err == nil || !strings.Contains(err.Error(), "302 Found") {
		t.Errorf("a redirect: %v", err)
	}
	if proxied {
		t.Error("the proxy saw a request to the metadata server")
	}
}

// TestPlatformIsCancelled: a metadata server that never answers ends with the caller's patience.
func TestPlatformIsCancelled(t *testing.T) {
	b := newWorkloadBench(t, "gcp-auth", nil)
	asked := make(chan struct{})
	b.handle("GET metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity", func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	b.config.AuthMethod = "gcp-id-token"
	b.set("INFISICAL_MACHINE_IDENTITY_ID=" + b.id)
	c, err := b.retrieve(t)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := c.Login(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
