package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

func get(t *testing.T, c *api.Client, out any) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := c.Do(ctx, api.Call{Method: "GET", Path: "/api/x", Query: url.Values{"q": {"hunter2"}}, Token: secret.New("hunter2")}, out)
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error repeats the token or the query: %v", err)
	}
	return err
}

// raw is a server that does whatever f does with each connection.
func raw(t *testing.T, f func(net.Conn)) (base string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 4096))
				f(conn)
			})
		}
	})
	return "http://" + l.Addr().String()
}

func reset(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }

// TestConnectionFaults: what happens on a wire, and the words for it.
func TestConnectionFaults(t *testing.T) {
	for name, c := range map[string]struct{ base, want string }{
		"refused": {"http://127.0.0.1:1", "connection refused"}, // tcpmux; a port that was closed just now is soon somebody else's
		"reset":   {raw(t, reset), "reset before an answer came"},
		"closed":  {raw(t, func(net.Conn) {}), "closed before an answer came"},
		"reset in body": {raw(t, func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"a\":")
			drained(c)
			reset(c)
		}), "in the middle of the answer (after 5 bytes)"},
		"cut body":          {raw(t, func(c net.Conn) { fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"a\":") }), "closed in the middle of the answer (after 5 bytes)"},
		"not http":          {raw(t, func(c net.Conn) { fmt.Fprintf(c, "SSH-2.0-hunter2\r\n") }), "not HTTP"},
		"headers too large": {raw(t, func(c net.Conn) { fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX: %s\r\n\r\n", strings.Repeat("x", 1<<20)) }), "headers of the answer are too large"},
		"broken gzip": {raw(t, func(c net.Conn) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")
		}), "closed in the middle"},
		"tls expected": {strings.Replace(raw(t, func(c net.Conn) { fmt.Fprintf(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }), "http:", "https:", 1), "does not speak TLS on this port"},
	} {
		t.Run(name, func(t *testing.T) {
			cl := client(t, c.base, api.TransportConfig{Proxy: noProxy, Retries: 1})
			err := get(t, cl, nil)
			e, ok := errors.AsType[*api.NetworkError](err)
			if !ok || !strings.Contains(e.Reason, c.want) || !strings.HasPrefix(e.Reason, "127.0.0.1:") || !api.Failing(err) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// drained gives the client time to read what was sent: a reset throws it away.
func drained(c net.Conn) {
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	_, _ = c.Read(make([]byte, 1))
}

// TestBounds: however large an answer is, what is read of it is bounded.
func TestBounds(t *testing.T) {
	bomb := new(bytes.Buffer)
	z := gzip.NewWriter(bomb)
	for range 20 {
		_, _ = z.Write(make([]byte, 1<<20))
	}
	z.Close()
	var sent atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bomb/api/x":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		case "/length/api/x":
			w.Header().Set("Content-Length", "104857600")
			w.WriteHeader(200)
		case "/error/api/x":
			w.WriteHeader(400)
			_, _ = w.Write(make([]byte, 1<<20))
		default:
			for range 100 {
				n, err := w.Write(make([]byte, 1<<20))
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		}
	}))
	defer s.Close()
	for _, kind := range []string{"/bomb", "/length", "/endless"} {
		c := client(t, s.URL+kind, api.TransportConfig{Proxy: noProxy, BodyLimit: 4 << 20})
		if err := get(t, c, nil); err == nil || !strings.Contains(err.Error(), "larger than the limit of 4 MiB") {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if err := get(t, client(t, s.URL+"/error", api.TransportConfig{Proxy: noProxy}), nil); err == nil || !strings.Contains(err.Error(), "400: Bad Request") {
		t.Errorf("a long error: %v", err)
	}
	if n := sent.Load(); n > 40<<20 {
		t.Errorf("%d MiB were taken", n>>20)
	}
}

// TestOneConnection: a login and the lists after it share one connection.
func TestOneConnection(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/fails" {
				answer(w, 404, `{"message":"x"}`)
				return
			}
			answer(w, 200, `{"accessToken":"t"}`)
		}))
		s.EnableHTTP2 = secure
		if secure {
			s.StartTLS()
		} else {
			s.Start()
		}
		defer s.Close()
		c := client(t, s.URL, api.TransportConfig{Proxy: noProxy, InsecureSkipVerify: true})
		fresh := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
			if !i.Reused {
				fresh++
			}
		}})
		for i, call := range []api.Call{{Method: "POST", Path: "/api/login", Body: 1}, {Method: "GET", Path: "/api/fails"}, {Method: "GET", Path: "/api/list"}} {
			if _, err := c.Do(ctx, call, new(api.Token)); (err != nil) != (i == 1) {
				t.Errorf("%s: %v", call.Path, err)
			}
		}
		if fresh != 1 {
			t.Errorf("%d connections (TLS %v)", fresh, secure)
		}
	}
}

func TestRedirects(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, _, _ := strings.Cut(r.URL.Path[1:], "/")
		to := map[string]string{
			"loop": "/loop/api/x", "foreign": other.URL + "/?token=hunter2", "user": "http://u:hunter2@" + r.Host + "/", "scheme": "ftp://" + r.Host,
			"once": "/end/api/x", "login": "/end/api/x",
		}[kind]
		if to == "" {
			if r.Header.Get("Authorization") != "Bearer hunter2" || r.Header.Get("X-Proxy") != "1" {
				t.Errorf("%s without its headers", r.URL)
			}
			answer(w, 200, `{}`)
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	}))
	defer s.Close()
	for kind, want := range map[string]string{
		"once": "", "loop": "more than 5 redirects", "foreign": "redirects to another host (http://127.0.0.1:", "user": "not followed", "scheme": "not followed",
	} {
		c := client(t, s.URL+"/"+kind, api.TransportConfig{Proxy: noProxy, Headers: http.Header{"X-Proxy": {"1"}}})
		err := get(t, c, nil)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			continue
		}
		if e, ok := errors.AsType[*api.NetworkError](err); !ok || !strings.Contains(e.Reason, want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	c := client(t, s.URL+"/login", api.TransportConfig{Proxy: noProxy})
	if _, err := c.Do(t.Context(), api.Call{Method: "POST", Path: "/api/x", Body: 1}, nil); err == nil || !strings.Contains(err.Error(), "redirects a POST") {
		t.Errorf("a redirected login: %v", err)
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d requests went to the other host", n)
	}
}

// TestRedirectDown never follows https to http.
func TestRedirectDown(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Host+"/x?hunter2", http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	c := client(t, s.URL, api.TransportConfig{Proxy: noProxy, InsecureSkipVerify: true})
	if err := get(t, c, nil); err == nil || !strings.Contains(err.Error(), "redirects from https to http://127.0.0.1:") {
		t.Errorf("%v", err)
	}
}

// authority makes certificates for the TLS cases.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	a := &authority{}
	a.cert, a.key = certificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	a.file = filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, a.file, "CERTIFICATE", a.cert.Raw)
	return a
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func certificate(t *testing.T, c *x509.Certificate, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return parsed, key
}

func (a *authority) serve(t *testing.T, c *x509.Certificate, clients bool) string {
	t.Helper()
	cert, key := certificate(t, c, a)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, 200, "{}") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
	if clients {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		s.TLS.ClientCAs.AddCert(a.cert)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	loopback := []net.IP{net.IPv4(127, 0, 0, 1)}
	leaf := func() *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: "leaf"}, IPAddresses: loopback, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	}
	good := ca.serve(t, leaf(), false)
	old := leaf()
	old.NotBefore, old.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	early := leaf()
	early.NotBefore, early.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
	other := leaf()
	other.IPAddresses, other.DNSNames = nil, []string{"other.example"}
	mutual := ca.serve(t, leaf(), true)

	dir := t.TempDir()
	person, key := certificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: "client"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	writePEM(t, certFile, "CERTIFICATE", person.Raw)
	writePEM(t, keyFile, "EC PRIVATE KEY", der)

	withCA := api.TransportConfig{CACertFiles: []string{ca.file}}
	withClient := withCA
	withClient.ClientCertFile, withClient.ClientKeyFile = certFile, keyFile
	for name, c := range map[string]struct {
		base, want string
		cfg        api.TransportConfig
	}{
		"trusted":            {good, "", withCA},
		"not verified":       {good, "", api.TransportConfig{InsecureSkipVerify: true}},
		"unknown":            {good, "signed by an unknown authority (subject CN=leaf, issuer CN=Test CA, valid until ", api.TransportConfig{}},
		"expired":            {ca.serve(t, old, false), "the certificate expired on " + old.NotAfter.UTC().Format(time.RFC3339) + " (subject CN=leaf", withCA},
		"not yet":            {ca.serve(t, early, false), "not valid before " + early.NotBefore.UTC().Format(time.RFC3339) + ", and this machine's clock says", withCA},
		"another host":       {ca.serve(t, other, false), "not for 127.0.0.1 but for other.example (subject CN=leaf", withCA},
		"client certificate": {mutual, "", withClient},
		"without one":        {mutual, "does it want a client certificate?", withCA},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			c.cfg.Proxy, c.cfg.Notify = noProxy, func(api.Wait) { n++ }
			err := get(t, client(t, c.base, c.cfg), nil)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e, ok := errors.AsType[*api.NetworkError](err)
			if !ok || !strings.Contains(e.Reason, c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			// With TLS 1.3 the refusal of a client certificate races with the
			// request that is being written: a reset may be seen first, and is retried.
			if n != 0 && name != "without one" {
				t.Errorf("%d retries of what will not change", n)
			}
		})
	}
}

func TestTLSFiles(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t)
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, cfg := range map[string]api.TransportConfig{
		"no such file":                        {CACertFiles: []string{filepath.Join(dir, "missing")}},
		"no PEM certificate":                  {CACertFiles: []string{text}},
		"without a client certificate":        {ClientKeyFile: text},
		"do not make a pair":                  {ClientCertFile: ca.file, ClientKeyFile: text},
		"client certificate " + dir + "/none": {ClientCertFile: filepath.Join(dir, "none")},
		"client key " + dir + "/none":         {ClientCertFile: ca.file, ClientKeyFile: filepath.Join(dir, "none")},
	} {
		if _, err := api.NewHTTPClient(cfg); err == nil || !strings.Contains(filepath.ToSlash(err.Error()), filepath.ToSlash(want)) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestProxy: requests go where Proxy says, and its password stays unsaid.
func TestProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		answer(w, 200, fmt.Sprintf(`{"accessToken":%q}`, r.URL.Host+" "+r.Header.Get("Proxy-Authorization")))
	}))
	defer proxy.Close()
	through := func(*http.Request) (*url.URL, error) {
		u, err := url.Parse(proxy.URL)
		u.User = url.UserPassword("me", "hunter2")
		return u, err
	}
	var token api.Token
	if err := get(t, client(t, "http://secrets.example", api.TransportConfig{Proxy: through}), &token); err != nil || !strings.HasPrefix(token.AccessToken.Reveal(), "secrets.example Basic ") {
		t.Errorf("%q, %v", token.AccessToken.Reveal(), err)
	}
	c := client(t, "https://secrets.example", api.TransportConfig{Proxy: through, Retries: -1})
	if err := get(t, c, nil); err == nil || !strings.Contains(err.Error(), "proxy") {
		t.Errorf("a proxy that refuses: %v", err)
	}
	c = client(t, "http://secrets.example", api.TransportConfig{Retries: -1, Proxy: func(*http.Request) (*url.URL, error) {
		return nil, errors.New(`invalid proxy address "http://me:hunter2@%zz"`)
	}})
	if err := get(t, c, nil); err == nil || !strings.Contains(err.Error(), "proxy") {
		t.Errorf("a proxy address that cannot be read: %v", err)
	}
}
