package creds

import (
	"context"
	"sync"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// explicit is what stands on the command line. Nothing in the environment
// completes or contradicts it.
type explicit struct {
	*input
	once  sync.Once // standard input can be read only once
	stdin secret.Value
	err   error
}

func (*explicit) Name() string { return "explicit" }

func (e *explicit) Retrieve(ctx context.Context) (Credential, error) {
	token := source{what: "--token", value: e.Token}
	if e.TokenFile != "" {
		if token.given() {
			return Credential{}, wrong("give one of them", "--token and --token-file are both given")
		}
		token = source{what: "--token-file", path: e.TokenFile}
	}
	key := source{what: "--client-secret", value: e.ClientSecret}
	if e.ClientSecretFile != "" {
		if key.given() {
			return Credential{}, wrong("give one of them", "--client-secret and --client-secret-file are both given")
		}
		key = source{what: "--client-secret-file", path: e.ClientSecretFile}
	}
	switch {
	case token.given() && e.ClientID != "":
		return Credential{}, wrong("give a token, or a client id with its secret", "%s and --client-id are both given", token.what)
	case token.given() && key.given():
		return Credential{}, wrong("give a token, or a client id with its secret", "%s and %s are both given", token.what, key.what)
	case token.given():
		return e.token(ctx, token)
	case e.ClientID == "" && !key.given():
		return Credential{}, nil
	case !key.given():
		return Credential{}, wrong("add --client-secret-file FILE ('-' reads it from standard input); one in the environment does not complete it",
			"--client-id is given without a client secret")
	case e.ClientID == "":
		return Credential{}, wrong("add --client-id ID; one in the environment does not complete it",
			"%s is given without --client-id", key.what)
	}
	read := func(ctx context.Context) (secret.Value, error) { return e.read(ctx, key) }
	c, err := universal(ctx, e.input, clientPair{what: "--client-id and " + key.what, id: e.ClientID, key: read, files: key.watched()})
	c.StdinRead = key.path == "-"
	return c, err
}

func (e *explicit) token(ctx context.Context, s source) (Credential, error) {
	c, err := tokenFrom(ctx, s, e.read)
	if c.NextStep == "" {
		c.NextStep = "give a new token with " + s.what
	}
	c.StdinRead = s.path == "-"
	return c, err
}

// read is source.read with standard input remembered.
func (e *explicit) read(ctx context.Context, s source) (secret.Value, error) {
	if s.path != "-" {
		return s.readWithin(ctx, nil)
	}
	e.once.Do(func() { e.stdin, e.err = s.readWithin(ctx, e.Stdin) })
	return e.stdin, e.err
}

// tokenFrom is a credential of a token that stands in s. One in a regular file
// is read again at every login, so that whoever rotates it is noticed.
func tokenFrom(ctx context.Context, s source, read func(context.Context, source) (secret.Value, error)) (Credential, error) {
	load := func(ctx context.Context) (Credential, error) {
		v, err := read(ctx, s)
		if err != nil {
			return Credential{}, err
		}
		return bearer(s.what, v)
	}
	c, err := load(ctx)
	if err != nil {
		return Credential{}, err
	}
	if s.rereadable() {
		c.Files = s.watched()
		c.NextStep = "write a new token to " + s.path
		c.Login = func(ctx context.Context, _ *api.Client) (api.Token, error) {
			again, err := load(ctx)
			return api.Token{AccessToken: api.Wrap(again.Token)}, err
		}
	}
	return c, nil
}
