package devserver

import (
	"errors"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// route is one line of the API: what a request needs, and who answers it.
type route struct {
	pattern string
	bucket  bucket
	allowed allowed
	newer   bool // not on a server of 2024
	handle  func(*Server, *call) (any, error)
}

// mux registers the routes of the server's era.
func (s *Server) mux() *http.ServeMux {
	mux := http.NewServeMux()
	for _, rt := range routes {
		if rt.newer && s.cfg.Era == Era2024 {
			continue
		}
		mux.Handle(rt.pattern, rt.handler(s))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c := newCall(r)
		s.send(w, r, s.reply(nil, c.noRoute()), takenFault(r))
	})
	return mux
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = trimSlashes(r)
	_, pattern := s.routes.Handler(r)
	fault := s.record(r, pattern)
	if fault != nil {
		r = withFault(r, fault)
		if fault.before(w, r) {
			return
		}
	}
	s.securityHeaders(w.Header())
	if r.Method == http.MethodOptions {
		s.preflight(w)
		return
	}
	s.routes.ServeHTTP(w, r)
}

// handler runs the steps every route shares: rate limit, authentication, the
// route's own work under the lock, and the answer outside of it.
func (rt route) handler(s *Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := newCall(r)
		body, err := rt.run(s, c, w)
		if stream, ok := body.(*stream); ok && err == nil {
			s.serveStream(w, r, stream)
			return
		}
		s.send(w, r, s.reply(body, err), takenFault(r))
	})
}

func (rt route) run(s *Server, c *call, w http.ResponseWriter) (any, error) {
	if err := c.readBody(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.limit(w.Header(), c.r, rt.bucket); f != nil {
		return nil, f
	}
	who, f := s.authenticate(c.r)
	if f != nil {
		return nil, f
	}
	if f := rt.allowed.permit(who, c.r.URL.Path); f != nil {
		return nil, f
	}
	if c.broken {
		return nil, somethingWentWrong("InternalServerError")
	}
	c.server, c.actor = s, who
	return rt.handle(s, c)
}

// reply turns what a route returned into an answer.
func (s *Server) reply(body any, err error) answer {
	status := http.StatusOK
	var f *failure
	var missing *noRoute
	switch {
	case err == nil:
	case errors.As(err, &missing):
		status, body = http.StatusNotFound, missing.body
	case errors.As(err, &f):
		status = f.status
		e := errorBody{StatusCode: f.status, Message: f.message, Error: f.kind}
		if s.cfg.Era != Era2024 {
			e.RequestID, e.Details = s.requestID(), f.details
		}
		body = e
	default:
		status, body = http.StatusInternalServerError, errorBody{StatusCode: 500, Message: "Something went wrong", Error: "InternalServerError"}
	}
	return answer{status: status, body: encode(body), contentType: "application/json; charset=utf-8"}
}

func (s *Server) requestID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "req-" + strings.ReplaceAll(s.newID(), "-", "")[:14]
}

// trimSlashes drops slashes at the end of the path, which the server ignores, and keeps
// a path that http.ServeMux would answer with a redirect away from it.
func trimSlashes(r *http.Request) *http.Request {
	trimmed := strings.TrimRight(r.URL.Path, "/")
	if trimmed == "" {
		trimmed = "/"
	}
	if trimmed != path.Clean(trimmed) {
		trimmed = "/not-clean"
	} else if trimmed == r.URL.Path {
		return r
	}
	copied := r.Clone(r.Context())
	copied.URL.Path = trimmed
	copied.URL.RawPath = strings.TrimRight(r.URL.RawPath, "/")
	if trimmed == "/not-clean" {
		copied.URL.RawPath = ""
	}
	return copied
}

func (s *Server) securityHeaders(h http.Header) {
	for _, kv := range helmet {
		h.Set(kv[0], kv[1])
	}
	h.Set("Vary", "Origin")
	h.Set("Access-Control-Allow-Origin", s.cfg.SiteURL)
	h.Set("Access-Control-Allow-Credentials", "true")
}

// helmet are the fixed headers of every answer but a preflight's.
var helmet = [][2]string{
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Origin-Agent-Cluster", "?1"},
	{"Referrer-Policy", "no-referrer"},
	{"Strict-Transport-Security", "max-age=15552000; includeSubDomains"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-DNS-Prefetch-Control", "off"},
	{"X-Download-Options", "noopen"},
	{"X-Frame-Options", "SAMEORIGIN"},
	{"X-Permitted-Cross-Domain-Policies", "none"},
	{"X-XSS-Protection", "0"},
}

func (s *Server) preflight(w http.ResponseWriter) {
	h := w.Header()
	for _, kv := range helmet {
		h.Del(kv[0])
	}
	h.Set("Vary", "Origin, Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
	h.Set("Content-Length", strconv.Itoa(0))
	w.WriteHeader(http.StatusNoContent)
}
