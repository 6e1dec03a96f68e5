package creds

func spiffeEvidence(in *input) evidence {
	return in.evidence([]string{"INFISICAL_SPIFFE_AUTH_IDENTITY_ID", "INFISICAL_SPIFFE_JWT_PATH"})
}

// spiffe shows a JWT-SVID that a SPIFFE helper keeps fresh in a file
// (https://github.com/spiffe/spiffe-helper, jwt_svid_file_name).
func spiffe(in *input, _ string) (proof, error) {
	what, path := in.first("INFISICAL_SPIFFE_JWT_PATH")
	if path == "" {
		return proof{}, wrong("let spiffe-helper write a JWT-SVID to a file and name it there", "INFISICAL_SPIFFE_JWT_PATH is not set")
	}
	return jwtFrom(source{what: what, path: path})
}
