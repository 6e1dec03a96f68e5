package creds

import (
	"encoding/json"
	"strings"
	"testing"

	"infuse/fetch/secret"
)

// FuzzProcessAnswer: whatever a credential process prints, it is a whole
// credential or an error, and the error quotes nothing of it.
func FuzzProcessAnswer(f *testing.F) {
	f.Add(`{"version":1,"token":"s3cr3t-value"}`)
	f.Add(`{"version":1,"clientId":"id","clientSecret":"s3cr3t-value","url":"https://h/api","expiresAt":"2026-11-23T00:00:00Z"}`)
	f.Add(`{"version":1,"token":"s3cr3t-value","url":"https://u:s3cr3t-value@h"}`)
	f.Add(`{"version":1,"token":["s3cr3t-value"]}`)
	f.Add(`null`)
	f.Fuzz(func(t *testing.T, out string) {
		a, err := parseAnswer([]byte(out))
		if err == nil {
			pair := a.clientID != "" && !a.clientSecret.Empty()
			if pair == !a.token.Empty() {
				t.Error("neither a token nor a pair, or both")
			}
			return
		}
		var members map[string]any
		if json.Unmarshal([]byte(out), &members) != nil {
			return
		}
		for _, name := range []string{"token", "clientSecret", "url", "expiresAt"} {
			if s, ok := members[name].(string); ok && len(s) > 12 && strings.Contains(err.Error(), s) {
				t.Errorf("the error quotes %s: %v", name, err)
			}
		}
	})
}

// FuzzBearer: a token is passed on as it is, but for a service token's fourth
// part, and is always fit for a header.
func FuzzBearer(f *testing.F) {
	f.Add("st.a.b.c")
	f.Add("eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln")
	f.Add("a b")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := bearer("token", secret.New(s))
		if err != nil {
			return
		}
		if got := c.Token.Reveal(); !strings.HasPrefix(s, got) || strings.ContainsAny(got, "\r\n ") {
			t.Errorf("%q became %q", s, got)
		}
		if strings.ContainsAny(c.Identity, "\x1b\r\n") {
			t.Errorf("identity %q", c.Identity)
		}
	})
}
