package creds

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"infuse/fetch/secret"
)

// bearer checks a token and describes it: a service token is cut to its first
// three parts, a JWT tells who it is for and how long it means to live. The
// claims are not verified: they are shown, never relied on.
func bearer(what string, token secret.Value) (Credential, error) {
	s := token.Reveal()
	if i := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
		return Credential{}, wrong("a token is one line of printable characters, without 'Bearer'",
			"%s: not a token: it holds a blank, a control character or a non-ASCII one", what)
	}
	if strings.HasPrefix(s, "st.") {
		return serviceToken(what, s)
	}
	claims := ReadClaims(token)
	c := Credential{
		Method: "access-token", Token: token,
		Identity:  firstOf(claims.IdentityName, claims.IdentityID, claims.UserID),
		ExpiresAt: claims.ExpiresAt, NotBefore: claims.NotBefore,
	}
	if claims.user {
		c.Method = "user"
	}
	return c, nil
}

// Claims are what a token says about itself. Nobody verified them: they are
// for people, and nothing relies on them.
type Claims struct {
	IdentityID, IdentityName string
	UserID                   string
	OrganizationID           string
	ExpiresAt, NotBefore     time.Time
	// Uses is for how many requests the token is good; 0: no limit known.
	Uses int

	user bool
}

// ReadClaims reads the claims of a JWT; of any other token there are none.
func ReadClaims(token secret.Value) Claims {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return Claims{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return Claims{}
	}
	var raw struct {
		Type           string `json:"authTokenType"`
		IdentityName   string `json:"identityName"`
		IdentityID     string `json:"identityId"`
		UserID         string `json:"userId"`
		OrgID          string `json:"orgId"`          // of an identity
		OrganizationID string `json:"organizationId"` // of a user
		Uses           number `json:"numUsesLimit"`
		Exp            number `json:"exp"`
		Iat            number `json:"iat"`
		Nbf            number `json:"nbf"`
	}
	if json.Unmarshal(payload, &raw) != nil {
		return Claims{}
	}
	c := Claims{
		IdentityID: printable(raw.IdentityID), IdentityName: printable(raw.IdentityName), UserID: printable(raw.UserID),
		OrganizationID: firstOf(printable(raw.OrgID), printable(raw.OrganizationID)),
		ExpiresAt:      raw.Exp.time(), NotBefore: raw.Nbf.time(),
		user: raw.Type == "accessToken",
	}
	if c.NotBefore.IsZero() {
		c.NotBefore = raw.Iat.time()
	}
	if raw.Uses >= 1 && raw.Uses <= 1<<31 {
		c.Uses = int(raw.Uses)
	}
	return c
}

// serviceToken accepts st.<id>.<secret> with or without the fourth part, a key
// of the retired end-to-end encryption. The server wants the first three.
func serviceToken(what, s string) (Credential, error) {
	parts := strings.Split(s, ".")
	if len(parts) < 3 || len(parts) > 4 || parts[1] == "" || parts[2] == "" {
		return Credential{}, wrong("copy the whole token: it looks like st.ID.SECRET or st.ID.SECRET.KEY",
			"%s: not a service token: it has %d parts, not 3 or 4", what, len(parts))
	}
	return Credential{
		Method:   "service-token",
		Token:    secret.New(strings.Join(parts[:3], ".")),
		Identity: printable(parts[1]),
	}, nil
}

// number is a NumericDate of RFC 7519, section 2: seconds, maybe with a fraction.
type number float64

// endOfTime begins the year 10000, which RFC 3339 cannot write (time.Time.MarshalJSON refuses it).
const endOfTime = 253402300800

func (n number) time() time.Time {
	if n <= 0 || n >= endOfTime {
		return time.Time{}
	}
	return time.Unix(int64(n), 0)
}

// printable makes a claim fit for a message: it was chosen by somebody else.
func printable(s string) string {
	if len(s) > 200 {
		return ""
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ""
		}
	}
	return s
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
