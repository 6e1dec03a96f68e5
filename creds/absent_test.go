//go:build noidentities

package creds_test

import (
	"strings"
	"testing"

	"infuse/creds"
)

// TestAbsentIdentities: a build without the cloud identities says so to whoever asks for one.
func TestAbsentIdentities(t *testing.T) {
	for _, c := range []struct{ method, environ string }{
		{"aws-iam", "INFISICAL_MACHINE_IDENTITY_ID=x"},
		{"gcp-id-token", "INFISICAL_MACHINE_IDENTITY_ID=x"},
		{"gcp-iam", "INFISICAL_MACHINE_IDENTITY_ID=x"},
		{"azure-auth", "INFISICAL_MACHINE_IDENTITY_ID=x"},
		{"", "INFISICAL_AWS_IAM_AUTH_IDENTITY_ID=x"},
		{"", "INFISICAL_GCP_AUTH_IDENTITY_ID=x"},
		{"", "INFISICAL_AZURE_AUTH_IDENTITY_ID=x"},
	} {
		_, err := creds.Default(creds.Config{AuthMethod: c.method, Environ: []string{c.environ}}).Retrieve(t.Context())
		if err == nil || !strings.Contains(err.Error(), "not in this build of infuse") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
