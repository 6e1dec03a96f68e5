//go:build noidentities

package creds

// A build with the tag noidentities knows the cloud identities by name only:
// whoever asks for one hears that, and not that there is no such method.

func awsEvidence(in *input) evidence {
	return in.evidence([]string{"INFISICAL_AWS_IAM_AUTH_IDENTITY_ID"})
}
func gcpIDTokenEvidence(in *input) evidence {
	return in.evidence([]string{"INFISICAL_GCP_AUTH_IDENTITY_ID"})
}
func gcpIAMEvidence(*input) evidence { return none } // asked for by the variable of gcp-id-token
func azureEvidence(in *input) evidence {
	return in.evidence([]string{"INFISICAL_AZURE_AUTH_IDENTITY_ID"})
}

func awsIAM(*input, string) (proof, error)     { return absent() }
func gcpIDToken(*input, string) (proof, error) { return absent() }
func gcpIAM(*input, string) (proof, error)     { return absent() }
func azure(*input, string) (proof, error)      { return absent() }

func absent() (proof, error) {
	return proof{}, wrong("use a build without the tag noidentities, or another --auth-method", "not in this build of infuse")
}
