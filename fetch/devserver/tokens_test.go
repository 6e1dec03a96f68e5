package devserver_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"infuse/fetch/devserver"
)

func (w *world) login(t *testing.T, id devserver.Identity, secret string) reply {
	t.Helper()
	nobody := *w
	nobody.token = ""
	return nobody.ask(t, "POST", "/api/v1/auth/universal-auth/login", fmt.Sprintf(`{"clientId":%q,"clientSecret":%q}`, id.ClientID, secret))
}

func (w *world) renew(t *testing.T, token string) reply {
	t.Helper()
	return w.ask(t, "POST", "/api/v1/auth/token/renew", fmt.Sprintf(`{"accessToken":%q}`, token), "Authorization", "Bearer "+w.UserToken(w.AddUser(devserver.User{}).ID))
}

type tokenAnswer struct {
	AccessToken                  string
	ExpiresIn, AccessTokenMaxTTL int
}

func (r reply) token(t *testing.T) tokenAnswer {
	t.Helper()
	var a tokenAnswer
	if err := json.Unmarshal([]byte(r.body), &a); err != nil || r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	return a
}

// TestTokenOfACurrentServer: exp is the TTL, a renewal is a new token within the max TTL, the end is a 403.
func TestTokenOfACurrentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(devserver.Config{})
		id := w.AddIdentity(devserver.Identity{TTL: time.Minute, MaxTTL: 150 * time.Second})
		first := w.login(t, id, id.ClientSecret).token(t)
		if first.ExpiresIn != 60 || first.AccessTokenMaxTTL != 150 {
			t.Errorf("%+v", first)
		}
		time.Sleep(50 * time.Second)
		second := w.renew(t, first.AccessToken).token(t)
		if second.AccessToken == first.AccessToken || second.ExpiresIn != 60 {
			t.Errorf("a renewal answers a new token of 60 s, not %d s", second.ExpiresIn)
		}
		time.Sleep(50 * time.Second)
		third := w.renew(t, second.AccessToken).token(t)
		if third.ExpiresIn != 50 {
			t.Errorf("a renewal near the max TTL gives %d s, want the 50 that are left", third.ExpiresIn)
		}
		w.token = second.AccessToken
		time.Sleep(10 * time.Second)
		if r := w.list(t, "environment=dev"); r.status != 403 || r.object(t)["error"] != "TokenError" {
			t.Errorf("after its TTL: %d %s", r.status, r.body)
		}
		w.token = third.AccessToken
		if r := w.list(t, "environment=dev"); r.status != 200 {
			t.Errorf("the renewed one: %d", r.status)
		}
		time.Sleep(time.Minute)
		if r := w.renew(t, third.AccessToken); r.status != 403 {
			t.Errorf("after the max TTL: %d", r.status)
		}
	})
}

// TestNoTTL: an identity without limits says 0, and its token still ends, after 90 days.
func TestNoTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(devserver.Config{})
		id := w.AddIdentity(devserver.Identity{TTL: -1, MaxTTL: -1})
		token := w.login(t, id, id.ClientSecret).token(t)
		if token.ExpiresIn != 0 || token.AccessTokenMaxTTL != 0 {
			t.Errorf("%+v", token)
		}
		w.token = token.AccessToken
		time.Sleep(89 * 24 * time.Hour)
		if r := w.list(t, "environment=dev"); r.status != 200 {
			t.Errorf("after 89 days: %d", r.status)
		}
		time.Sleep(24 * time.Hour)
		if r := w.list(t, "environment=dev"); r.status != 403 {
			t.Errorf("after 90 days: %d", r.status)
		}
	})
}

func TestUses(t *testing.T) {
	w := newWorld(devserver.Config{})
	id := w.AddIdentity(devserver.Identity{Uses: 2})
	w.token = w.IssueToken(id.ID)
	tag := w.list(t, "environment=dev").header.Get("ETag")
	if r := w.list(t, "environment=dev", "If-None-Match", tag); r.status != 304 {
		t.Errorf("a 304 costs a use and is one: %d", r.status)
	}
	if r := w.list(t, "environment=dev"); r.status != 401 {
		t.Errorf("the third use: %d", r.status)
	}
}

// TestLockout: three wrong secrets lock the identity for five minutes, the right one included.
func TestLockout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(devserver.Config{})
		for range 3 {
			if r := w.login(t, w.id, "wrong"); r.status != 401 || r.object(t)["message"] != "Invalid credentials" {
				t.Errorf("%d %s", r.status, r.body)
			}
		}
		if r := w.login(t, w.id, w.id.ClientSecret); r.status != 401 || !strings.Contains(r.body, "temporarily locked") {
			t.Errorf("%d %s", r.status, r.body)
		}
		time.Sleep(5*time.Minute + time.Second)
		w.login(t, w.id, w.id.ClientSecret).token(t)
		for range 2 {
			w.login(t, w.id, "wrong")
		}
		time.Sleep(time.Minute) // a pause forgets failures
		w.login(t, w.id, "wrong")
		w.login(t, w.id, w.id.ClientSecret).token(t)
	})
}

func TestClientSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(devserver.Config{Era: devserver.Era2024})
		short := w.AddClientSecret(devserver.ClientSecret{IdentityID: w.id.ID, TTL: time.Minute})
		w.login(t, w.id, short.Secret).token(t)
		time.Sleep(61 * time.Second)
		if r := w.login(t, w.id, short.Secret); r.status != 401 || !strings.Contains(r.body, "expired client secret") {
			t.Errorf("%d %s", r.status, r.body)
		}
		w.RevokeClientSecrets(w.id.ID)
		if r := w.login(t, w.id, w.id.ClientSecret); r.status != 401 || !strings.Contains(r.body, "Invalid credentials") {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
}

// TestTokenKnobs: what a test can do to a token that is in use.
func TestTokenKnobs(t *testing.T) {
	for era, want := range map[devserver.Era][2]int{devserver.Current: {403, 401}, devserver.Era2024: {401, 401}} {
		w := newWorld(devserver.Config{Era: era})
		other := w.AddIdentity(devserver.Identity{})
		safe := w.IssueToken(other.ID)
		if n := w.ExpireTokens(w.id.ID); n != 1 {
			t.Errorf("%d tokens expired", n)
		}
		if r := w.listV3(t, "environment=dev"); r.status != want[0] {
			t.Errorf("era %d, expired: %d %s", era, r.status, r.body)
		}
		w.token = w.IssueToken(w.id.ID)
		w.RevokeTokens(w.id.ID)
		if r := w.listV3(t, "environment=dev"); r.status != want[1] {
			t.Errorf("era %d, revoked: %d %s", era, r.status, r.body)
		}
		w.token = safe
		if r := w.listV3(t, "environment=dev"); r.status != 200 {
			t.Errorf("era %d: another identity's token went too: %d", era, r.status)
		}
		if w.RevokeTokens(""); w.listV3(t, "environment=dev").status != 401 {
			t.Error("revoking all left one")
		}
	}
}

// TestLoginMethods: an identity decides by a function who it is.
func TestLoginMethods(t *testing.T) {
	w := newWorld(devserver.Config{})
	id := w.AddIdentity(devserver.Identity{Verify: map[string]devserver.VerifyFunc{
		"kubernetes-auth": func(r *http.Request, body map[string]any) error {
			if body["jwt"] != "good" || r.Method != "POST" {
				return fmt.Errorf("the service account is not allowed")
			}
			return nil
		},
		"ldap-auth": func(*http.Request, map[string]any) error { panic("a verifier that fails") },
	}})
	body := func(jwt string) string { return fmt.Sprintf(`{"identityId":%q,"jwt":%q}`, id.ID, jwt) }
	w.token = ""
	good := w.ask(t, "POST", "/api/v1/auth/kubernetes-auth/login", body("good")).token(t)
	if r := w.ask(t, "POST", "/api/v1/auth/kubernetes-auth/login", body("bad")); r.status != 401 || !strings.Contains(r.body, "not allowed") {
		t.Errorf("refused: %d %s", r.status, r.body)
	}
	if r := w.ask(t, "POST", "/api/v1/auth/oidc-auth/login", body("good")); r.status != 404 {
		t.Errorf("a method it has not: %d", r.status)
	}
	if r := w.ask(t, "POST", "/api/v1/auth/magic-auth/login", body("good")); r.status != 404 || !strings.Contains(r.body, "Route POST") {
		t.Errorf("a method there is not: %d %s", r.status, r.body)
	}
	if r := w.ask(t, "POST", "/api/v1/auth/jwt-auth/login", "{}"); r.status != 422 {
		t.Errorf("no identityId: %d", r.status)
	}
	if _, err := w.try(t, "POST", "/api/v1/auth/ldap-auth/login", body("x")); err == nil {
		t.Error("a verifier that panics is answered")
	}
	w.token = good.AccessToken
	if r := w.list(t, "environment=dev"); r.status != 200 {
		t.Errorf("its token: %d", r.status)
	}
}
