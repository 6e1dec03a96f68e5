package creds

import "context"

func tlsCertEvidence(in *input) evidence {
	e := in.evidence([]string{"INFISICAL_TLS_CERT_AUTH_IDENTITY_ID"})
	if e == none && in.ClientCertificate {
		return ambient
	}
	return e
}

// tlsCert shows nothing in the request: the connection carries the client
// certificate, and the proxy in front of the server passes it on.
func tlsCert(in *input, _ string) (proof, error) {
	if !in.ClientCertificate {
		return proof{}, wrong("add --client-cert FILE and --client-key FILE", "there is no client certificate")
	}
	return proof{
		next:    "check that the server trusts the client certificate's authority",
		members: func(context.Context) (map[string]any, error) { return map[string]any{}, nil },
	}, nil
}
