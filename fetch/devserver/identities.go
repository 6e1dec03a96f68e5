package devserver

import (
	"net/http"
	"time"
)

// Role is what an actor may do in a project.
type Role string

const (
	Admin  Role = "admin"
	Member Role = "member" // reads and writes secrets
	Viewer Role = "viewer" // reads secrets
)

// DefaultTTL is the token lifetime of an identity that names none: 30 days.
const DefaultTTL = 30 * 24 * time.Hour

// Identity is a machine identity. Empty fields are made up by AddIdentity.
type Identity struct {
	ID, Name string
	// ClientID and ClientSecret are its Universal Auth; AddClientSecret makes more secrets.
	ClientID, ClientSecret string
	ClientSecretID         string
	// TTL and MaxTTL of its tokens, in whole seconds; 0: DefaultTTL, negative: no limit.
	TTL, MaxTTL time.Duration
	// Uses is how many requests one of its tokens is good for; 0: no limit.
	Uses int
	// Roles by project id; nil: Admin of every project, empty: a member of none.
	Roles map[string]Role
	// Verify turns on other login methods, by the name in their route:
	// "kubernetes-auth", "oidc-auth", "jwt-auth", "gcp-auth", "azure-auth", "aws-auth",
	// "ldap-auth", "tls-cert-auth", "spiffe-auth", "oci-auth", "alicloud-auth".
	Verify map[string]VerifyFunc
}

// VerifyFunc decides whether the body of a login proves the identity. Its error is
// what the caller reads, with status 401. The request is there for its TLS state and headers.
type VerifyFunc func(r *http.Request, body map[string]any) error

// ClientSecret is one Universal Auth secret of an identity.
type ClientSecret struct {
	ID, IdentityID, Secret string
	Uses                   int           // how many logins it is good for; 0: no limit
	TTL                    time.Duration // 0: no limit

	used      int
	createdAt time.Time
	revoked   bool
}

// AddIdentity makes an identity with one client secret, and returns it with every field filled in.
func (s *Server) AddIdentity(id Identity) Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	id.ID = or(id.ID, s.newID())
	id.Name = or(id.Name, "identity")
	id.ClientID = or(id.ClientID, s.newID())
	id.ClientSecret = or(id.ClientSecret, newSecret())
	id.ClientSecretID = or(id.ClientSecretID, s.newID())
	id.TTL, id.MaxTTL = lifetime(id.TTL), lifetime(id.MaxTTL)
	s.identities[id.ID] = &id
	s.clientSecrets = append(s.clientSecrets, &ClientSecret{ID: id.ClientSecretID, IdentityID: id.ID, Secret: id.ClientSecret, createdAt: s.now()})
	return id
}

// lifetime is d with its default, and 0 for no limit.
func lifetime(d time.Duration) time.Duration {
	if d == 0 {
		return DefaultTTL
	}
	return max(d, 0)
}

// AddClientSecret gives an identity one more client secret, and returns it filled in.
func (s *Server) AddClientSecret(c ClientSecret) ClientSecret {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.ID = or(c.ID, s.newID())
	c.Secret = or(c.Secret, newSecret())
	c.createdAt = s.now()
	s.clientSecrets = append(s.clientSecrets, &c)
	return c
}

// RevokeClientSecrets revokes every client secret of an identity.
func (s *Server) RevokeClientSecrets(identityID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clientSecrets {
		if c.IdentityID == identityID {
			c.revoked = true
		}
	}
}

// SetRole changes what an identity or user may do in a project; an empty role takes it out.
func (s *Server) SetRole(actorID, projectID string, role Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var roles *map[string]Role
	if id := s.identities[actorID]; id != nil {
		roles = &id.Roles
	} else if u := s.users[actorID]; u != nil {
		roles = &u.Roles
	} else {
		return
	}
	changed := map[string]Role{}
	if *roles == nil {
		for _, p := range s.projects {
			changed[p.cfg.ID] = Admin
		}
	}
	for id, r := range *roles {
		changed[id] = r
	}
	delete(changed, projectID)
	if role != "" {
		changed[projectID] = role
	}
	*roles = changed
}

// User is a person, who has personal values and a token of `infisical login`.
type User struct {
	ID, Email, FirstName string
	Roles                map[string]Role // nil: Admin of every project
	CreatedAt            time.Time
	tokenVersion         string
}

// AddUser makes a user, and returns it with every field filled in.
func (s *Server) AddUser(u User) User {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.ID = or(u.ID, s.newID())
	u.Email = or(u.Email, "dev@localhost")
	u.FirstName = or(u.FirstName, "dev")
	u.CreatedAt = pick(u.CreatedAt, s.now())
	u.tokenVersion = s.newID()
	s.users[u.ID] = &u
	return u
}

// ServiceToken is a token of the old kind, bound to folders of one project.
type ServiceToken struct {
	ID, Secret  string
	Name        string
	ProjectID   string
	Scopes      []ServiceTokenScope
	Permissions []string // "read", "write"; empty: both
	ExpiresAt   time.Time
	CreatedBy   string // a user id
	CreatedAt   time.Time
}

// ServiceTokenScope is an environment and a folder or glob (/**).
type ServiceTokenScope struct {
	Path        string `json:"secretPath"`
	Environment string `json:"environment"`
}

// AddServiceToken makes a service token. Its Bearer is what a client sends.
func (s *Server) AddServiceToken(t ServiceToken) ServiceToken {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.ID = or(t.ID, s.newID())
	t.Secret = or(t.Secret, newSecret()[:32])
	t.Name = or(t.Name, "service token")
	t.CreatedAt = pick(t.CreatedAt, s.now())
	if t.Permissions == nil {
		t.Permissions = []string{"read", "write"}
	}
	s.serviceTokens[t.ID] = &t
	return t
}

// Bearer is what a client sends: the first three parts of the token.
func (t ServiceToken) Bearer() string { return "st." + t.ID + "." + t.Secret }
