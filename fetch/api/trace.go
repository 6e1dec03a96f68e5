package api

import (
	"net/http"
	"time"
)

// Exchange is one attempt of a request and what came of it, for a debug log.
// It has no query, header or body: those hold credentials and secrets.
type Exchange struct {
	Method, Path string
	Status       int           // 0: no answer
	Reason       string        // why there was no answer, in words
	RequestID    string        // what the server calls it in its own log, where it says so
	Took         time.Duration // until the header of the answer was there
}

// trace tells of every attempt that leaves the process.
type trace struct {
	next http.RoundTripper
	tell func(Exchange)
}

func (t *trace) RoundTrip(req *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := t.next.RoundTrip(req)
	e := Exchange{Method: req.Method, Path: req.URL.Path, Took: time.Since(began)}
	if err != nil {
		e.Reason = networkError(Call{}, req.URL, err).Reason
	} else {
		e.Status, e.RequestID = resp.StatusCode, resp.Header.Get("X-Request-Id")
	}
	t.tell(e)
	return resp, err
}

func (t *trace) CloseIdleConnections() { closeIdle(t.next) }
