package creds

import (
	"context"
	"errors"
	"net/http"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// clientPair is a client id with the way to its secret, which is read again at
// every login.
type clientPair struct {
	what  string // how the two were named
	id    string
	key   func(context.Context) (secret.Value, error)
	files []string
}

// universal is a Universal Auth credential. The secret is read once now, so
// that a missing file stops the chain and not the login.
func universal(ctx context.Context, in *input, pair clientPair) (Credential, error) {
	key, err := pair.key(ctx)
	if err != nil {
		return Credential{}, err
	}
	slug := in.env["INFISICAL_AUTH_ORGANIZATION_SLUG"]
	return Credential{
		Method:      "universal-auth",
		Identity:    printable(pair.id),
		KeyMaterial: key,
		Files:       pair.files,
		NextStep:    "check " + pair.what + "; three failed logins lock the identity for a while",
		Login: func(ctx context.Context, c *api.Client) (api.Token, error) {
			key, err := pair.key(ctx)
			if err != nil {
				return api.Token{}, err
			}
			return login(ctx, c, "universal-auth", api.UniversalAuthLogin{
				ClientID: pair.id, ClientSecret: api.Wrap(key), OrganizationSlug: slug,
			})
		},
	}, nil
}

// login posts body to one of the login routes. The request carries no
// Authorization header: a server refuses the login when that one has expired.
func login(ctx context.Context, c *api.Client, route string, body any) (api.Token, error) {
	var token api.Token
	call := api.Call{Method: http.MethodPost, Path: "/api/v1/auth/" + route + "/login", Body: body, Limit: maxFile}
	if _, err := c.Do(ctx, call, &token); err != nil {
		return api.Token{}, err
	}
	if token.AccessToken.Empty() {
		return api.Token{}, errors.New("the server's answer holds no access token")
	}
	return token, nil
}
