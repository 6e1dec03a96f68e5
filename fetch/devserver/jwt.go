package devserver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// claims are those of an access token, of an identity (2024 names) or a user.
// The order of the fields is theirs on the wire.
type claims struct {
	AuthMethod            string `json:"authMethod,omitempty"`
	IdentityID            string `json:"identityId,omitempty"`
	IdentityName          string `json:"identityName,omitempty"`
	ClientSecretID        string `json:"clientSecretId,omitempty"`
	IdentityAccessTokenID string `json:"identityAccessTokenId,omitempty"`
	AuthTokenType         string `json:"authTokenType"`
	UserID                string `json:"userId,omitempty"`
	TokenVersionID        string `json:"tokenVersionId,omitempty"`
	AccessVersion         int    `json:"accessVersion,omitempty"`
	OrganizationID        string `json:"organizationId,omitempty"`
	OrgID                 string `json:"orgId,omitempty"`
	JTI                   string `json:"jti,omitempty"`
	NumUsesLimit          int    `json:"numUsesLimit,omitempty"`
	IssuedAt              int64  `json:"iat"`
	Expires               int64  `json:"exp,omitempty"`
}

const jwtHeader = `{"alg":"HS256","typ":"JWT"}`

func (s *Server) sign(c claims) string {
	payload, _ := json.Marshal(c) // a struct of strings and numbers
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(jwtHeader)) + "." + enc.EncodeToString(payload)
	return text + "." + enc.EncodeToString(s.mac(text))
}

func (s *Server) mac(text string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// verify reads a token of ours. The messages are those of the server's JWT library.
func (s *Server) verify(token string) (claims, *failure) {
	if token == "" {
		return claims{}, tokenError("jwt must be provided")
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, tokenError("The provided access token is malformed. Please use a valid token or generate a new one and try again.")
	}
	header, err1 := base64.RawURLEncoding.DecodeString(parts[0])
	payload, err2 := base64.RawURLEncoding.DecodeString(parts[1])
	var head struct {
		Alg string `json:"alg"`
	}
	var c claims
	if err1 != nil || err2 != nil || json.Unmarshal(header, &head) != nil || json.Unmarshal(payload, &c) != nil {
		return claims{}, tokenError("invalid token")
	}
	if head.Alg != "HS256" {
		return claims{}, tokenError("invalid algorithm")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !hmac.Equal(signature, s.mac(parts[0]+"."+parts[1])) {
		return claims{}, tokenError("invalid signature")
	}
	if c.Expires != 0 && s.cfg.Now().Unix() >= c.Expires {
		return claims{}, expired()
	}
	return c, nil
}

func expired() *failure { return tokenError("Your token has expired. Please re-authenticate.") }
