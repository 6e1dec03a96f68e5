package devserver

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Limits are requests a minute and client address, one bucket each. A 0 is the
// default, as it was observed on a server in production mode; negative is no limit.
type Limits struct {
	Secrets int // 40
	Logins  int // 200; renewals too
	Reads   int // 60; folders, projects
}

type bucket int

const (
	unlimited bucket = iota
	secrets
	logins
	reads
)

const windowLength = time.Minute

type window struct {
	start time.Time
	used  int
}

// limit counts a request and says in headers what is left; a failure when nothing is.
func (s *Server) limit(h http.Header, r *http.Request, b bucket) *failure {
	maximum := s.cfg.Limits.of(b)
	if maximum <= 0 {
		return nil
	}
	now := s.cfg.Now()
	key := strconv.Itoa(int(b)) + " " + clientAddress(r)
	w := s.windows[key]
	if w == nil || now.Sub(w.start) >= windowLength {
		if len(s.windows) > 10000 {
			clear(s.windows)
		}
		w = &window{start: now}
		s.windows[key] = w
	}
	w.used++
	left := w.start.Add(windowLength).Sub(now)
	reset := strconv.FormatInt(int64((left+time.Second-1)/time.Second), 10)
	h.Set("X-Ratelimit-Limit", strconv.Itoa(maximum))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(max(0, maximum-w.used)))
	h.Set("X-Ratelimit-Reset", reset)
	if w.used <= maximum {
		return nil
	}
	h.Set("Retry-After", reset)
	wait := "1 minute"
	if s.cfg.Era != Era2024 {
		wait = reset + " seconds"
	}
	return fail(http.StatusTooManyRequests, "RateLimitExceeded", "Rate limit exceeded. Please try again in "+wait)
}

func (l *Limits) of(b bucket) int {
	if l == nil {
		return 0
	}
	pick := func(n, otherwise int) int {
		if n == 0 {
			return otherwise
		}
		return n
	}
	switch b {
	case secrets:
		return pick(l.Secrets, 40)
	case logins:
		return pick(l.Logins, 200)
	case reads:
		return pick(l.Reads, 60)
	}
	return 0
}

// clientAddress is the first forwarded address, which the server trusts, or the peer's.
func clientAddress(r *http.Request) string {
	if forwarded := r.Header.Get("X-Forwarded-For"); forwarded != "" {
		first, _, _ := strings.Cut(forwarded, ",")
		return strings.TrimSpace(first)
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// SetLimits turns the rate limits on, or with nil off, and forgets what was counted.
func (s *Server) SetLimits(l *Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.Limits = l
	clear(s.windows)
}
