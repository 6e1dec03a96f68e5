package devserver

import (
	"time"
)

// A current server locks an identity's method for a while after some wrong secrets.
const (
	lockoutAfter = 3
	lockoutFor   = 5 * time.Minute
	lockoutReset = 30 * time.Second // without a failure
)

type lockout struct {
	failures int
	last     time.Time
	until    time.Time
}

// universalAuthLogin is POST /api/v1/auth/universal-auth/login.
func (s *Server) universalAuthLogin(c *call) (any, error) {
	body, f := c.object()
	if f != nil {
		return nil, f
	}
	var issues []any
	clientID := c.stringField(body, "clientId", &issues)
	clientSecret := c.stringField(body, "clientSecret", &issues)
	if issues != nil {
		return nil, s.invalid(issues...)
	}
	var id *Identity
	for _, candidate := range s.identities {
		if candidate.ClientID == clientID {
			id = candidate
		}
	}
	if id == nil {
		return nil, notFound("No identity with specified client ID was found")
	}
	lock, f := s.locked(id)
	if f != nil {
		return nil, f
	}
	secret := s.clientSecret(id, clientSecret)
	if secret == nil {
		s.countFailure(lock)
		return nil, unauthorized("Invalid credentials")
	}
	if secret.TTL > 0 && s.cfg.Now().After(secret.createdAt.Add(secret.TTL)) {
		secret.revoked = true
		return nil, unauthorized("Access denied due to expired client secret")
	}
	if secret.Uses > 0 && secret.used >= secret.Uses {
		secret.revoked = true
		return nil, unauthorized("Access denied due to client secret usage limit reached")
	}
	secret.used++
	delete(s.lockouts, id.ID)
	return s.issue(id, secret.ID, "universal-auth"), nil
}

func (s *Server) clientSecret(id *Identity, text string) *ClientSecret {
	for _, c := range s.clientSecrets {
		if c.IdentityID == id.ID && !c.revoked && c.Secret == text {
			return c
		}
	}
	return nil
}

func (s *Server) locked(id *Identity) (*lockout, *failure) {
	now := s.cfg.Now()
	lock := s.lockouts[id.ID]
	if lock == nil || now.Sub(lock.last) > lockoutReset && now.After(lock.until) {
		lock = &lockout{}
		s.lockouts[id.ID] = lock
	}
	if s.cfg.Era != Era2024 && now.Before(lock.until) {
		return lock, unauthorized("This identity auth method is temporarily locked, please try again later")
	}
	return lock, nil
}

func (s *Server) countFailure(lock *lockout) {
	lock.failures++
	lock.last = s.cfg.Now()
	if lock.failures >= lockoutAfter {
		lock.failures, lock.until = 0, lock.last.Add(lockoutFor)
	}
}

// methodLogin is POST /api/v1/auth/{method}/login for the methods that Identity.Verify turns on.
func (s *Server) methodLogin(c *call) (any, error) {
	method := c.r.PathValue("method")
	if !loginMethods[method] {
		return nil, c.noRoute()
	}
	body, f := c.object()
	if f != nil {
		return nil, f
	}
	var issues []any
	identityID := c.stringField(body, "identityId", &issues)
	if issues != nil {
		return nil, s.invalid(issues...)
	}
	id := s.identities[identityID]
	if id == nil || id.Verify[method] == nil {
		return nil, notFound("No identity with specified ID was found, or it has no " + method + " method")
	}
	if err := s.verified(id.Verify[method], c, body); err != nil {
		return nil, unauthorized(err.Error())
	}
	return s.issue(id, "", method), nil
}

// verified runs a verifier without the lock, since it may do anything, and takes the lock
// again even if it panics.
func (s *Server) verified(verify VerifyFunc, c *call, body map[string]any) error {
	s.mu.Unlock()
	defer s.mu.Lock()
	return verify(c.r, body)
}

// loginMethods are the routes that exist beside universal-auth.
var loginMethods = map[string]bool{
	"kubernetes-auth": true, "oidc-auth": true, "jwt-auth": true, "gcp-auth": true, "azure-auth": true, "aws-auth": true,
	"ldap-auth": true, "tls-cert-auth": true, "spiffe-auth": true, "oci-auth": true, "alicloud-auth": true,
}

// identityDetails is GET /api/v1/identities/details.
func (s *Server) identityDetails(c *call) (any, error) {
	type organization struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Slug string `json:"slug"`
	}
	var out struct {
		Details struct {
			Organization organization `json:"organization"`
		} `json:"identityDetails"`
	}
	out.Details.Organization = organization(s.organization)
	return out, nil
}

// checkAuth is POST /api/v1/auth/checkAuth, of users.
func (s *Server) checkAuth(c *call) (any, error) { return message{"Authenticated"}, nil }

// serviceToken is GET /api/v2/service-token.
func (s *Server) serviceToken(c *call) (any, error) {
	t := c.actor.token
	u := s.users[t.CreatedBy]
	if u == nil {
		u = &User{ID: t.CreatedBy, Email: "dev@localhost", FirstName: "dev", CreatedAt: t.CreatedAt}
	}
	type device struct {
		IP        string `json:"ip"`
		UserAgent string `json:"userAgent"`
	}
	type user struct {
		AuthMethods []string `json:"authMethods"`
		ID          string   `json:"id"`
		CreatedAt   string   `json:"createdAt"`
		UpdatedAt   string   `json:"updatedAt"`
		Devices     []device `json:"devices"`
		Email       string   `json:"email"`
		FirstName   string   `json:"firstName"`
		LastName    string   `json:"lastName"`
		MFAMethods  *string  `json:"mfaMethods"`
		V           int      `json:"__v"`
		UnderID     string   `json:"_id"`
	}
	var expires *string
	if !t.ExpiresAt.IsZero() {
		text := timestamp(t.ExpiresAt)
		expires = &text
	}
	return struct {
		ID           string              `json:"id"`
		Name         string              `json:"name"`
		Scopes       []ServiceTokenScope `json:"scopes"`
		Permissions  []string            `json:"permissions"`
		LastUsed     *string             `json:"lastUsed"`
		ExpiresAt    *string             `json:"expiresAt"`
		SecretHash   string              `json:"secretHash"`
		EncryptedKey string              `json:"encryptedKey"`
		IV           string              `json:"iv"`
		Tag          string              `json:"tag"`
		CreatedAt    string              `json:"createdAt"`
		UpdatedAt    string              `json:"updatedAt"`
		CreatedBy    string              `json:"createdBy"`
		ProjectID    string              `json:"projectId"`
		Workspace    string              `json:"workspace"`
		User         user                `json:"user"`
		UnderID      string              `json:"_id"`
		V            int                 `json:"__v"`
	}{
		ID: t.ID, Name: t.Name, Scopes: t.Scopes, Permissions: t.Permissions, ExpiresAt: expires,
		// The real server shows the bcrypt hash; this one keeps none, and shows a fixed one.
		SecretHash:   "$2b$10$................................................................"[:60],
		EncryptedKey: "none", IV: "none", Tag: "none",
		CreatedAt: timestamp(t.CreatedAt), UpdatedAt: timestamp(t.CreatedAt), CreatedBy: t.CreatedBy, ProjectID: t.ProjectID, Workspace: t.ProjectID,
		User: user{
			AuthMethods: []string{"email"}, ID: u.ID, CreatedAt: timestamp(u.CreatedAt), UpdatedAt: timestamp(u.CreatedAt),
			Devices: []device{{IP: "127.0.0.1", UserAgent: "devserver"}}, Email: u.Email, FirstName: u.FirstName, UnderID: u.ID,
		},
		UnderID: t.ID,
	}, nil
}

// status is GET /api/status.
func (s *Server) status(c *call) (any, error) {
	return struct {
		Date     string `json:"date"`
		Message  string `json:"message"`
		Email    bool   `json:"emailConfigured"`
		Invite   bool   `json:"inviteOnlySignup"`
		Redis    bool   `json:"redisConfigured"`
		Scanning bool   `json:"secretScanningConfigured"`
	}{Date: timestamp(s.now()), Message: "Ok", Invite: true, Redis: true}, nil
}

// timestamp is the form of every date in an answer.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
