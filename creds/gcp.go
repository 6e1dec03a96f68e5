//go:build !noidentities

package creds

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"infuse/fetch/secret"
)

func gcpIDTokenEvidence(in *input) evidence {
	if in.env[gcpKeyFile] != "" {
		return none // the key file means gcp-iam
	}
	return in.evidence([]string{"INFISICAL_GCP_AUTH_IDENTITY_ID"}, "GCE_METADATA_HOST", "K_SERVICE")
}

// gcpIDToken shows an id token of the instance's service account, made for the
// identity (https://cloud.google.com/compute/docs/instances/verifying-instance-identity).
func gcpIDToken(in *input, id string) (proof, error) {
	host := in.env["GCE_METADATA_HOST"]
	if host == "" {
		host = "metadata.google.internal"
	}
	call := platformCall{
		url: "http://" + host + "/computeMetadata/v1/instance/service-accounts/default/identity?" +
			url.Values{"audience": {id}, "format": {"full"}}.Encode(),
		header: http.Header{"Metadata-Flavor": {"Google"}},
	}
	setUp := "this needs a machine, pod or service of Google Cloud that runs as a service account; GCE_METADATA_HOST names another metadata server"
	return proof{setUp: setUp, members: func(ctx context.Context) (map[string]any, error) {
		body, err := in.platform(ctx, call)
		if err != nil {
			return nil, err
		}
		return jwtMembers(secret.New(strings.TrimSpace(string(body))))
	}}, nil
}
