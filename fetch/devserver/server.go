package devserver

import (
	"crypto/rand"
	"encoding/hex"
	mathrand "math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Era is which generation of Infisical server to answer like.
type Era int

const (
	// Current answers like a server of 2026: secrets v4 beside v3, an unknown
	// folder is a 404, a bad parameter a 422, errors carry a reqId, a renewed token is a new one.
	Current Era = iota
	// Era2024 answers like the self-hosted server of October 2024 whose
	// exchanges are recorded: no v4, no project events, an unknown folder is an empty 200.
	Era2024
)

// Config of a Server. The zero value is a current server with nothing in it.
type Config struct {
	Era  Era
	Now  func() time.Time // nil: time.Now
	Seed uint64           // of ids and of everything that is random by knob; 0: from the system
	// Limits turns the rate limits on.
	Limits *Limits
	// SiteURL is what access-control-allow-origin says; empty: http://localhost:8080.
	SiteURL string
	// KeepRequests is how many requests the log keeps; 0: 10,000.
	KeepRequests int
}

// Server is the API over its model. It is an http.Handler, safe for use by
// many goroutines, and starts none: what has to happen in time happens when
// the next request asks, and an open event stream runs in its own request.
type Server struct {
	cfg    Config
	key    []byte // signs tokens
	routes *http.ServeMux

	mu            sync.Mutex // guards what follows and everything reachable from it
	random        *mathrand.Rand
	organization  Organization
	projects      []*Project
	identities    map[string]*Identity
	users         map[string]*User
	clientSecrets []*ClientSecret
	serviceTokens map[string]*ServiceToken
	tokens        map[string]*accessToken
	pruneTokensAt int
	windows       map[string]*window
	lockouts      map[string]*lockout

	faults   []*Fault
	flicker  float64
	stale    int
	issued   map[string]bool // ETags that were sent, for stale answers
	events   EventsMode
	silent   bool
	streams  map[*stream]bool
	log      requestLog
	eventSeq uint64
}

// Organization is the one organisation that everything belongs to.
type Organization struct{ ID, Name, Slug string }

// New returns an empty server: AddProject or FillFrom, and AddIdentity, make it useful.
func New(cfg Config) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.SiteURL == "" {
		cfg.SiteURL = "http://localhost:8080"
	}
	if cfg.KeepRequests == 0 {
		cfg.KeepRequests = 10000
	}
	s := &Server{
		cfg:           cfg,
		key:           make([]byte, 32),
		identities:    map[string]*Identity{},
		users:         map[string]*User{},
		serviceTokens: map[string]*ServiceToken{},
		tokens:        map[string]*accessToken{},
		windows:       map[string]*window{},
		lockouts:      map[string]*lockout{},
		issued:        map[string]bool{},
		streams:       map[*stream]bool{},
		log:           requestLog{keep: cfg.KeepRequests, counts: map[string]int{}},
	}
	seed := [2]uint64{cfg.Seed, 0x9e3779b97f4a7c15}
	if cfg.Seed == 0 {
		seed = [2]uint64{mathrand.Uint64(), mathrand.Uint64()}
	}
	s.random = mathrand.New(mathrand.NewPCG(seed[0], seed[1]))
	_, _ = rand.Read(s.key) // never fails, see crypto/rand
	s.organization = Organization{ID: s.newID(), Name: "Development", Slug: "development"}
	s.routes = s.mux()
	return s
}

// SetOrganization names the organisation; an empty field keeps what is there.
func (s *Server) SetOrganization(o Organization) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.organization.ID = or(o.ID, s.organization.ID)
	s.organization.Name = or(o.Name, s.organization.Name)
	s.organization.Slug = or(o.Slug, s.organization.Slug)
}

// newID is a random UUID of version 4. Lists are ordered by id, so what comes
// back is in an order that means nothing, as from the real server.
func (s *Server) newID() string {
	var b [16]byte
	for i := 0; i < len(b); i += 8 {
		n := s.random.Uint64()
		for j := range 8 {
			b[i+j] = byte(n >> (8 * j))
		}
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// newSecret is 32 random bytes in hex, as client secrets are.
func newSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
