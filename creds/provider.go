package creds

import (
	"context"
	"time"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// Provider is one place a credential may come from. The zero Credential means
// "not configured" and lets the chain go on; an error stops it.
type Provider interface {
	Retrieve(ctx context.Context) (Credential, error)
}

// Named is a Provider with a name for messages. One without is called "custom".
type Named interface {
	Name() string
}

// ProviderFunc makes a Provider of a function.
type ProviderFunc func(ctx context.Context) (Credential, error)

// Retrieve calls f.
func (f ProviderFunc) Retrieve(ctx context.Context) (Credential, error) { return f(ctx) }

// LoginFunc exchanges a credential for a token. It is called once for every
// login, so it reads its files again each time. A token that cannot be renewed
// on the server is returned with MaxTTL equal to ExpiresIn.
type LoginFunc func(ctx context.Context, c *api.Client) (api.Token, error)

// Credential is what a provider found: a bearer Token, or a Login, or both (a
// token to begin with and a way to get the next one).
type Credential struct {
	Provider string // who answered; the chain fills it in
	Method   string // such as universal-auth, kubernetes, service-token

	// URL is the server this credential belongs to; "" means any. See [ServerURL].
	URL string

	Token secret.Value
	Login LoginFunc

	// Identity is a non-secret id: a client id, an identity id, an e-mail
	// address. It is shown, and it names the offline copy.
	Identity string

	// KeyMaterial is a stable secret that the offline copy's key is derived
	// from. It is zero for credentials that rotate.
	KeyMaterial secret.Value

	// ExpiresAt and NotBefore are what the token claims about itself. The
	// server decides; they only word its refusal.
	ExpiresAt, NotBefore time.Time

	Files    []string // regular files it was read from, to be watched
	Warnings []string
	// NextStep says how to get a new one, for the message when the server refuses it.
	NextStep string
	// StdinRead is set when standard input was read to its end.
	StdinRead bool
}

// Configured reports whether the provider had anything.
func (c Credential) Configured() bool { return !c.Token.IsZero() || c.Login != nil }
