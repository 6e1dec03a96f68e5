package devserver

import (
	"net/http"
	"net/url"
	"time"
)

// Request is one line of the request log. It never holds a credential.
type Request struct {
	Time          time.Time
	Method, Path  string
	Route         string // the pattern that answered, such as "GET /api/v3/secrets/raw/{name}"; empty: none
	Query         url.Values
	Header        http.Header // without Authorization
	Authorization bool        // the header was there
	Faulted       bool        // a Fault was met
}

type requestLog struct {
	keep    int
	entries []Request
	counts  map[string]int
}

// record logs a request and finds its fault.
func (s *Server) record(r *http.Request, pattern string) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	fault := s.take(r)
	if pattern == "/" {
		pattern = ""
	}
	header := r.Header.Clone()
	_, authorized := header["Authorization"]
	header.Del("Authorization")
	s.log.counts[pattern]++
	if len(s.log.entries) >= s.log.keep {
		s.log.entries = append(s.log.entries[:0:0], s.log.entries[len(s.log.entries)/2:]...)
	}
	s.log.entries = append(s.log.entries, Request{
		Time: s.cfg.Now(), Method: r.Method, Path: r.URL.Path, Route: pattern, Query: r.URL.Query(),
		Header: header, Authorization: authorized, Faulted: fault != nil,
	})
	return fault
}

// Requests is the log, oldest first. The older half is dropped when it is full.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.log.entries...)
}

// Count is how many requests a route has had, by its pattern; "" counts those no route answers.
// Logins of Universal Auth are "POST /api/v1/auth/universal-auth/login".
func (s *Server) Count(route string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.counts[route]
}

// Total is how many requests there were.
func (s *Server) Total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, count := range s.log.counts {
		n += count
	}
	return n
}

// ResetLog forgets the log and the counts.
func (s *Server) ResetLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.entries = nil
	clear(s.log.counts)
}
