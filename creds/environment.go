package creds

import (
	"context"
	"fmt"

	"infuse/fetch/secret"
)

// environment reads the variables of the official tools. A complete pair beats
// a token; half a pair is passed over with a warning, since the other half may
// be meant for somebody else.
type environment struct{ *input }

// pairs are the names of a client id and its secret. They are not mixed: an id
// of one family with the secret of another could lock a foreign identity.
var pairs = [][2]string{
	{"INFISICAL_CLIENT_ID", "INFISICAL_CLIENT_SECRET"},
	{"INFISICAL_UNIVERSAL_AUTH_CLIENT_ID", "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET"},
}

// tokenNames are the names of a bearer token. A bare TOKEN is never read: it
// belongs to other programs, and would be sent to a foreign server.
var tokenNames = []string{"INFISICAL_TOKEN", "INFISICAL_UNIVERSAL_AUTH_ACCESS_TOKEN", "INFISICAL_ACCESS_TOKEN"}

func (*environment) Name() string { return "environment" }

func (e *environment) Retrieve(ctx context.Context) (Credential, error) {
	if e.AuthMethod != "" {
		return Credential{}, nil // the method was chosen: the variables are not asked
	}
	c, warnings, err := e.pair(ctx)
	if err != nil || c.Configured() {
		c.Warnings = warnings
		return c, err
	}
	for _, name := range tokenNames {
		s, err := e.source(name)
		if err != nil {
			return Credential{}, err
		}
		if !s.given() {
			continue
		}
		c, err := tokenFrom(ctx, s, func(ctx context.Context, s source) (secret.Value, error) { return s.readWithin(ctx, nil) })
		if c.NextStep == "" {
			c.NextStep = "set " + name + " to a new token"
		}
		c.Warnings = warnings
		return c, err
	}
	return Credential{Warnings: warnings}, nil
}

// pair returns the first complete client id and secret, and a warning for every half one.
func (in *input) pair(ctx context.Context) (Credential, []string, error) {
	var warnings []string
	for _, names := range pairs {
		id, err := in.source(names[0])
		if err != nil {
			return Credential{}, nil, err
		}
		key, err := in.source(names[1])
		if err != nil {
			return Credential{}, nil, err
		}
		switch {
		case id.given() && key.given():
			c, err := in.universalFrom(ctx, id, key)
			return c, warnings, err
		case id.given():
			warnings = append(warnings, fmt.Sprintf("%s is set without %s: passed over", id.what, names[1]))
		case key.given():
			warnings = append(warnings, fmt.Sprintf("%s is set without %s: passed over", key.what, names[0]))
		}
	}
	return Credential{}, warnings, nil
}

func (in *input) universalFrom(ctx context.Context, id, key source) (Credential, error) {
	clientID, err := id.readWithin(ctx, nil)
	if err != nil {
		return Credential{}, err
	}
	return universal(ctx, in, clientPair{
		what:  id.what + " and " + key.what,
		id:    clientID.Reveal(),
		key:   func(ctx context.Context) (secret.Value, error) { return key.readWithin(ctx, nil) },
		files: append(id.watched(), key.watched()...),
	})
}

// source finds name or name_FILE. Both at once are an error: one of them is
// stale, and nobody can tell which.
func (in *input) source(name string) (source, error) {
	value, path := in.env[name], in.env[name+"_FILE"]
	switch {
	case value != "" && path != "":
		return source{}, wrong("unset one of them", "%s and %s_FILE are both set", name, name)
	case path != "":
		return source{what: name + "_FILE", path: path}, nil
	case value != "":
		return source{what: name, value: secret.New(value)}, nil
	}
	return source{}, nil
}
