package creds

import (
	"context"
	"errors"

	"infuse/creds/vault"
	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// infisicalConfig is the login of the official CLI: `infisical login` leaves a
// config file and an entry in a vault.
type infisicalConfig struct{ *input }

func (*infisicalConfig) Name() string { return "Infisical config" }

func (p *infisicalConfig) Retrieve(ctx context.Context) (Credential, error) {
	entry, err := p.open(ctx)
	if errors.Is(err, vault.ErrNotLoggedIn) {
		return Credential{}, nil
	}
	if err != nil {
		return Credential{}, err
	}
	c, err := bearer("the vault's token", entry.Token)
	if err != nil {
		return Credential{}, err
	}
	c.Method = "user"
	c.Identity = printable(entry.Email)
	c.URL = entry.Domain
	c.Files = entry.Files
	c.NextStep = "run 'infisical login'"
	// After a refusal the vault is opened again: somebody may have logged in anew.
	c.Login = func(ctx context.Context, _ *api.Client) (api.Token, error) {
		again, err := p.open(ctx)
		if err != nil {
			return api.Token{}, err
		}
		if again.Domain != entry.Domain {
			return api.Token{}, wrong("start again", "the login is now one at another server")
		}
		found, err := bearer("the vault's token", again.Token)
		return api.Token{AccessToken: api.Wrap(found.Token)}, err
	}
	return c, nil
}

func (p *infisicalConfig) open(ctx context.Context) (*vault.Login, error) {
	return vault.Open(ctx, vault.Config{
		Home:       p.Home,
		Passphrase: secret.New(p.env["INFISICAL_VAULT_FILE_PASSPHRASE"]),
		Keyring:    p.Keyring,
		SessionBus: p.env["DBUS_SESSION_BUS_ADDRESS"],
	})
}
