package devserver

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
)

// answer is a finished body on its way out.
type answer struct {
	status      int
	contentType string
	body        []byte
}

// encode writes JSON as JavaScript does: <, > and & stay as they are.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // every type here can be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// etag of a body: the SHA-1, in base64, quoted. Error answers have one too.
func etag(body []byte) string {
	sum := sha1.Sum(body)
	return `"` + base64.StdEncoding.EncodeToString(sum[:]) + `"`
}

// send writes the answer, or 304 if the client has it already: only a single tag that is
// exactly the same counts, not a weak one, a list or *.
func (s *Server) send(w http.ResponseWriter, r *http.Request, a answer, fault *Fault) {
	a = fault.change(a, w.Header())
	h := w.Header()
	tag := etag(a.body)
	have := r.Header.Get("If-None-Match")
	matched := have != "" && a.status < 300 && (have == tag || s.staleMatch(have))
	if matched {
		tag = have
	}
	if a.status < 300 {
		s.remember(tag)
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", a.contentType)
	}
	h.Set("ETag", tag)
	if matched {
		h.Set("Content-Length", "0")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if r.Method == http.MethodHead {
		return
	}
	if fault.cut(w, r, a.body) {
		return
	}
	_, _ = w.Write(a.body) // the client may be gone
}

// remember keeps the tags that were sent, for AnswerStale.
func (s *Server) remember(tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.issued) > 10000 {
		clear(s.issued)
	}
	s.issued[tag] = true
}

// staleMatch takes one of the stale answers that AnswerStale ordered.
func (s *Server) staleMatch(have string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale == 0 || !s.issued[have] {
		return false
	}
	s.stale--
	return true
}

// AnswerStale makes the next n conditional requests that name a tag this server
// has sent a 304, whatever has changed since: a caching layer of the
// real server is suspected of it. A negative n means all.
func (s *Server) AnswerStale(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = n
}
