package creds

import (
	"context"
	"errors"
	"strings"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// jwtMembers is the part of a login that shows a platform's token.
func jwtMembers(token secret.Value) (map[string]any, error) {
	if strings.Count(token.Reveal(), ".") != 2 || strings.ContainsAny(token.Reveal(), " \t\r\n") {
		return nil, errors.New("not a JWT: it does not consist of three parts")
	}
	return map[string]any{"jwt": api.Wrap(token)}, nil
}

// jwtFrom is a proof whose token stands in a variable or a file. It is read
// now, to notice what is missing, and again at every login: platforms rotate it.
func jwtFrom(s source) (proof, error) {
	load := func() (map[string]any, error) {
		token, err := s.read(nil)
		if err != nil {
			return nil, err
		}
		m, err := jwtMembers(token)
		if err != nil {
			return nil, wrong("", "%s: %w", s.what, err)
		}
		return m, nil
	}
	_, err := load()
	return proof{members: func(context.Context) (map[string]any, error) { return load() }, files: s.watched()}, err
}

// jwtEvidence: INFISICAL_JWT is what the official CLI's jwt-auth reads.
func jwtEvidence(in *input) evidence {
	return in.evidence([]string{"INFISICAL_JWT_AUTH_IDENTITY_ID", "INFISICAL_JWT", "INFISICAL_JWT_FILE", "INFISICAL_JWT_COMMAND"})
}

// plainJWT is a token of any issuer: in INFISICAL_JWT, in the file that
// INFISICAL_JWT_FILE names, or printed by INFISICAL_JWT_COMMAND.
func plainJWT(in *input, _ string) (proof, error) {
	p, found, err := in.givenJWT("INFISICAL_JWT")
	if err == nil && !found {
		err = wrong("set INFISICAL_JWT, INFISICAL_JWT_FILE or INFISICAL_JWT_COMMAND", "there is no token to show")
	}
	return p, err
}

// givenJWT looks for a token under these names, as a variable or a file, and
// then for a command that prints one.
func (in *input) givenJWT(names ...string) (proof, bool, error) {
	for _, name := range names {
		s, err := in.source(name)
		if err != nil {
			return proof{}, false, err
		}
		if s.given() {
			p, err := jwtFrom(s)
			return p, true, err
		}
	}
	const name = "INFISICAL_JWT_COMMAND"
	command := in.env[name]
	if command == "" {
		return proof{}, false, nil
	}
	argv, err := splitCommand(command)
	if err != nil {
		return proof{}, false, wrong("", "%s: %w", name, err)
	}
	return proof{members: func(ctx context.Context) (map[string]any, error) {
		out, err := in.runCommand(ctx, argv)
		if err != nil {
			return nil, wrong("", "%s: %w", name, err)
		}
		m, err := jwtMembers(secret.New(strings.TrimSpace(string(out))))
		if err != nil {
			return nil, wrong("", "%s: output of %s: %w", name, argv[0], err)
		}
		return m, nil
	}}, true, nil
}
