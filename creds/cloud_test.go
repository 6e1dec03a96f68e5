//go:build !noidentities

package creds_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"infuse/fetch/devserver"
)

const (
	gcpMetadata = "GET metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/identity"
	gcpOAuth    = "POST oauth2.googleapis.com/token"
	gcpSign     = "POST iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/app@project.iam.gserviceaccount.com:signJwt"
	azureIMDS   = "GET 169.254.169.254/metadata/identity/oauth2/token"
	azureEntra  = "POST login.microsoftonline.com/tenant/oauth2/v2.0/token"
)

// audienceIs is what the server checks of a token: who it is for.
func audienceIs(key *rsa.PublicKey, audience *string) devserver.VerifyFunc {
	return func(_ *http.Request, body map[string]any) error {
		text, _ := body["jwt"].(string)
		claims, err := verifyRS256(key, text)
		if err != nil {
			return err
		}
		if claims["aud"] != *audience {
			return errors.New("wrong audience")
		}
		return nil
	}
}

func verifyRS256(key *rsa.PublicKey, token string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("not a JWT")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature); err != nil {
		return nil, err
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	return claims, json.Unmarshal(payload, &claims)
}

func signJWT(t *testing.T, key *rsa.PrivateKey, payload string) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64([]byte(`{"alg":"RS256","kid":"platform"}`)) + "." + b64([]byte(payload))
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + b64(signature)
}

// twoKeys are made once: RSA keys take their time.
var twoKeys = sync.OnceValue(func() (keys [2]*rsa.PrivateKey) {
	for i := range keys {
		keys[i], _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	return keys
})

func platformKey() *rsa.PrivateKey { return twoKeys()[0] }

// serviceAccountKey writes the key file of a Google service account.
func serviceAccountKey(t *testing.T) (string, *rsa.PrivateKey) {
	t.Helper()
	key := twoKeys()[1]
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "app@project.iam.gserviceaccount.com", "private_key_id": "k1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"token_uri":   "https://oauth2.googleapis.com/token", "universe_domain": "googleapis.com",
	})
	if err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(t.TempDir(), "key.json"), string(b)), key
}

func TestGCPIDToken(t *testing.T) {
	key := platformKey()
	bench := func(t *testing.T) *workloadBench {
		var id string
		b := newWorkloadBench(t, "gcp-auth", func(r *http.Request, body map[string]any) error {
			return audienceIs(&key.PublicKey, &id)(r, body)
		})
		id = b.id
		b.config.AuthMethod = "gcp-id-token"
		b.set("INFISICAL_MACHINE_IDENTITY_ID=" + b.id)
		return b
	}
	b := bench(t)
	b.handle(gcpMetadata, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Metadata-Flavor") != "Google" || r.URL.Query().Get("format") != "full" {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		fmt.Fprintln(w, signJWT(t, key, fmt.Sprintf(`{"aud":%q,"email":"x"}`, r.URL.Query().Get("audience"))))
	})
	b.mustLogin(t)
	faults(t, gcpMetadata, bench)
}

// gcpIAM sets up Google's side: it sells an access token for an assertion of
// the account's key, and signs what the token's owner asks for.
func gcpIAM(t *testing.T) (*workloadBench, *rsa.PrivateKey) {
	google := platformKey()
	path, account := serviceAccountKey(t)
	var id string
	b := newWorkloadBench(t, "gcp-auth", func(r *http.Request, body map[string]any) error {
		return audienceIs(&google.PublicKey, &id)(r, body)
	})
	id = b.id
	b.config.Now = func() time.Time { return time.Unix(1795400000, 0) }
	b.set("INFISICAL_MACHINE_IDENTITY_ID="+b.id, "INFISICAL_GCP_IAM_SERVICE_ACCOUNT_KEY_FILE_PATH="+path)
	b.handle(gcpOAuth, func(w http.ResponseWriter, r *http.Request) {
		claims, err := verifyRS256(&account.PublicKey, r.PostFormValue("assertion"))
		switch {
		case err != nil:
			t.Error(err)
		case r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer",
			claims["iss"] != "app@project.iam.gserviceaccount.com", claims["aud"] != "https://oauth2.googleapis.com/token",
			claims["scope"] != "https://www.googleapis.com/auth/cloud-platform", claims["iat"] != 1795400000.0, claims["exp"] != 1795403600.0:
			t.Errorf("assertion %v", claims)
		}
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":3599,"token_type":"Bearer"}`, canary)
	})
	b.handle(gcpSign, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+canary {
			t.Error("another access token arrived")
		}
		var body struct{ Payload string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || !strings.Contains(body.Payload, `"sub":"app@project.iam.gserviceaccount.com"`) {
			t.Errorf("payload %q, %v", body.Payload, err)
		}
		fmt.Fprintf(w, `{"keyId":"k","signedJwt":%q}`, signJWT(t, google, body.Payload))
	})
	return b, account
}

func TestGCPIAM(t *testing.T) {
	b, _ := gcpIAM(t)
	c, _ := b.mustLogin(t)
	if c.Method != "gcp-iam" || len(c.Files) != 1 || !c.KeyMaterial.IsZero() {
		t.Errorf("got %+v", c)
	}
	t.Run("API not enabled", func(t *testing.T) {
		b, _ := gcpIAM(t)
		b.handle(gcpSign, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusForbidden) })
		_, _, err := b.login(t)
		if !strings.Contains(hint(err), "IAM Service Account Credentials API") {
			t.Errorf("got %v, hint %q", err, hint(err))
		}
	})
	for _, what := range []string{gcpOAuth, gcpSign} {
		t.Run(what, func(t *testing.T) {
			faults(t, what, func(t *testing.T) *workloadBench { b, _ := gcpIAM(t); return b })
		})
	}
}

func TestServiceAccountFile(t *testing.T) {
	for name, c := range map[string]struct{ content, want string }{
		"not JSON":     {canary, "not JSON"},
		"another type": {`{"type":"authorized_user","client_email":"x"}`, "not the key file of a service account"},
		"no PEM":       {`{"type":"service_account","client_email":"x","private_key":"` + canary + `"}`, "its private_key is not PEM"},
		"not a key":    {`{"type":"service_account","client_email":"x","private_key":"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}`, "its private_key is not an RSA key"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newWorkloadBench(t, "gcp-auth", nil)
			b.set("INFISICAL_MACHINE_IDENTITY_ID="+b.id, "INFISICAL_GCP_IAM_SERVICE_ACCOUNT_KEY_FILE_PATH="+write(t, filepath.Join(t.TempDir(), "key.json"), c.content))
			b.failing(t, c.want)
		})
	}
}

func TestAzureMetadata(t *testing.T) {
	token := jwt(map[string]any{"aud": "https://management.azure.com/"})
	bench := func(t *testing.T) *workloadBench {
		b := newWorkloadBench(t, "azure-auth", expectJWT(&token))
		b.config.AuthMethod = "azure"
		b.set("INFISICAL_MACHINE_IDENTITY_ID=" + b.id)
		return b
	}
	for _, c := range []struct{ name, set, resource, client string }{
		{"system-assigned", "X=", "https://management.azure.com/", ""},
		{"user-assigned", "AZURE_CLIENT_ID=c", "https://management.azure.com/", "c"},
		{"own resource", "INFISICAL_AZURE_AUTH_RESOURCE=api://x", "api://x", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bench(t)
			b.set(c.set)
			b.handle(azureIMDS, func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if r.Header.Get("Metadata") != "true" || q.Get("api-version") != "2018-02-01" || q.Get("resource") != c.resource || q.Get("client_id") != c.client {
					t.Errorf("got %s %v", r.URL, r.Header)
				}
				fmt.Fprintf(w, `{"access_token":%q,"expires_in":"86399"}`, token)
			})
			b.mustLogin(t)
		})
	}
	t.Run("while it updates", func(t *testing.T) {
		b := bench(t)
		n := 0
		b.handle(azureIMDS, func(w http.ResponseWriter, _ *http.Request) {
			if n++; n < 3 {
				w.WriteHeader(http.StatusGone)
				return
			}
			fmt.Fprintf(w, `{"access_token":%q}`, token)
		})
		b.mustLogin(t)
	})
	t.Run("App Service", func(t *testing.T) {
		b := bench(t)
		b.set("IDENTITY_ENDPOINT=http://169.254.129.2:8081/msi/token", "IDENTITY_HEADER="+canary)
		b.handle("GET 169.254.129.2:8081/msi/token", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-IDENTITY-HEADER") != canary || r.URL.Query().Get("api-version") != "2019-08-01" {
				t.Errorf("got %s %v", r.URL, r.Header)
			}
			fmt.Fprintf(w, `{"access_token":%q}`, token)
		})
		b.mustLogin(t)
	})
	faults(t, azureIMDS, bench)
}

func TestAzureFederated(t *testing.T) {
	token := jwt(map[string]any{"aud": "https://management.azure.com/"})
	assertion := jwt(map[string]any{"sub": "system:serviceaccount:a:b"})
	bench := func(t *testing.T) *workloadBench {
		b := newWorkloadBench(t, "azure-auth", expectJWT(&token))
		path := write(t, filepath.Join(t.TempDir(), "token"), assertion)
		b.set("INFISICAL_MACHINE_IDENTITY_ID="+b.id, "AZURE_FEDERATED_TOKEN_FILE="+path, "AZURE_CLIENT_ID=client", "AZURE_TENANT_ID=tenant")
		return b
	}
	b := bench(t)
	b.handle(azureEntra, func(w http.ResponseWriter, r *http.Request) {
		for name, want := range map[string]string{
			"client_id": "client", "grant_type": "client_credentials", "client_assertion": assertion, "scope": "https://management.azure.com//.default",
			"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
		} {
			if got := r.PostFormValue(name); got != want {
				t.Errorf("%s is %q", name, got)
			}
		}
		fmt.Fprintf(w, `{"token_type":"Bearer","access_token":%q}`, token)
	})
	if c, _ := b.mustLogin(t); len(c.Files) != 1 {
		t.Errorf("files %q", c.Files)
	}
	half := newWorkloadBench(t, "azure-auth", nil)
	half.set("INFISICAL_MACHINE_IDENTITY_ID="+half.id, "AZURE_FEDERATED_TOKEN_FILE=/nowhere", "AZURE_CLIENT_ID=c")
	half.failing(t, "AZURE_FEDERATED_TOKEN_FILE is set without AZURE_CLIENT_ID and AZURE_TENANT_ID")
	faults(t, azureEntra, bench)
}
