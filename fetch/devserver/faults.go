package devserver

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault is something going wrong with the requests it matches. The zero
// value of a member leaves that part alone: Fault{Delay: time.Second} slows one
// request down and answers it as usual, Fault{Status: 503, Times: 3} fails three.
type Fault struct {
	Method string // empty: any
	Path   string // exact, or a prefix if it ends with *; empty: any

	Skip  int // let so many matching requests pass first
	Times int // how many to hit; 0: one, negative: all

	Delay time.Duration // before anything else; ends early if the client leaves
	Hang  bool          // never answer; ends when the client leaves
	Drop  bool          // close the connection before the first byte

	Status int         // answer this, without looking at the request
	Header http.Header // added to the answer, Content-Type and Retry-After included
	Body   string      // of the answer; empty with a Status: the server's own error body
	Size   int64       // the answer is JSON of so many bytes, written as they are needed

	Truncate bool // announce the whole body, send half of it, and close
	Stall    bool // send half of the body and nothing more; ends when the client leaves

	hits int // under Server.mu
}

// HTMLPage is what a proxy or a login page in front of the server answers.
const HTMLPage = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in to continue</h1></body></html>\n"

// HTML is a fault that answers a page where JSON was asked for.
func HTML(status int) Fault {
	return Fault{Status: status, Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, Body: HTMLPage}
}

// Inject adds a fault; faults are tried in the order they were added, and one
// request meets at most one. The function returned takes it away again.
func (s *Server) Inject(f Fault) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault := &f
	s.faults = append(s.faults, fault)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.drop(fault)
	}
}

// ClearFaults takes every fault away.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Server) drop(fault *Fault) {
	for i, f := range s.faults {
		if f == fault {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			return
		}
	}
}

// take finds the fault for a request and counts it. Under s.mu.
func (s *Server) take(r *http.Request) *Fault {
	for _, f := range s.faults {
		if !f.matches(r) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		f.hits++
		if f.Times >= 0 && f.hits >= max(1, f.Times) {
			s.drop(f)
		}
		return f
	}
	return nil
}

func (f *Fault) matches(r *http.Request) bool {
	if f.Method != "" && f.Method != r.Method {
		return false
	}
	if prefix, ok := strings.CutSuffix(f.Path, "*"); ok {
		return strings.HasPrefix(r.URL.Path, prefix)
	}
	return f.Path == "" || f.Path == r.URL.Path
}

type faultKey struct{}

func withFault(r *http.Request, f *Fault) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), faultKey{}, f))
}

func takenFault(r *http.Request) *Fault {
	f, _ := r.Context().Value(faultKey{}).(*Fault)
	return f
}

// before does what happens before the request is looked at. True means it is answered.
func (f *Fault) before(w http.ResponseWriter, r *http.Request) bool {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	if f.Hang {
		waitForLeave(r)
	}
	if f.Drop {
		panic(http.ErrAbortHandler)
	}
	if f.Size > 0 {
		f.sendHuge(w, r)
		return true
	}
	return false
}

// waitForLeave returns when the client is gone, by not returning. The body is read because
// net/http notices a closed connection only after that.
func waitForLeave(r *http.Request) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// change replaces an answer by the fault's own.
func (f *Fault) change(a answer, h http.Header) answer {
	if f == nil {
		return a
	}
	for name, values := range f.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	if f.Status != 0 {
		a.status = f.Status
		a.body = []byte(f.Body)
		if f.Body == "" {
			a.body = encode(errorBody{StatusCode: f.Status, Message: faultMessage(f.Status), Error: faultKind(f.Status)})
		}
	} else if f.Body != "" {
		a.body = []byte(f.Body)
	}
	return a
}

func faultKind(status int) string {
	switch status {
	case http.StatusTooManyRequests:
		return "RateLimitExceeded"
	case http.StatusUnauthorized:
		return "UnauthorizedError"
	case http.StatusForbidden:
		return "PermissionDenied"
	}
	return strings.ReplaceAll(http.StatusText(status), " ", "")
}

func faultMessage(status int) string {
	switch {
	case status == http.StatusTooManyRequests:
		return "Rate limit exceeded. Please try again in 60 seconds"
	case status >= 500:
		return "Something went wrong"
	}
	return http.StatusText(status)
}

// cut sends a part of the body only. True means it did.
func (f *Fault) cut(w http.ResponseWriter, r *http.Request, body []byte) bool {
	if f == nil || !f.Truncate && !f.Stall {
		return false
	}
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	if f.Stall {
		waitForLeave(r)
	}
	panic(http.ErrAbortHandler)
}

// sendHuge writes a list with one value that fills the size.
func (f *Fault) sendHuge(w http.ResponseWriter, r *http.Request) {
	const head, tail = `{"secrets":[{"secretKey":"HUGE","type":"shared","secretPath":"/","secretValue":"`, `"}],"imports":[]}`
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	size := max(f.Size, int64(len(head)+len(tail)))
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, head)
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	for left := size - int64(len(head)+len(tail)); left > 0; {
		n := min(left, int64(len(chunk)))
		if _, err := w.Write(chunk[:n]); err != nil {
			return
		}
		left -= n
	}
	_, _ = io.WriteString(w, tail)
}
