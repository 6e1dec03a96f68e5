package devserver

import (
	"net/http"
	"strings"
)

// actor is who sent a request. Exactly one of its members is set.
type actor struct {
	identity *Identity
	user     *User
	token    *ServiceToken
}

func (a actor) none() bool { return a == actor{} }

// userID is who personal values may belong to.
func (a actor) userID() string {
	if a.user != nil {
		return a.user.ID
	}
	return ""
}

// allowed is which actors a route is for. The zero value asks for no Authorization.
type allowed struct{ identity, user, service bool }

var (
	anyone     = allowed{}
	machines   = allowed{identity: true}
	people     = allowed{user: true}
	members    = allowed{identity: true, user: true}
	everyActor = allowed{identity: true, user: true, service: true}
	services   = allowed{service: true}
)

// authenticate reads the Authorization header, as the server does before
// every route, those without authentication included: an expired token on a login fails it.
func (s *Server) authenticate(r *http.Request) (actor, *failure) {
	header := r.Header.Get("Authorization")
	if _, ok := r.Header["Authorization"]; !ok {
		return actor{}, nil
	}
	// The server cuts off seven characters without a look at them. A header without the
	// scheme, or without a token (HTTP trims the blank), is therefore refused as a token.
	token := ""
	if len(header) > 7 {
		token = header[7:]
	}
	if strings.HasPrefix(token, "st.") {
		t, f := s.authenticateService(token)
		return actor{token: t}, f
	}
	c, f := s.verify(token)
	if f != nil {
		return actor{}, f
	}
	switch c.AuthTokenType {
	case "identityAccessToken":
		t, id, f := s.check(c)
		if f != nil {
			return actor{}, f
		}
		t.uses++
		return actor{identity: id}, nil
	case "accessToken":
		u := s.users[c.UserID]
		if u == nil || u.tokenVersion != c.TokenVersionID {
			return actor{}, unauthorized("User session not found")
		}
		return actor{user: u}, nil
	}
	return actor{}, tokenError("invalid token")
}

func (s *Server) authenticateService(token string) (*ServiceToken, *failure) {
	parts := strings.SplitN(token, ".", 4) // a fourth part, the key of old clients, is ignored
	if len(parts) < 3 {
		return nil, unauthorized("Invalid service token")
	}
	t := s.serviceTokens[parts[1]]
	switch {
	case t == nil:
		return nil, notFound("Service token with ID '" + parts[1] + "' not found")
	case !t.ExpiresAt.IsZero() && s.cfg.Now().After(t.ExpiresAt):
		return nil, fail(http.StatusForbidden, "ForbiddenError", "Service token has expired")
	case t.Secret != parts[2]:
		return nil, unauthorized("Invalid service token")
	}
	return t, nil
}

// permit checks the actor against what the route is for.
func (a allowed) permit(who actor, path string) *failure {
	switch {
	case a == anyone:
		return nil
	case who.none():
		return unauthorized("Token missing")
	case a.identity && who.identity != nil, a.user && who.user != nil, a.service && who.token != nil:
		return nil
	}
	return fail(http.StatusForbidden, "Forbidden access to "+path, "You are not allowed to access this resource")
}

// role of the actor in a project; empty: not a member.
func (a actor) role(p *Project) Role {
	var roles map[string]Role
	switch {
	case a.identity != nil:
		roles = a.identity.Roles
	case a.user != nil:
		roles = a.user.Roles
	case a.token != nil && a.token.ProjectID == p.cfg.ID:
		return Member
	default:
		return ""
	}
	if roles == nil {
		return Admin
	}
	return roles[p.cfg.ID]
}

// member refuses an actor that is not in the project.
func (a actor) member(p *Project) *failure {
	if a.role(p) != "" {
		return nil
	}
	who := "Identity"
	if a.user != nil {
		who = "User"
	} else if a.token != nil {
		who = "Service token"
	}
	return fail(http.StatusForbidden, who+" is not a member of the specified project with ID '"+p.cfg.ID+"'", "You are not allowed to access this resource")
}

// may refuses an action ("read", "create", "edit", "delete") on the secrets of a folder.
func (a actor) may(action string, p *Project, env, path string) *failure {
	if f := a.member(p); f != nil {
		return f
	}
	denied := permissionDenied("You are not allowed to " + action + " on secrets")
	if t := a.token; t != nil {
		need := "write"
		if action == "read" {
			need = "read"
		}
		for _, scope := range t.Scopes {
			if scope.Environment == env && globMatch(scope.Path, path) {
				for _, p := range t.Permissions {
					if p == need {
						return nil
					}
				}
			}
		}
		return denied
	}
	if action != "read" && a.role(p) == Viewer {
		return denied
	}
	return nil
}
