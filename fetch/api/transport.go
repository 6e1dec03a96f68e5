package api

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// TransportConfig says how requests travel. The zero value works.
type TransportConfig struct {
	UserAgent string      // "infuse/1.2.3"; "infuse" when empty
	Headers   http.Header // added to every request; see ParseHeaders

	CACertFiles        []string // PEM files, trusted in addition to the system's roots
	ClientCertFile     string   // PEM; may hold the key too
	ClientKeyFile      string
	InsecureSkipVerify bool

	// Proxy is nil for http.ProxyFromEnvironment.
	Proxy func(*http.Request) (*url.URL, error)

	Retries        int           // at most this many after the first attempt; 0: as many as fit in the time; -1: none
	AttemptTimeout time.Duration // without a byte from the server; 0 is DefaultAttemptTimeout
	Budget         time.Duration // for a request whose context has no deadline; 0 is DefaultBudget
	BodyLimit      int64         // bytes after decompression; 0 is DefaultBodyLimit

	// Notify, when set, hears of every retry before its wait begins. It may be
	// called from several goroutines.
	Notify func(Wait)

	// Trace, when set, hears of every attempt, when its answer begins or is
	// known not to come. It may be called from several goroutines.
	Trace func(Exchange)

	// Base replaces the network: a test puts a handler or a fault there.
	Base http.RoundTripper
}

// NewHTTPClient builds the one transport of a process: headers, then retries,
// then the network. A body is read whole before it is handed over, so that an
// answer that breaks off is retried like any other failure; the exception is
// Client.Stream.
func NewHTTPClient(cfg TransportConfig) (*http.Client, error) {
	next := cfg.Base
	if next == nil {
		files, err := readTLSFiles(cfg)
		if err != nil {
			return nil, err
		}
		next = newNetwork(files, cfg.Proxy)
	}
	if cfg.Trace != nil {
		next = &trace{next: next, tell: cfg.Trace}
	}
	agent := cfg.UserAgent
	if agent == "" {
		agent = "infuse"
	}
	return &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &headers{
			agent: agent,
			extra: cfg.Headers,
			next: &retry{
				next:     next,
				retries:  cfg.Retries,
				attempt:  orDefault(cfg.AttemptTimeout, DefaultAttemptTimeout),
				budget:   orDefault(cfg.Budget, DefaultBudget),
				limit:    orDefault(cfg.BodyLimit, DefaultBodyLimit),
				schedule: fullJitter,
				notify:   cfg.Notify,
			},
		},
	}, nil
}

func orDefault[T ~int64](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// network is http.Transport, in two: what needs TLS is set up by the first
// https request, which a plain one (a server on loopback) never pays for.
type network struct {
	plain  *http.Transport
	secure func() (*http.Transport, error)
	used   atomic.Pointer[http.Transport] // secure, once it was needed
}

func newNetwork(files *tlsFiles, proxy func(*http.Request) (*url.URL, error)) *network {
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	return &network{
		plain: newTransport(proxy),
		secure: sync.OnceValues(func() (*http.Transport, error) {
			config, err := files.config()
			if err != nil {
				return nil, err
			}
			if config.RootCAs == nil && !config.InsecureSkipVerify {
				// Verification loads the system's roots once, in 10 to 20 ms, and only
				// when the certificate is there. Begin now, while the connection is made;
				// the handshake waits for the same sync.Once inside crypto/x509.
				go func() { _, _ = x509.SystemCertPool() }()
			}
			t := newTransport(proxy)
			t.TLSClientConfig = config
			t.ForceAttemptHTTP2 = true // net/http leaves it out when the TLS config is ours
			t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second}
			return t, nil
		}),
	}
}

func newTransport(proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	dialer := &net.Dialer{Timeout: 30 * time.Second}
	return &http.Transport{
		Proxy:                  proxy,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    15 * time.Second,
		MaxIdleConnsPerHost:    8,                // the folders of one scope are fetched at once
		IdleConnTimeout:        65 * time.Second, // the server closes after 72 s: be first
		MaxResponseHeaderBytes: 256 << 10,
	}
}

func (t *network) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" {
		return t.plain.RoundTrip(req)
	}
	secure, err := t.secure()
	if err != nil {
		return nil, err
	}
	t.used.Store(secure)
	return secure.RoundTrip(req)
}

// CloseIdleConnections is found by http.Client.CloseIdleConnections, through the
// round trippers around it.
func (t *network) CloseIdleConnections() {
	t.plain.CloseIdleConnections()
	if secure := t.used.Load(); secure != nil {
		secure.CloseIdleConnections()
	}
}

func (t *headers) CloseIdleConnections() { closeIdle(t.next) }
func (t *retry) CloseIdleConnections()   { closeIdle(t.next) }

func closeIdle(next http.RoundTripper) {
	if c, ok := next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
