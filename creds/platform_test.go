package creds_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"infuse/creds"
	"infuse/fetch/api"
	"infuse/fetch/devserver"
)

// platforms is every cloud's endpoint in one server on loopback. Its client
// sends a request for any host there.
type platforms struct {
	*httptest.Server
	mu       sync.Mutex
	handlers map[string]http.HandlerFunc // "METHOD host/path"
	asked    []string
}

func newPlatforms(t *testing.T) *platforms {
	p := &platforms{handlers: map[string]http.HandlerFunc{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what := r.Method + " " + r.Host + r.URL.Path
		p.mu.Lock()
		p.asked = append(p.asked, what)
		h := p.handlers[what]
		p.mu.Unlock()
		if h == nil {
			http.NotFound(w, r)
			return
		}
		h(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

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

// RoundTrip sends r to the loopback server, whatever its host and scheme.
func (p *platforms) RoundTrip(r *http.Request) (*http.Response, error) {
	c := r.Clone(r.Context())
	c.Host = r.URL.Host
	c.URL.Scheme = "http"
	c.URL.Host = strings.TrimPrefix(p.URL, "http://")
	return http.DefaultTransport.RoundTrip(c)
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
	b := &workloadBench{platforms: newPlatforms(t), server: devserver.New(devserver.Config{})}
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

// answers of a platform that go wrong, beside those of each protocol.
var platformFaults = []struct {
	name  string
	h     http.HandlerFunc
	want  string
	tries int
}{
	{"403", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusForbidden) }, "403 Forbidden", 1},
	{"404", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusNotFound) }, "404 Not Found", 1},
	{"500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusInternalServerError) }, "500 Internal Server Error", 3},
	{"429", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusTooManyRequests) }, "429 Too Many Requests", 3},
	{"redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://evil.test/"+canary, http.StatusFound)
	}, "", 1},
	{"rubbish", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, canary) }, "", 1},
	{"empty object", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }, "", 1},
	{"nothing", func(http.ResponseWriter, *http.Request) {}, "", 1},
	{"too large", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strings.Repeat("x", 2<<20)))
	}, "answer of more than 1048576 bytes", 3},
	{"cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"`)
	}, "reading the answer", 3},
}

// faults runs every platform fault at one endpoint of a bench that make
// builds, all at once, since most of the time is waiting for another try.
func faults(t *testing.T, what string, make func(t *testing.T) *workloadBench) {
	t.Helper()
	var wg sync.WaitGroup
	for _, f := range platformFaults {
		b := make(t)
		b.handle(what, f.h)
		wg.Go(func() {
			_, _, err := b.login(t)
			if err == nil || !strings.Contains(err.Error(), f.want) {
				t.Errorf("%s, %s: got %v, want %q", what, f.name, err, f.want)
			} else if strings.Contains(err.Error()+hint(err), canary) {
				t.Errorf("%s, %s: the error shows a secret: %v", what, f.name, err)
			}
			if n := b.count(what); n != f.tries {
				t.Errorf("%s, %s: asked %d times, want %d", what, f.name, n, f.tries)
			}
			if b.count("GET evil.test/"+canary) != 0 {
				t.Errorf("%s: a redirect was followed", what)
			}
		})
	}
	wg.Wait()
}

// TestOwnPlatformClient: without a client of the caller's, metadata addresses
// are asked directly though a proxy is configured, redirects are not followed,
// and nobody listening is an error and not a wait.
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	if err := login("x", closed); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("nobody listening: %v", err)
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
