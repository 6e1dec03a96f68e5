package api

import (
	"encoding/json"
	"errors"

	"infuse/fetch/secret"
)

// Token is the answer of every machine identity login and of a renewal.
// ExpiresIn and MaxTTL count seconds; 0 means the server set no limit.
type Token struct {
	AccessToken Plain  `json:"accessToken"`
	ExpiresIn   int64  `json:"expiresIn"`
	MaxTTL      int64  `json:"accessTokenMaxTTL"`
	TokenType   string `json:"tokenType"`
}

// UniversalAuthLogin is the body of POST /api/v1/auth/universal-auth/login.
type UniversalAuthLogin struct {
	ClientID         string `json:"clientId"`
	ClientSecret     Plain  `json:"clientSecret"`
	OrganizationSlug string `json:"organizationSlug,omitempty"`
}

// RenewRequest is the body of POST /api/v1/auth/token/renew and of .../revoke.
type RenewRequest struct {
	AccessToken Plain `json:"accessToken"`
}

// Secret is one row of a list, shared or personal. Everything infuse does not
// need is left out; unknown and null fields are accepted, since servers differ.
type Secret struct {
	Key         string  `json:"secretKey"`
	Value       *string `json:"secretValue"`
	Type        string  `json:"type"`
	Path        string  `json:"secretPath"`
	Environment string  `json:"environment"`
	Hidden      bool    `json:"secretValueHidden"`
}

// Import is one imported folder, in position order: the last one wins.
type Import struct {
	Path        string   `json:"secretPath"`
	Environment string   `json:"environment"`
	Secrets     []Secret `json:"secrets"`
}

// SecretList is the answer of GET /api/v4/secrets and /api/v3/secrets/raw.
type SecretList struct {
	Secrets []Secret `json:"secrets"`
	Imports []Import `json:"imports"`
}

// Folder is one folder of GET /api/v1/folders.
type Folder struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Project is a project ("workspace") with its environments.
type Project struct {
	ID           string        `json:"id"`
	Name         string        `json:"name"`
	Slug         string        `json:"slug"`
	Environments []Environment `json:"environments"`
}

// Environment of a project; everything addresses it by Slug.
type Environment struct {
	Name string `json:"name"`
	Slug string `json:"slug"`
}

// Plain is a secret.Value on the wire: unlike secret.Value it encodes and
// decodes its bytes as a JSON string. It exists only inside wire types.
type Plain struct{ secret.Value }

// Wrap puts a secret on the wire.
func Wrap(v secret.Value) Plain { return Plain{v} }

// MarshalJSON writes the secret itself.
func (p Plain) MarshalJSON() ([]byte, error) { return json.Marshal(p.Reveal()) }

// UnmarshalJSON reads a JSON string.
func (p *Plain) UnmarshalJSON(b []byte) error {
	var s *string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("not a string") // the decoder's own error could quote the input
	}
	p.Value = secret.FromPointer(s)
	return nil
}
