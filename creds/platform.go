package creds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// A platform's endpoint is asked a few times, briefly: metadata servers are
// close by, and known to stumble while a machine starts.
const (
	platformTries = 3
	platformLimit = 10 * time.Second
	platformPause = 200 * time.Millisecond
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
	for try := 1; ; try++ {
		body, err := call.send(ctx, client)
		if err == nil || try == platformTries || !passing(err) || ctx.Err() != nil {
			return body, err
		}
		select {
		case <-time.After(platformPause << (try - 1)):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// passing reports whether the same request may succeed in a moment.
func passing(err error) bool {
	e, ok := errors.AsType[*platformError](err)
	if !ok {
		return true
	}
	switch e.status {
	case http.StatusRequestTimeout, http.StatusGone, http.StatusTooEarly, http.StatusTooManyRequests: // 410: Azure's metadata server while it updates
		return true
	}
	return e.status >= 500
}

func (call platformCall) send(ctx context.Context, client *http.Client) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, platformLimit)
	defer cancel()
	method := call.method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, call.url, strings.NewReader(call.body))
	if err != nil {
		return nil, errors.New("not an address that can be asked")
	}
	if call.body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for name, values := range call.header {
		req.Header[name] = values
	}
	what := method + " " + req.URL.Scheme + "://" + req.URL.Host + req.URL.EscapedPath()
	resp, err := client.Do(req)
	if err != nil {
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
		return nil, fmt.Errorf("%s: answer of more than %d bytes", what, maxFile)
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
