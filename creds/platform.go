package creds

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"infuse/fetch/api"
)

// Metadata servers are close by, and known to stumble while a machine starts:
// GKE's refuses connections for the first seconds of a pod
// (https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity#limitations),
// Azure's answers 410 for up to 70 seconds while it is updated
// (https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling).
// So an answer that may pass is asked for again, as long as that is worth it.
const (
	platformLimit    = 5 * time.Second // of one request, and twice that of one to a public service
	platformPause    = 200 * time.Millisecond
	platformPauseMax = 3 * time.Second
	platformPatience = 10 * time.Second
	platformUpdate   = 75 * time.Second
)

// newPlatformClient asks metadata endpoints directly and everything else
// through the usual proxies.
func newPlatformClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: func(r *http.Request) (*url.URL, error) {
				if nearby(r.URL.Hostname()) {
					return nil, nil
				}
				return http.ProxyFromEnvironment(r)
			},
			DialContext:         (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			DisableKeepAlives:   true,
		},
	}
}

// nearby reports whether host is this machine or its metadata server, which no
// proxy can reach on our behalf.
func nearby(host string) bool {
	if host == "localhost" || host == "metadata" || strings.HasSuffix(host, ".internal") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsPrivate() && ip.Is6())
}

// platformCall is one request to a platform's endpoint.
type platformCall struct {
	method string // "" means GET
	url    string
	header http.Header
	body   string
	// updating is a status that this platform answers while it is updated, and
	// that is final everywhere else.
	updating int
}

// platformError is an answer that is not 200. It holds neither the body nor the query.
type platformError struct {
	what   string
	status int
}

func (e *platformError) Error() string {
	return fmt.Sprintf("%s: %d %s", e.what, e.status, http.StatusText(e.status))
}

// platform sends call and returns the body of a 200.
func (in *input) platform(ctx context.Context, call platformCall) ([]byte, error) {
	client := newPlatformClient()
	if in.Platform != nil {
		*client = *in.Platform
	}
	// No redirects: none of these endpoints uses them, and the request may
	// carry a credential.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	began := time.Now()
	var last error
	for pause := platformPause; ; pause = min(2*pause, platformPauseMax) {
		body, err := call.send(ctx, client)
		if err == nil {
			return body, nil
		}
		if last == nil || ctx.Err() == nil {
			last = err // the endpoint's own answer says more than a deadline
		}
		wait := pause/2 + rand.N(pause/2) // a node's pods start together
		if ctx.Err() != nil || time.Since(began)+wait > call.patience(err) {
			return nil, last
		}
		if in.Notify != nil {
			in.Notify(api.Wait{Reason: err.Error(), Delay: wait})
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, last
		}
	}
}

// patience is how long the same request may be repeated after err; 0: it is final.
func (call platformCall) patience(err error) time.Duration {
	if e, ok := errors.AsType[*platformError](err); ok {
		switch e.status {
		case http.StatusGone:
			return platformUpdate
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, call.updating:
			return platformPatience
		}
		if e.status >= 500 {
			return platformPatience
		}
		return 0
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return 0 // this is another platform
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return 0
	}
	if _, ok := errors.AsType[finalError](err); ok {
		return 0
	}
	return platformPatience
}

// finalError is what no repetition can change.
type finalError string

func (e finalError) Error() string { return string(e) }

func (call platformCall) send(whole context.Context, client *http.Client) ([]byte, error) {
	limit := platformLimit
	if strings.HasPrefix(call.url, "https:") {
		limit *= 2
	}
	ctx, cancel := context.WithTimeout(whole, limit)
	defer cancel()
	method := call.method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, call.url, strings.NewReader(call.body))
	if err != nil {
		return nil, finalError("not an address that can be asked")
	}
	if call.body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for name, values := range call.header {
		req.Header[name] = values
	}
	what := method + " " + req.URL.Scheme + "://" + req.URL.Host + req.URL.EscapedPath()
	resp, err := client.Do(req)
	switch {
	case err == nil:
	case errors.Is(whole.Err(), context.DeadlineExceeded):
		return nil, &timeoutError{what + ": no answer"}
	case ctx.Err() != nil && whole.Err() == nil:
		return nil, fmt.Errorf("%s: no answer within %s", what, limit)
	default:
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // its own words repeat the query
		}
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, &platformError{what: what, status: resp.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: reading the answer: %w", what, err)
	}
	if len(body) > maxFile {
		return nil, fmt.Errorf("%s: %w", what, finalError(fmt.Sprintf("answer of more than %d bytes", maxFile)))
	}
	return body, nil
}

// platformJSON decodes the answer; an error never quotes it.
func (in *input) platformJSON(ctx context.Context, call platformCall, out any) error {
	body, err := in.platform(ctx, call)
	if err != nil {
		return err
	}
	if json.Unmarshal(body, out) != nil {
		u, _ := url.Parse(call.url)
		return fmt.Errorf("%s://%s%s: the answer is not the expected JSON", u.Scheme, u.Host, u.EscapedPath())
	}
	return nil
}
