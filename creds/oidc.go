package creds

import (
	"context"
	"net/http"
	"net/url"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

func oidcEvidence(in *input) evidence {
	return in.evidence([]string{
		"INFISICAL_OIDC_AUTH_IDENTITY_ID", "INFISICAL_OIDC_AUTH_JWT", "INFISICAL_OIDC_AUTH_JWT_FILE",
		"INFISICAL_JWT", "INFISICAL_JWT_FILE", "INFISICAL_JWT_COMMAND", "INFISICAL_ID_TOKEN",
	}, "GITLAB_OIDC_TOKEN", "CI_JOB_JWT_V2", "ACTIONS_ID_TOKEN_REQUEST_URL")
}

// oidc shows an id token: one that is given as for jwt, one that GitLab put in
// a variable, or one that GitHub Actions issues on request.
func oidc(in *input, _ string) (proof, error) {
	p, found, err := in.givenJWT("INFISICAL_JWT", "INFISICAL_OIDC_AUTH_JWT")
	if found || err != nil {
		return p, err
	}
	// https://docs.gitlab.com/ci/secrets/id_token_authentication/: the job's
	// author chooses the name; these are the customary ones.
	if name, value := in.first("INFISICAL_ID_TOKEN", "GITLAB_OIDC_TOKEN", "CI_JOB_JWT_V2"); name != "" {
		return jwtFrom(source{what: name, value: secret.New(value)})
	}
	if in.env["ACTIONS_ID_TOKEN_REQUEST_URL"] != "" {
		return in.githubActions()
	}
	return proof{}, wrong("set INFISICAL_JWT or INFISICAL_JWT_FILE; in GitHub Actions add 'permissions: id-token: write', in GitLab an id_tokens entry named INFISICAL_ID_TOKEN",
		"there is no id token")
}

// githubActions asks the runner for an id token at every login
// (https://docs.github.com/en/actions/reference/security/oidc).
func (in *input) githubActions() (proof, error) {
	request := in.env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
	if request == "" {
		return proof{}, wrong("add 'permissions: id-token: write' to the job", "ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set")
	}
	u, err := url.Parse(in.env["ACTIONS_ID_TOKEN_REQUEST_URL"])
	if err != nil || u.Host == "" {
		return proof{}, wrong("", "ACTIONS_ID_TOKEN_REQUEST_URL is not an address")
	}
	if audience := in.env["INFISICAL_OIDC_AUDIENCE"]; audience != "" {
		q := u.Query()
		q.Set("audience", audience)
		u.RawQuery = q.Encode()
	}
	setUp := "GitHub Actions gives an id token only to a job with 'permissions: id-token: write'"
	return proof{setUp: setUp, members: func(ctx context.Context) (map[string]any, error) {
		var answer struct {
			Value api.Plain `json:"value"`
		}
		err := in.platformJSON(ctx, platformCall{url: u.String(), header: http.Header{"Authorization": {"Bearer " + request}}}, &answer)
		if err != nil {
			return nil, err
		}
		return jwtMembers(answer.Value.Value)
	}}, nil
}
