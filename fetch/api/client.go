// Package api is the wire: request and response types of the Infisical HTTP
// API, one typed error, and the one transport every request of infuse goes through.
//
// A Client is an address and an http.Client. NewHTTPClient builds the latter
// as a chain of round trippers (headers, retry, limits, TLS); a test may put
// any other one there, such as one that calls a handler directly.
//
//	base, err := api.ParseBase("https://eu.infisical.com")
//	hc, err := api.NewHTTPClient(api.TransportConfig{UserAgent: "infuse/1.0"})
//	client := &api.Client{Base: base, HTTP: hc}
//	var list api.SecretList
//	_, err = client.Do(ctx, api.Call{Method: "GET", Path: "/api/v4/secrets", Query: q, Token: token}, &list)
//
// What goes wrong is either an *Error (the server answered, but not with a
// 2xx) or a *NetworkError (no usable answer). Neither ever holds a token, a
// secret or a raw body.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"infuse/fetch/secret"
)

// DefaultBodyLimit bounds an answer that is read into memory, in bytes after decompression.
const DefaultBodyLimit = 64 << 20

// Client sends requests to one server. Base comes from ParseBase; HTTP from
// NewHTTPClient (a test may put any RoundTripper in an http.Client).
type Client struct {
	Base *url.URL
	HTTP *http.Client
}

// Call is one request. Path starts with /api/ and is already escaped: a
// variable segment goes through url.PathEscape. Token, when set, becomes the
// Authorization header; Body, when set, is sent as JSON; ETag, when set, as
// If-None-Match, exactly as it was received (a weak or listed tag is never
// matched by the server: infisical ETags are compared as strings).
type Call struct {
	Method string
	Path   string
	Query  url.Values
	Token  secret.Value
	Body   any
	ETag   string
	Limit  int64 // bytes; 0 means DefaultBodyLimit
}

// Answer is what came back beside the decoded body.
type Answer struct {
	NotModified bool   // 304: out was not touched
	ETag        string // of a 200 or 304
}

// Do sends call and decodes a 2xx JSON body into out (nil: the body is
// dropped). A status above is an *Error; a failure to get a usable answer is a
// *NetworkError. When ctx was canceled the error is one too, and wraps ctx's error.
func (c *Client) Do(ctx context.Context, call Call, out any) (Answer, error) {
	req, err := c.NewRequest(ctx, call)
	if err != nil {
		return Answer{}, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return Answer{}, networkError(call, req.URL, err)
	}
	defer resp.Body.Close()
	answer := Answer{ETag: resp.Header.Get("ETag")}
	if resp.StatusCode == http.StatusNotModified && call.ETag != "" {
		answer.NotModified = true
		return answer, nil
	}
	limit := call.Limit
	if limit == 0 {
		limit = DefaultBodyLimit
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answer, readError(call, resp)
	}
	body, err := readBody(resp, limit, nil)
	if err != nil {
		return answer, networkError(call, req.URL, err)
	}
	if out == nil {
		return answer, nil
	}
	if err := decode(resp.Header.Get("Content-Type"), body, out); err != nil {
		return answer, networkError(call, req.URL, err)
	}
	return answer, nil
}

// Stream sends call for a stream of server-sent events. The body of a 2xx is
// handed over unread, without a size or time limit, and is closed by the
// caller; ctx ends it. Nothing is retried: whoever keeps a stream has its own
// rule for coming back.
func (c *Client) Stream(ctx context.Context, call Call) (*http.Response, error) {
	req, err := c.NewRequest(ctx, call)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", eventStream)
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, networkError(call, req.URL, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer resp.Body.Close()
		return nil, readError(call, resp)
	}
	return resp, nil
}

const eventStream = "text/event-stream"

// NewRequest builds the request of a call, for those who need the
// http.Request itself. Its headers hold the token: it must not be printed.
func (c *Client) NewRequest(ctx context.Context, call Call) (*http.Request, error) {
	u, err := withPath(c.Base, c.Base.EscapedPath()+call.Path)
	if err != nil {
		return nil, fmt.Errorf("building the request: %w", err)
	}
	u.RawQuery = call.Query.Encode()
	var body io.Reader
	if call.Body != nil {
		b, err := json.Marshal(call.Body)
		if err != nil {
			return nil, errors.New("building the request: the body cannot be encoded")
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, u.String(), body)
	if err != nil {
		return nil, errors.New("building the request: bad method or address")
	}
	req.Header.Set("Accept", "application/json")
	if call.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !call.Token.Empty() {
		bearer, err := bearer(call.Token)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if call.ETag != "" {
		req.Header.Set("If-None-Match", call.ETag)
	}
	return req, nil
}

// bearer is what of a token goes into the header. The fourth part of a service
// token (st.id.secret.key) is an encryption key the server must not see.
// Bytes that cannot stand in a header are refused here, because net/http's own
// error would not say which header is meant.
func bearer(token secret.Value) (string, error) {
	s := token.Reveal()
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return "", errors.New("the token holds a blank or a character that no token has: was it cut or quoted?")
		}
	}
	if parts := strings.SplitN(s, ".", 4); len(parts) == 4 && parts[0] == "st" {
		s = strings.Join(parts[:3], ".")
	}
	return s, nil
}
