package devserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// EventsMode is how the server answers a subscription to project events.
type EventsMode int

const (
	EventsOn        EventsMode = iota
	EventsForbidden            // 403: the role may not subscribe
	EventsNoPlan               // 400: the plan does not include them
	EventsFull                 // 429: too many connections of the project
	EventsAbsent               // 404: no such route
)

// PingInterval is how often an open stream says that it is alive.
const PingInterval = 15 * time.Second

// permissionPings is after how many pings the permission is looked at again.
const permissionPings = 4

// streamBuffer is how many events a slow client may be behind; what comes then is lost, as on the server.
const streamBuffer = 256

// stream is one open subscription.
type stream struct {
	project  *Project
	actor    actor
	register []registration
	events   chan []byte
	closed   chan struct{}
}

type registration struct {
	Event      string `json:"event"`
	Conditions *struct {
		Environment string `json:"environmentSlug"`
		Path        string `json:"secretPath"`
	} `json:"conditions"`
}

var eventNames = []string{"secret:create", "secret:update", "secret:delete", "secret:import-mutation"}

// subscribe is POST /api/v1/events/subscribe/project-events.
func (s *Server) subscribe(c *call) (any, error) {
	if s.events == EventsAbsent {
		return nil, c.noRoute()
	}
	body, f := c.object()
	if f != nil {
		return nil, f
	}
	var issues []any
	id := c.stringField(body, "projectId", &issues)
	var register []registration
	raw, _ := json.Marshal(body["register"]) // it came from JSON
	if json.Unmarshal(raw, &register) != nil || len(register) < 1 || len(register) > 10 {
		issues = append(issues, wrongType("array", typeName(body["register"]), "register"))
	}
	for i, r := range register {
		known := false
		for _, name := range eventNames {
			known = known || name == r.Event
		}
		if !known {
			issues = append(issues, wrongEnum(r.Event, eventNames, "register", i, "event"))
		}
		if r.Conditions != nil && r.Conditions.Environment == "" {
			issues = append(issues, wrongType("string", "undefined", "register", i, "conditions", "environmentSlug"))
		}
	}
	if issues != nil {
		return nil, s.invalid(issues...)
	}
	p := s.project(id)
	if p == nil {
		return nil, notFound("Project with ID '" + id + "' not found")
	}
	if f := c.actor.member(p); f != nil {
		return nil, f
	}
	switch s.events {
	case EventsForbidden:
		return nil, permissionDenied("You are not allowed to subscribe on secret-events")
	case EventsNoPlan:
		return nil, badRequest("Event subscriptions are not available on your current plan. Please upgrade to use this feature.")
	case EventsFull:
		return nil, fail(http.StatusTooManyRequests, "RateLimitExceeded", "Too many event subscriptions for this project")
	}
	st := &stream{project: p, actor: c.actor, register: register, events: make(chan []byte, streamBuffer), closed: make(chan struct{})}
	s.streams[st] = true
	return st, nil
}

// wants reports whether the subscription covers an event.
func (st *stream) wants(event, env, path string) bool {
	for _, r := range st.register {
		if r.Event != event {
			continue
		}
		if r.Conditions == nil {
			return true
		}
		if r.Conditions.Environment == env && globMatch(or(r.Conditions.Path, "/"), path) {
			return true
		}
	}
	return false
}

// emit tells every stream of the project that covers it. Under s.mu.
func (s *Server) emit(p *Project, event, env, path, key string) {
	if len(s.streams) == 0 || s.silent {
		return
	}
	s.eventSeq++
	text := eventText(s.cfg.Now().UnixMilli()+int64(s.eventSeq), event, env, path, key)
	for st := range s.streams {
		if st.project == p && st.wants(event, env, path) {
			st.push(text)
		}
	}
}

func (st *stream) push(text []byte) {
	select {
	case st.events <- text:
	default:
	}
}

func eventText(id int64, event, env, path, key string) []byte {
	type item struct {
		Environment string `json:"environment"`
		Path        string `json:"secretPath"`
		Key         string `json:"secretKey,omitempty"`
	}
	var payload any = []item{{env, path, key}}
	if event == "secret:import-mutation" {
		payload = item{Environment: env, Path: path}
	}
	type data struct {
		Type    string `json:"eventType"`
		Payload any    `json:"payload"`
	}
	body := encode(struct {
		ProjectType string `json:"projectType"`
		Data        data   `json:"data"`
	}{"secret-manager", data{event, payload}})
	return fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", id, event, body)
}

// serveStream writes events until the client leaves or CloseStreams ends it. It runs in
// the request's own goroutine.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request, st *stream) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.streams, st)
	}()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Time{}) // a stream outlives a server's limit for answers
	_ = control.Flush()
	ticker := time.NewTicker(PingInterval)
	defer ticker.Stop()
	for pings := 1; ; {
		var text []byte
		select {
		case <-r.Context().Done():
			return
		case <-st.closed:
			return
		case text = <-st.events:
		case <-ticker.C:
			pings++
			ping, lost := s.ping(st, pings)
			if lost {
				_, _ = w.Write([]byte("event: error\ndata: {\"message\":\"Permission denied or refresh failed\"}\n\n"))
				return
			}
			if !ping {
				continue
			}
			text = []byte("event: ping\n\n")
		}
		if _, err := w.Write(text); err != nil {
			return
		}
		if control.Flush() != nil {
			return
		}
	}
}

// ping decides what a tick of the stream does: nothing when silenced, an end when the actor lost the project.
func (s *Server) ping(st *stream, n int) (ping, lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n%permissionPings == 0 && st.actor.role(st.project) == "" {
		return false, true
	}
	return !s.silent, false
}

// SetEvents changes how subscriptions are answered from now on.
func (s *Server) SetEvents(mode EventsMode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = mode
}

// Streams is how many subscriptions are open.
func (s *Server) Streams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams)
}

// CloseStreams ends every open stream, as a restart of the server does.
func (s *Server) CloseStreams() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.streams {
		close(st.closed)
		delete(s.streams, st)
	}
}

// SilenceStreams keeps open streams and new ones from sending anything, pings
// included: the connection is there and dead.
func (s *Server) SilenceStreams(silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = silent
}

// PushRaw sends text to every open stream as it is, well-formed or not.
func (s *Server) PushRaw(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.streams {
		st.push([]byte(text))
	}
}
