//go:build !noidentities

package creds

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"infuse/fetch/api"
)

// azureResource is whom the token is for, unless INFISICAL_AZURE_AUTH_RESOURCE
// says otherwise; the official tools have the same default.
const azureResource = "https://management.azure.com/"

func azureEvidence(in *input) evidence {
	return in.evidence([]string{"INFISICAL_AZURE_AUTH_IDENTITY_ID"}, "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT")
}

// azure shows an access token of the managed identity: of a federated token
// file (workload identity of AKS), of the App Service endpoint, or of the
// virtual machine's metadata server.
//
// The server compares the token's audience with the resource of its own
// settings, and wants one of version 1 (issuer sts.windows.net).
func azure(in *input, _ string) (proof, error) {
	_, resource := in.first("INFISICAL_AZURE_AUTH_RESOURCE")
	if resource == "" {
		resource = azureResource
	}
	ask := func(call func() (platformCall, error)) proof {
		return proof{members: func(ctx context.Context) (map[string]any, error) {
			c, err := call()
			if err != nil {
				return nil, err
			}
			var answer struct {
				Token api.Plain `json:"access_token"`
			}
			if err := in.platformJSON(ctx, c, &answer); err != nil {
				return nil, err
			}
			return jwtMembers(answer.Token.Value)
		}}
	}
	if path := in.env["AZURE_FEDERATED_TOKEN_FILE"]; path != "" {
		return in.azureFederated(source{what: "AZURE_FEDERATED_TOKEN_FILE", path: path}, resource, ask)
	}
	if in.env["IDENTITY_ENDPOINT"] != "" && in.env["IDENTITY_HEADER"] == "" {
		return proof{}, wrong("App Service and Container Apps set both; Azure Arc's endpoint is not supported", "IDENTITY_ENDPOINT is set without IDENTITY_HEADER")
	}
	p := ask(func() (platformCall, error) { return in.azureMetadata(resource), nil })
	p.setUp = "assign a managed identity to this machine or app; of several user-assigned ones AZURE_CLIENT_ID names the one that is meant"
	return p, nil
}

// azureFederated exchanges the projected token for one of Entra ID
// (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
func (in *input) azureFederated(file source, resource string, ask func(func() (platformCall, error)) proof) (proof, error) {
	client, tenant := in.env["AZURE_CLIENT_ID"], in.env["AZURE_TENANT_ID"]
	if client == "" || tenant == "" {
		return proof{}, wrong("the AKS webhook sets both", "AZURE_FEDERATED_TOKEN_FILE is set without AZURE_CLIENT_ID and AZURE_TENANT_ID")
	}
	host := in.env["AZURE_AUTHORITY_HOST"]
	if host == "" {
		host = "https://login.microsoftonline.com/"
	}
	if _, err := file.read(nil); err != nil {
		return proof{}, err
	}
	p := ask(func() (platformCall, error) {
		assertion, err := file.read(nil)
		if err != nil {
			return platformCall{}, err
		}
		return form(strings.TrimRight(host, "/")+"/"+url.PathEscape(tenant)+"/oauth2/v2.0/token", url.Values{
			"client_id":             {client},
			"grant_type":            {"client_credentials"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			"client_assertion":      {assertion.Reveal()},
			// The audience keeps the resource's own slash: two in a row are right.
			"scope": {resource + "/.default"},
		}), nil
	})
	p.files = file.watched()
	p.setUp = "check AZURE_TENANT_ID, and the federated credential of AZURE_CLIENT_ID: issuer, subject and audience"
	return p, nil
}

// azureMetadata asks for the identity of the machine or the app
// (https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token).
func (in *input) azureMetadata(resource string) platformCall {
	q := url.Values{"resource": {resource}}
	if id := in.env["AZURE_CLIENT_ID"]; id != "" {
		q.Set("client_id", id) // of several, the user-assigned identity that is meant
	}
	if endpoint := in.env["IDENTITY_ENDPOINT"]; endpoint != "" {
		q.Set("api-version", "2019-08-01")
		return platformCall{url: withQuery(endpoint, q), header: http.Header{"X-Identity-Header": {in.env["IDENTITY_HEADER"]}}}
	}
	host := in.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"]
	if host == "" {
		host = "http://169.254.169.254"
	}
	q.Set("api-version", "2018-02-01")
	return platformCall{
		url:    withQuery(strings.TrimRight(host, "/")+"/metadata/identity/oauth2/token", q),
		header: http.Header{"Metadata": {"true"}, "Accept": {"application/json"}},
		// A machine without an identity is a 400, so this one may pass.
		updating: http.StatusNotFound,
	}
}

func withQuery(address string, q url.Values) string {
	if strings.Contains(address, "?") {
		return address + "&" + q.Encode()
	}
	return address + "?" + q.Encode()
}

// form is a POST of a web form.
func form(address string, values url.Values) platformCall {
	return platformCall{
		method: http.MethodPost, url: address, body: values.Encode(),
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
	}
}
