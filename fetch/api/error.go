package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// messageLimit is how many characters of a server's own words are kept.
const messageLimit = 200

// Error is an answer that is not 2xx. It never holds a raw body: Message is a
// string the server put into "message", cleaned of control characters and cut
// at 200 characters; of an array (validation issues) only the field paths are kept.
type Error struct {
	Method, Path string
	Status       int
	Kind         string // the server's "error" where it is one word, such as PermissionDenied or TokenError
	Message      string
	RequestID    string
	RetryAfter   time.Duration // 0: the server named no wait
	// NoRoute tells a 404 for a path the server does not serve (an older
	// server, a proxy's HTML page) from a 404 for a thing that is not there.
	NoRoute bool
	// Foreign is an answer that is not JSON: it came from a proxy, a login
	// wall or a load balancer in front of the server, or from another server.
	Foreign bool
}

// Error names the request, the status and the server's own words.
func (e *Error) Error() string {
	msg := e.Message
	if msg == "" {
		msg = http.StatusText(e.Status)
	}
	if e.Foreign {
		msg += " (the answer is not from Infisical)"
	}
	return fmt.Sprintf("%s %s: %d: %s", e.Method, e.Path, e.Status, strings.TrimSpace(msg))
}

// TokenRejected reports whether the server refused the bearer itself, so that
// one new login may help: a 401 that is not about the request's fields (servers
// of 2024 answer those with 401 too), and a 403 that speaks of the token
// (an expired or malformed JWT is answered 403 TokenError, not 401).
func (e *Error) TokenRejected() bool {
	switch e.Status {
	case http.StatusUnauthorized:
		return e.Kind != "ValidationFailure"
	case http.StatusForbidden:
		return e.Kind == "TokenError" || !e.Foreign && tokenExpired(e.Message)
	}
	return false
}

func tokenExpired(message string) bool {
	m := strings.ToLower(message)
	return strings.Contains(m, "token") && strings.Contains(m, "expired")
}

// Retryable reports whether the same request may be answered otherwise in a
// moment. The transport has tried already when a caller sees it.
func (e *Error) Retryable() bool { return retryable(e.Status, e.Message) }

// Failing reports whether the error is the server's or the network's failure
// to answer, and not an answer: only then may an older copy stand in. Every
// 401, 403 and 404, and every other 4xx about the request, is an answer.
func Failing(err error) bool {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Status >= 500 && !finalMessage(e.Message) || e.Retryable()
	}
	_, ok := errors.AsType[*NetworkError](err)
	return ok
}

// readError turns an answer that is not 2xx into an *Error.
func readError(call Call, resp *http.Response) *Error {
	e := &Error{Method: call.Method, Path: call.Path, Status: resp.StatusCode}
	body, err := readBody(resp, errorBodyLimit, nil)
	if err != nil {
		body = nil
	}
	e.parse(body)
	e.RetryAfter = retryAfter(resp.Header, e.Message, time.Now())
	return e
}

// parse takes the parts of an error body that may be shown.
func (e *Error) parse(body []byte) {
	var wire struct {
		Message json.RawMessage `json:"message"`
		Kind    json.RawMessage `json:"error"`
		ReqID   json.RawMessage `json:"reqId"`
	}
	if json.Unmarshal(body, &wire) != nil {
		e.Foreign = true
		e.NoRoute = e.Status == http.StatusNotFound
		return
	}
	e.Message = errorMessage(wire.Message)
	e.RequestID = clean(jsonString(wire.ReqID), 100)
	// "error" is a kind, or (2024, on some 403 and 500) the actual reason.
	switch kind := clean(jsonString(wire.Kind), messageLimit); {
	case kind == "" || kind == http.StatusText(e.Status):
	case !strings.Contains(kind, " "):
		e.Kind = kind
	case e.Message == "":
		e.Message = kind
	default:
		e.Message = clean(e.Message+": "+kind, messageLimit)
	}
	// fastify's answer for a path it has no route for
	e.NoRoute = e.Status == http.StatusNotFound && strings.HasPrefix(e.Message, "Route ") && strings.Contains(e.Message, ":/")
	if e.NoRoute {
		e.Message = "the server has no such route" // its own words repeat the whole query
	}
}

// errorMessage is "message" as something to show. It is a string, an array of
// validation issues (which may quote values, so that only their paths are
// taken), or an object (nothing is taken).
func errorMessage(raw json.RawMessage) string {
	if s := jsonString(raw); s != "" {
		return clean(s, messageLimit)
	}
	var issues []struct {
		Path []any `json:"path"`
	}
	if json.Unmarshal(raw, &issues) != nil || len(issues) == 0 {
		return ""
	}
	var fields []string
	for _, issue := range issues {
		var parts []string
		for _, p := range issue.Path {
			parts = append(parts, fmt.Sprint(p))
		}
		if field := strings.Join(parts, "."); field != "" {
			fields = append(fields, field)
		}
	}
	if len(fields) == 0 {
		return "the request is not valid"
	}
	return clean("not valid: "+strings.Join(fields, ", "), messageLimit)
}

func jsonString(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// clean makes a foreign string fit for one line of a terminal: control and
// invisible formatting characters become blanks, runs of blanks one, and at
// most limit characters stay.
func clean(s string, limit int) string {
	var b strings.Builder
	n, gap := 0, false
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			gap = n > 0
			continue
		}
		if gap {
			b.WriteByte(' ')
			n, gap = n+1, false
		}
		if n >= limit {
			b.WriteString("...")
			break
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
