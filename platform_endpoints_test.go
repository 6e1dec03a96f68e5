//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// endpoints speak as the metadata servers, agents and token services of the
// platforms, each with the checks of its documentation. They are one handler:
// metadata servers, over http, are told apart by their paths; public services,
// over https, by their host and path.
type endpoints struct {
	mu     sync.Mutex
	claims map[string]any // override what the next tokens say
	faults map[string]platformFault
	counts map[string]int
	region string
}

// platformFault is a status to answer, or 0 to answer nothing until the caller goes.
type platformFault struct{ status, times int }

func newEndpoints() *endpoints {
	return &endpoints{claims: map[string]any{}, faults: map[string]platformFault{}, counts: map[string]int{}, region: "eu-north-1"}
}

// The secrets that callers have to show; none may turn up in an output.
const (
	agentToken  = "agent-t0ken"
	appHeader   = "app-service-h3ader"
	githubToken = "github-request-t0ken"
	googleToken = "google-access-t0ken"
)

func (e *endpoints) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what := r.URL.Path
	if r.TLS != nil {
		what = r.Host + what
	}
	e.mu.Lock()
	e.counts[what]++
	fault, faulty := e.faults[what]
	if faulty && fault.times > 0 {
		if fault.times--; fault.times == 0 {
			delete(e.faults, what)
		} else {
			e.faults[what] = fault
		}
	}
	e.mu.Unlock()
	switch {
	case faulty && fault.status == 0:
		<-r.Context().Done()
		return
	case faulty:
		http.Error(w, "a body that nobody may see: hunter2", fault.status)
		return
	}
	if h := handlers[r.Method+" "+what]; h != nil {
		if err := h(e, w, r); err != nil {
			http.Error(w, err.Error(), err.(*endpointError).status)
		}
		return
	}
	http.NotFound(w, r)
}

// endpointError is how an endpoint refuses.
type endpointError struct {
	status int
	text   string
}

func (e *endpointError) Error() string { return e.text }

func refuse(status int, text string) error { return &endpointError{status, text} }

// token signs base with what the script overrides.
func (e *endpoints) token(base map[string]any) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	claims := maps.Clone(base)
	maps.Copy(claims, e.claims)
	return platformIssuer().sign(claims)
}

const imdsRoles = "/latest/meta-data/iam/security-credentials/"

var handlers = map[string]func(*endpoints, http.ResponseWriter, *http.Request) error{
	// EC2, https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
	"PUT /latest/api/token": func(_ *endpoints, w http.ResponseWriter, r *http.Request) error {
		if r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") == "" || r.Header.Get("X-Forwarded-For") != "" {
			return refuse(http.StatusBadRequest, "no ttl")
		}
		fmt.Fprint(w, "imds-t0ken")
		return nil
	},
	"GET " + imdsRoles:                                                     imds(func(_ *endpoints, w http.ResponseWriter) { fmt.Fprint(w, "app-role") }),
	"GET " + imdsRoles + "app-role":                                        imds(func(_ *endpoints, w http.ResponseWriter) { roleAnswer(w, "ASIAEC2") }),
	"GET /latest/meta-data/placement/region":                               imds(func(e *endpoints, w http.ResponseWriter) { fmt.Fprint(w, e.region) }),
	"GET /v2/credentials/task":                                             func(_ *endpoints, w http.ResponseWriter, _ *http.Request) error { return roleAnswer(w, "ASIAAGENT") }, // ECS
	"GET /v1/credentials":                                                  agent,
	"POST sts.eu-central-1.amazonaws.com/":                                 assumeRole,
	"GET " + gcpIdentity:                                                   googleIdentity,
	"POST oauth2.googleapis.com/token":                                     googleOAuth,
	"POST iamcredentials.googleapis.com" + gcpSignPath:                     googleSign,
	"GET /metadata/identity/oauth2/token":                                  azureIMDS,
	"GET /msi/token":                                                       azureApp,
	"POST login.microsoftonline.com/" + azureTenant + "/oauth2/v2.0/token": azureEntra,
	"GET /actions/token":                                                   githubActions,
}

const (
	gcpIdentity = "/computeMetadata/v1/instance/service-accounts/default/identity"
	gcpSignPath = "/v1/projects/-/serviceAccounts/" + googleAccount + ":signJwt"
)

// imds answers only to a session of version 2.
func imds(answer func(*endpoints, http.ResponseWriter)) func(*endpoints, http.ResponseWriter, *http.Request) error {
	return func(e *endpoints, w http.ResponseWriter, r *http.Request) error {
		if r.Header.Get("X-aws-ec2-metadata-token") != "imds-t0ken" {
			return refuse(http.StatusUnauthorized, "no session")
		}
		answer(e, w)
		return nil
	}
}

func roleAnswer(w http.ResponseWriter, id string) error {
	keys := awsKeyring[id]
	return writeJSON(w, map[string]any{
		"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": keys.AccessKeyID, "SecretAccessKey": keys.SecretAccessKey,
		"Token": keys.SessionToken, "Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	})
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
	return nil
}

// agent is that of EKS pod identity, and of ECS with a full address
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
func agent(_ *endpoints, w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Authorization") != agentToken {
		return refuse(http.StatusUnauthorized, "no authorization")
	}
	return roleAnswer(w, "ASIAAGENT")
}

// assumeRole is AssumeRoleWithWebIdentity of STS, as JSON.
func assumeRole(_ *endpoints, w http.ResponseWriter, r *http.Request) error {
	claims, err := verifyJWT(&platformIssuer().key.PublicKey, r.PostFormValue("WebIdentityToken"))
	if err != nil || claims["aud"] != "sts.amazonaws.com" || r.Header.Get("Authorization") != "" {
		return refuse(http.StatusBadRequest, "InvalidIdentityToken")
	}
	if r.PostFormValue("Action") != "AssumeRoleWithWebIdentity" || r.PostFormValue("RoleArn") != awsRole || r.PostFormValue("RoleSessionName") == "" || r.Header.Get("Accept") != "application/json" {
		return refuse(http.StatusForbidden, "AccessDenied")
	}
	keys := awsKeyring["ASIAIRSA"]
	return writeJSON(w, map[string]any{"AssumeRoleWithWebIdentityResponse": map[string]any{"AssumeRoleWithWebIdentityResult": map[string]any{
		"Credentials": map[string]any{"AccessKeyId": keys.AccessKeyID, "SecretAccessKey": keys.SecretAccessKey, "SessionToken": keys.SessionToken, "Expiration": 1.8e9},
	}}})
}

// googleIdentity is the metadata server's identity token
// (https://cloud.google.com/compute/docs/instances/verifying-instance-identity).
func googleIdentity(e *endpoints, w http.ResponseWriter, r *http.Request) error {
	audience := r.URL.Query().Get("audience")
	if r.Header.Get("Metadata-Flavor") != "Google" || r.Header.Get("X-Forwarded-For") != "" {
		return refuse(http.StatusForbidden, "no flavor")
	}
	if audience == "" || r.URL.Query().Get("format") != "full" {
		return refuse(http.StatusBadRequest, "non-empty audience parameter required")
	}
	w.Header().Set("Metadata-Flavor", "Google")
	fmt.Fprint(w, e.token(map[string]any{"iss": "https://accounts.google.com", "aud": audience, "email": googleAccount}))
	return nil
}

// googleOAuth sells an access token for an assertion (RFC 7523), signed by the
// key of the account's file: here the platforms' one.
func googleOAuth(_ *endpoints, w http.ResponseWriter, r *http.Request) error {
	claims, err := verifyJWT(&platformIssuer().key.PublicKey, r.PostFormValue("assertion"))
	if err != nil || claims["iss"] != googleAccount || claims["aud"] != "https://oauth2.googleapis.com/token" ||
		r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || !strings.Contains(fmt.Sprint(claims["scope"]), "cloud-platform") {
		return refuse(http.StatusBadRequest, "invalid_grant")
	}
	return writeJSON(w, map[string]any{"access_token": googleToken, "expires_in": 3599, "token_type": "Bearer"})
}

// googleSign is projects.serviceAccounts.signJwt.
func googleSign(e *endpoints, w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Authorization") != "Bearer "+googleToken {
		return refuse(http.StatusUnauthorized, "UNAUTHENTICATED")
	}
	var body struct{ Payload string }
	var claims map[string]any
	if json.NewDecoder(r.Body).Decode(&body) != nil || json.Unmarshal([]byte(body.Payload), &claims) != nil {
		return refuse(http.StatusBadRequest, "INVALID_ARGUMENT")
	}
	return writeJSON(w, map[string]any{"keyId": "platform", "signedJwt": e.token(claims)})
}

// azureIMDS is the metadata server of a virtual machine
// (https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token).
func azureIMDS(e *endpoints, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if r.Header.Get("Metadata") != "true" || r.Header.Get("X-Forwarded-For") != "" || q.Get("api-version") != "2018-02-01" || q.Get("resource") == "" {
		return refuse(http.StatusBadRequest, "invalid_request")
	}
	return e.azureToken(w, q)
}

func (e *endpoints) azureToken(w http.ResponseWriter, q url.Values) error {
	token := e.token(map[string]any{"iss": expected["azure"]["iss"], "aud": q.Get("resource"), "oid": "app", "appid": q.Get("client_id")})
	return writeJSON(w, map[string]any{"access_token": token, "expires_in": "86399", "resource": q.Get("resource"), "token_type": "Bearer"})
}

// azureApp is the endpoint of App Service and Container Apps
// (https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference).
func azureApp(e *endpoints, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if r.Header.Get("X-IDENTITY-HEADER") != appHeader {
		return refuse(http.StatusUnauthorized, "unauthorized")
	}
	if q.Get("api-version") != "2019-08-01" || q.Get("resource") == "" {
		return refuse(http.StatusBadRequest, "bad request")
	}
	return e.azureToken(w, q)
}

// azureEntra exchanges the token that AKS projects
// (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
func azureEntra(e *endpoints, w http.ResponseWriter, r *http.Request) error {
	claims, err := verifyJWT(&platformIssuer().key.PublicKey, r.PostFormValue("client_assertion"))
	resource, ok := strings.CutSuffix(r.PostFormValue("scope"), "/.default")
	if err != nil || claims["aud"] != "api://AzureADTokenExchange" || !ok || r.PostFormValue("client_id") != "app-client" || r.PostFormValue("grant_type") != "client_credentials" ||
		r.PostFormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return refuse(http.StatusBadRequest, "AADSTS700211")
	}
	return e.azureToken(w, url.Values{"resource": {resource}})
}

// githubActions is the runner's token service
// (https://docs.github.com/en/actions/reference/security/oidc).
func githubActions(e *endpoints, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if r.Header.Get("Authorization") != "Bearer "+githubToken || q.Get("api-version") != "2.0" {
		return refuse(http.StatusUnauthorized, "unauthorized")
	}
	audience := q.Get("audience")
	if audience == "" {
		audience = "https://github.com/shop"
	}
	return writeJSON(w, map[string]any{"count": 1, "value": e.token(map[string]any{
		"iss": "https://token.actions.githubusercontent.com", "aud": audience, "sub": expected["oidc"]["sub"],
	})})
}
