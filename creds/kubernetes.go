package creds

import (
	"errors"
	"io/fs"
	"os"
)

// serviceAccountToken is where Kubernetes projects the token of the pod's
// service account (https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/).
const serviceAccountToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"

func kubernetesEvidence(in *input) evidence {
	e := in.evidence([]string{"INFISICAL_KUBERNETES_IDENTITY_ID", "INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH"})
	if e == none {
		if _, err := os.Stat(serviceAccountToken); err == nil {
			return ambient
		}
	}
	return e
}

// kubernetes shows the pod's service account token. The kubelet replaces the
// file long before the token in it expires.
func kubernetes(in *input, _ string) (proof, error) {
	what, path := in.first("INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH")
	if path == "" {
		what, path = "service account token", serviceAccountToken
	}
	p, err := jwtFrom(source{what: what, path: path})
	if errors.Is(err, fs.ErrNotExist) {
		err = wrong("this needs a pod that mounts its service account's token; INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH names another file", "%w", err)
	}
	return p, err
}
