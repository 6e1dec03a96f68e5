package creds

import (
	"context"

	"infuse/fetch/api"
)

func ldapEvidence(in *input) evidence {
	return in.evidence([]string{"INFISICAL_LDAP_AUTH_IDENTITY_ID", "INFISICAL_LDAP_USERNAME", "INFISICAL_LDAP_PASSWORD", "INFISICAL_LDAP_PASSWORD_FILE"})
}

// ldap logs in with a directory's user name and password.
func ldap(in *input, _ string) (proof, error) {
	user := in.env["INFISICAL_LDAP_USERNAME"]
	password, err := in.source("INFISICAL_LDAP_PASSWORD")
	switch {
	case err != nil:
		return proof{}, err
	case user == "":
		return proof{}, wrong("set it beside INFISICAL_LDAP_PASSWORD", "INFISICAL_LDAP_USERNAME is not set")
	case !password.given():
		return proof{}, wrong("set it beside INFISICAL_LDAP_USERNAME", "INFISICAL_LDAP_PASSWORD is not set")
	}
	key, err := password.read(nil)
	if err != nil {
		return proof{}, err
	}
	return proof{
		key:   key,
		files: password.watched(),
		next:  "check INFISICAL_LDAP_USERNAME and " + password.what + "; repeated failures may lock the account",
		members: func(context.Context) (map[string]any, error) {
			key, err := password.read(nil)
			return map[string]any{"username": user, "password": api.Wrap(key)}, err
		},
	}, nil
}
