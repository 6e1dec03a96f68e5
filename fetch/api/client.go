// Package api is the wire: request and response types of the Infisical HTTP
// API, one typed error, and the one transport every request of infuse goes through.
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

	"infuse/fetch/secret"
)

// DefaultBodyLimit bounds an answer that is read into memory, in bytes.
const DefaultBodyLimit = 64 << 20

// Client sends requests to one server. Base comes from ParseBase; HTTP from
// Transport (a test may put any RoundTripper in an http.Client).
type Client struct {
	Base *url.URL
	HTTP *http.Client
}

// Call is one request. Path starts with /api/. Token, when set, becomes the
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
// dropped). A status above is an *Error; a failure to get an answer is a *NetworkError.
func (c *Client) Do(ctx context.Context, call Call, out any) (Answer, error) {
	req, err := c.request(ctx, call)
	if err != nil {
		return Answer{}, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return Answer{}, networkError(call, err)
	}
	defer resp.Body.Close()
	answer := Answer{ETag: resp.Header.Get("ETag")}
	if resp.StatusCode == http.StatusNotModified && call.ETag != "" {
		answer.NotModified = true
		return answer, nil
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answer, readError(call, resp)
	}
	return answer, decode(call, resp, out)
}

func (c *Client) request(ctx context.Context, call Call) (*http.Request, error) {
	u := *c.Base
	u.Path += call.Path
	u.RawQuery = call.Query.Encode()
	var body io.Reader
	if call.Body != nil {
		b, err := json.Marshal(call.Body)
		if err != nil {
			return nil, fmt.Errorf("encoding the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, u.String(), body)
	if err != nil {
		return nil, errors.New("building the request: bad address")
	}
	req.Header.Set("Accept", "application/json")
	if call.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if !call.Token.Empty() {
		req.Header.Set("Authorization", "Bearer "+call.Token.Reveal())
	}
	if call.ETag != "" {
		req.Header.Set("If-None-Match", call.ETag)
	}
	return req, nil
}
