package devserver

import (
	"time"
)

// maxLifetime caps the exp of a current server's tokens: 90 days.
const maxLifetime = 7776000 * time.Second

// accessToken is the server's row of an identity access token. In 2024 the
// row decides: exp is the max TTL, the TTL lives here. Since then exp is the TTL,
// and the row is there to count and to revoke.
type accessToken struct {
	id, identityID, clientSecretID string
	method                         string
	created, renewed               time.Time
	uses                           int
	overdue                        bool // ExpireTokens
}

// tokenAnswer is the answer of every login and of a renewal.
type tokenAnswer struct {
	AccessToken string `json:"accessToken"`
	ExpiresIn   int64  `json:"expiresIn"`
	MaxTTL      int64  `json:"accessTokenMaxTTL"`
	TokenType   string `json:"tokenType"`
}

// issue makes a new token for an identity.
func (s *Server) issue(id *Identity, clientSecretID, method string) tokenAnswer {
	now := s.now()
	s.prune(now)
	t := &accessToken{id: s.newID(), identityID: id.ID, clientSecretID: clientSecretID, method: method, created: now}
	s.tokens[t.id] = t
	return s.answer(t, id)
}

func (s *Server) answer(t *accessToken, id *Identity) tokenAnswer {
	now := s.cfg.Now()
	c := claims{
		IdentityID: id.ID, ClientSecretID: t.clientSecretID, IdentityAccessTokenID: t.id,
		AuthTokenType: "identityAccessToken", IssuedAt: now.Unix(),
	}
	ttl := id.TTL
	if s.cfg.Era == Era2024 {
		if id.MaxTTL > 0 {
			c.Expires = c.IssuedAt + seconds(id.MaxTTL)
		}
	} else {
		c.AuthMethod, c.IdentityName, c.OrgID, c.JTI = t.method, id.Name, s.organization.ID, s.newID()
		c.NumUsesLimit = id.Uses
		exp := maxLifetime
		if id.TTL > 0 {
			exp = min(exp, id.TTL)
		}
		if id.MaxTTL > 0 {
			exp = min(exp, t.created.Add(id.MaxTTL).Sub(now))
		}
		if id.TTL > 0 {
			ttl = exp
		}
		c.Expires = now.Add(exp).Unix()
	}
	return tokenAnswer{AccessToken: s.sign(c), ExpiresIn: seconds(ttl), MaxTTL: seconds(id.MaxTTL), TokenType: "Bearer"}
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// prune forgets tokens that are over, now and then, so that a server which runs for weeks does not grow.
func (s *Server) prune(now time.Time) {
	if len(s.tokens) < max(1024, s.pruneTokensAt) {
		return
	}
	for key, t := range s.tokens {
		id := s.identities[t.identityID]
		if id == nil || id.MaxTTL > 0 && now.After(t.created.Add(id.MaxTTL)) || id.TTL > 0 && now.After(t.last().Add(id.TTL)) {
			delete(s.tokens, key)
		}
	}
	s.pruneTokensAt = 2 * len(s.tokens)
}

// last is when the TTL began to run.
func (t *accessToken) last() time.Time {
	if t.renewed.IsZero() {
		return t.created
	}
	return t.renewed
}

// check finds a token's row and whether it is still good. A row that is over is deleted by the look.
func (s *Server) check(c claims) (*accessToken, *Identity, *failure) {
	t := s.tokens[c.IdentityAccessTokenID]
	id := s.identities[c.IdentityID]
	if t == nil || id == nil {
		return nil, nil, unauthorized("No identity access token found")
	}
	if id.Uses > 0 && t.uses >= id.Uses {
		delete(s.tokens, t.id)
		if s.cfg.Era == Era2024 {
			return nil, nil, unauthorized("Unable to renew because access token number of uses limit reached")
		}
		return nil, nil, unauthorized("Identity access token usage limit reached")
	}
	if s.cfg.Era != Era2024 {
		if t.overdue {
			return nil, nil, expired()
		}
		return t, id, nil
	}
	if t.overdue || id.TTL > 0 && s.cfg.Now().After(t.last().Add(id.TTL)) {
		delete(s.tokens, t.id)
		return nil, nil, unauthorized("Failed to renew MI access token due to TTL expiration")
	}
	return t, id, nil
}

// renew is POST /api/v1/auth/token/renew.
func (s *Server) renew(c *call) (any, error) {
	token, f := c.bodyString("accessToken")
	if f != nil {
		return nil, f
	}
	cl, f := s.verify(token)
	if f != nil {
		return nil, f
	}
	if cl.AuthTokenType != "identityAccessToken" {
		return nil, badRequest("Only identity access tokens can be renewed")
	}
	t, id, f := s.check(cl)
	if f != nil {
		return nil, f
	}
	now := s.cfg.Now()
	if s.cfg.Era != Era2024 {
		if id.MaxTTL > 0 && !now.Before(t.created.Add(id.MaxTTL)) {
			return nil, unauthorized("Cannot renew: identity access token has reached its max TTL")
		}
		t.renewed = now
		return s.answer(t, id), nil
	}
	if id.MaxTTL > 0 && now.Add(id.TTL).After(t.created.Add(id.MaxTTL)) {
		// The real one deletes a token that was still good a moment before.
		delete(s.tokens, t.id)
		return nil, unauthorized("Failed to renew MI access token past its Max TTL expiration")
	}
	t.renewed = now
	return tokenAnswer{AccessToken: token, ExpiresIn: seconds(id.TTL), MaxTTL: seconds(id.MaxTTL), TokenType: "Bearer"}, nil
}

// revoke is POST /api/v1/auth/token/revoke.
func (s *Server) revoke(c *call) (any, error) {
	token, f := c.bodyString("accessToken")
	if f != nil {
		return nil, f
	}
	cl, f := s.verify(token)
	if f != nil {
		return nil, f
	}
	if s.tokens[cl.IdentityAccessTokenID] == nil {
		return nil, unauthorized("No identity access token found")
	}
	delete(s.tokens, cl.IdentityAccessTokenID)
	return message{"Successfully revoked access token"}, nil
}

type message struct {
	Message string `json:"message"`
}

// IssueToken makes a token of an identity without a request, as a pre-created token is.
func (s *Server) IssueToken(identityID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.identities[identityID]
	if id == nil {
		return ""
	}
	return s.issue(id, id.ClientSecretID, "token-auth").AccessToken
}

// UserToken makes a token of a user, as `infisical login` keeps it: ten days, no renewal.
func (s *Server) UserToken(userID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[userID]
	if u == nil {
		return ""
	}
	now := s.cfg.Now().Unix()
	return s.sign(claims{
		AuthMethod: "email", AuthTokenType: "accessToken", UserID: u.ID, TokenVersionID: u.tokenVersion,
		AccessVersion: 1, OrganizationID: s.organization.ID, IssuedAt: now, Expires: now + 10*24*3600,
	})
}

// RevokeTokens forgets every token of an identity, or of all if it is empty;
// the next use of one is answered 401. It reports how many there were.
func (s *Server) RevokeTokens(identityID string) int {
	return s.eachToken(identityID, func(t *accessToken) { delete(s.tokens, t.id) })
}

// ExpireTokens lets the TTL of every token of an identity, or of all if it is empty, be over:
// 401 on a server of 2024, 403 TokenError on a current one. It reports how many there were.
func (s *Server) ExpireTokens(identityID string) int {
	return s.eachToken(identityID, func(t *accessToken) { t.overdue = true })
}

func (s *Server) eachToken(identityID string, do func(*accessToken)) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, t := range s.tokens {
		if identityID == "" || t.identityID == identityID {
			do(t)
			n++
		}
	}
	return n
}
