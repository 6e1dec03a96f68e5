package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Error is an answer that is not 2xx. It never holds a raw body: Message is a
// string the server put into "message", cleaned of control characters and cut
// at 200 characters; of an array (validation issues) only the field paths are kept.
type Error struct {
	Method, Path string
	Status       int
	Kind         string // the server's "error", such as PermissionDenied or TokenError
	Message      string
	RequestID    string
	RetryAfter   time.Duration // 0: the server named no wait
	// NoRoute tells a 404 for a path the server does not serve (an older
	// server, a proxy's HTML page) from a 404 for a thing that is not there.
	NoRoute bool
}

func (e *Error) Error() string {
	msg := e.Message
	if msg == "" {
		msg = http.StatusText(e.Status)
	}
	return fmt.Sprintf("%s %s: %d: %s", e.Method, e.Path, e.Status, msg)
}

// TokenRejected reports whether the server refused the bearer itself, so that
// one new login may help: any 401, and a 403 of kind TokenError
// (an expired JWT is answered 403, not 401).
func (e *Error) TokenRejected() bool {
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden && e.Kind == "TokenError"
}

// NetworkError is a request that got no usable answer: DNS, refused, reset,
// TLS, time limit, or a body that is cut, too large or not JSON.
type NetworkError struct {
	Method, Path string
	Reason       string // in words, without addresses that could hold credentials
	Err          error
}

func (e *NetworkError) Error() string { return e.Method + " " + e.Path + ": " + e.Reason }
func (e *NetworkError) Unwrap() error { return e.Err }

func networkError(call Call, err error) error {
	return &NetworkError{Method: call.Method, Path: call.Path, Reason: err.Error(), Err: err}
}

func readError(call Call, resp *http.Response) error {
	e := &Error{Method: call.Method, Path: call.Path, Status: resp.StatusCode}
	var body struct {
		Message json.RawMessage `json:"message"`
		Kind    string          `json:"error"`
		ReqID   string          `json:"reqId"`
	}
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(b, &body) == nil {
		_ = json.Unmarshal(body.Message, &e.Message)
		e.Kind, e.RequestID = body.Kind, body.ReqID
	}
	return e
}

func decode(call Call, resp *http.Response, out any) error {
	if out == nil {
		return nil
	}
	limit := call.Limit
	if limit == 0 {
		limit = DefaultBodyLimit
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return networkError(call, err)
	}
	if int64(len(b)) > limit {
		return networkError(call, fmt.Errorf("answer of more than %d bytes", limit))
	}
	if json.Unmarshal(b, out) != nil {
		return networkError(call, errors.New("answer is not the expected JSON"))
	}
	return nil
}
