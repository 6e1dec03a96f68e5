//go:build !noidentities

package creds_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"infuse/creds"
	"infuse/fetch/api"
	"infuse/fetch/devserver"
)

const anID = "INFISICAL_MACHINE_IDENTITY_ID=11111111-2222-4333-8444-555555555555"

// TestChoice: which method is meant.
func TestChoice(t *testing.T) {
	token := jwt(map[string]any{"sub": "x"})
	file := write(t, filepath.Join(t.TempDir(), "token"), token)
	key, _ := serviceAccountKey(t)
	for _, c := range []struct {
		name    string
		method  string
		environ []string
		cert    bool
		want    string // method, "" for not configured, or "error: part of it"
	}{
		{name: "nothing"},
		{name: "platform without an identity", environ: []string{"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b", "INFISICAL_JWT=" + token}},
		{name: "identity alone", environ: []string{anID}, want: "error: nothing tells how this machine proves who it is"},

		{name: "kubernetes by its path", environ: []string{anID, "INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH=" + file}, want: "kubernetes"},
		{name: "kubernetes by flag", method: "kubernetes", environ: []string{anID, "INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH=" + file}, want: "kubernetes"},
		{name: "kubernetes with suffix", method: "kubernetes-auth", environ: []string{anID, "INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH=" + file}, want: "kubernetes"},
		{name: "kubernetes by variable", environ: []string{anID, "INFISICAL_AUTH_METHOD=kubernetes", "INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH=" + file}, want: "kubernetes"},
		{name: "kubernetes by its own id", environ: []string{"INFISICAL_KUBERNETES_IDENTITY_ID=x", "INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH=" + file}, want: "kubernetes"},
		{name: "aws by its own id", environ: []string{"INFISICAL_AWS_IAM_AUTH_IDENTITY_ID=x"}, want: "aws-iam"},
		{name: "aws by the platform", environ: []string{anID, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/x"}, want: "aws-iam"},
		{name: "aws by half a pair", method: "aws-iam", environ: []string{anID, "AWS_ACCESS_KEY_ID=x"}, want: "error: only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"},
		{name: "gcp-id-token by its own id", environ: []string{"INFISICAL_GCP_AUTH_IDENTITY_ID=x"}, want: "gcp-id-token"},
		{name: "gcp-id-token by the platform", environ: []string{anID, "K_SERVICE=svc"}, want: "gcp-id-token"},
		{name: "gcp-iam by its key", environ: []string{"INFISICAL_GCP_AUTH_IDENTITY_ID=x", "INFISICAL_GCP_IAM_SERVICE_ACCOUNT_KEY_FILE_PATH=" + key}, want: "gcp-iam"},
		{name: "azure by its own id", environ: []string{"INFISICAL_AZURE_AUTH_IDENTITY_ID=x"}, want: "azure"},
		{name: "azure by the platform", environ: []string{anID, "IDENTITY_ENDPOINT=http://127.0.0.1/x", "IDENTITY_HEADER=h"}, want: "azure"},
		{name: "azure by half of App Service", environ: []string{anID, "IDENTITY_ENDPOINT=http://127.0.0.1/x"}, want: "error: azure: IDENTITY_ENDPOINT is set without IDENTITY_HEADER"},
		{name: "oidc by its own id", environ: []string{"INFISICAL_OIDC_AUTH_IDENTITY_ID=x", "INFISICAL_JWT=" + token}, want: "oidc"},
		{name: "oidc by its own variable", environ: []string{anID, "INFISICAL_OIDC_AUTH_JWT=" + token}, want: "oidc"},
		{name: "oidc in GitLab", environ: []string{anID, "INFISICAL_ID_TOKEN=" + token}, want: "oidc"},
		{name: "oidc in GitHub", environ: []string{anID, "ACTIONS_ID_TOKEN_REQUEST_URL=https://gh.test/t", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=x"}, want: "oidc"},
		{name: "oidc in GitHub without permission", method: "oidc", environ: []string{anID, "ACTIONS_ID_TOKEN_REQUEST_URL=https://gh.test/t"}, want: "error: ACTIONS_ID_TOKEN_REQUEST_TOKEN is not set"},
		{name: "oidc without a token", method: "oidc", environ: []string{anID}, want: "error: oidc: there is no id token"},
		{name: "jwt by its own id", environ: []string{"INFISICAL_JWT_AUTH_IDENTITY_ID=x", "INFISICAL_JWT=" + token}, want: "jwt"},
		{name: "jwt without a token", method: "jwt-auth", environ: []string{anID}, want: "error: jwt: there is no token to show"},
		{name: "jwt that is none", method: "jwt", environ: []string{anID, "INFISICAL_JWT=" + canary}, want: "error: INFISICAL_JWT: not a JWT"},
		{name: "ldap", environ: []string{anID, "INFISICAL_LDAP_USERNAME=u", "INFISICAL_LDAP_PASSWORD=p"}, want: "ldap"},
		{name: "ldap without a password", environ: []string{anID, "INFISICAL_LDAP_USERNAME=u"}, want: "error: ldap: INFISICAL_LDAP_PASSWORD is not set"},
		{name: "ldap without a name", environ: []string{anID, "INFISICAL_LDAP_PASSWORD=p"}, want: "error: ldap: INFISICAL_LDAP_USERNAME is not set"},
		{name: "tls-cert by the certificate", environ: []string{anID}, cert: true, want: "tls-cert"},
		{name: "tls-cert without a certificate", method: "tls-cert", environ: []string{anID}, want: "error: there is no client certificate"},
		{name: "spiffe", environ: []string{anID, "INFISICAL_SPIFFE_JWT_PATH=" + file}, want: "spiffe"},
		{name: "spiffe without a file", method: "spiffe", environ: []string{anID}, want: "error: INFISICAL_SPIFFE_JWT_PATH is not set"},
		{name: "spiffe with a missing file", method: "spiffe", environ: []string{anID, "INFISICAL_SPIFFE_JWT_PATH=/nowhere"}, want: "error: INFISICAL_SPIFFE_JWT_PATH: reading /nowhere"},

		{name: "two told", environ: []string{anID, "INFISICAL_LDAP_USERNAME=u", "INFISICAL_SPIFFE_JWT_PATH=" + file}, want: "error: more than one method is configured: ldap and spiffe"},
		{name: "jwt and oidc share a variable", environ: []string{anID, "INFISICAL_JWT=" + token}, want: "error: more than one method is configured: oidc and jwt"},
		{name: "two platforms", environ: []string{anID, "K_SERVICE=svc", "AWS_PROFILE=p"}, want: "error: more than one method is configured: aws-iam and gcp-id-token"},
		{name: "what is told beats the platform", environ: []string{anID, "K_SERVICE=svc", "AWS_PROFILE=p", "INFISICAL_SPIFFE_JWT_PATH=" + file}, want: "spiffe"},
		{name: "a choice beats what is told", method: "ldap", environ: []string{anID, "INFISICAL_LDAP_USERNAME=u", "INFISICAL_LDAP_PASSWORD=p", "INFISICAL_SPIFFE_JWT_PATH=" + file}, want: "ldap"},
		{name: "the flag beats the variable", method: "spiffe", environ: []string{anID, "INFISICAL_AUTH_METHOD=ldap", "INFISICAL_SPIFFE_JWT_PATH=" + file}, want: "spiffe"},
		{name: "a choice without an identity", method: "azure", want: "error: azure: neither INFISICAL_AZURE_AUTH_IDENTITY_ID nor INFISICAL_MACHINE_IDENTITY_ID is set"},
		{name: "an unknown choice", method: "carrier-pigeon", want: `error: --auth-method: no such method: "carrier-pigeon"`},
		{name: "an unknown variable", environ: []string{"INFISICAL_AUTH_METHOD=x"}, want: "error: INFISICAL_AUTH_METHOD: no such method"},

		{name: "universal-auth", method: "universal-auth", environ: []string{"INFISICAL_CLIENT_ID=i", "INFISICAL_CLIENT_SECRET=s", "INFISICAL_TOKEN=t"}, want: "universal-auth"},
		{name: "universal", method: "universal", environ: []string{"INFISICAL_UNIVERSAL_AUTH_CLIENT_ID=i", "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET=s"}, want: "universal-auth"},
		{name: "universal-auth without a pair", method: "universal-auth", environ: []string{"INFISICAL_CLIENT_ID=i", "INFISICAL_TOKEN=t"}, want: "error: --auth-method is universal-auth, and there is no complete client id and secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := creds.Default(creds.Config{AuthMethod: c.method, Environ: c.environ, ClientCertificate: c.cert}).Retrieve(t.Context())
			if part, isError := strings.CutPrefix(c.want, "error: "); isError {
				e, ok := errors.AsType[*creds.ProviderError](err)
				if !ok || e.Provider != "workload identity" || !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want %q", err, part)
				} else if strings.Contains(err.Error(), canary) {
					t.Errorf("the error shows a secret: %v", err)
				}
				return
			}
			if c.want == "" {
				if _, ok := errors.AsType[*creds.NotConfiguredError](err); !ok {
					t.Errorf("got %+v, %v", found, err)
				}
				return
			}
			if err != nil || found.Method != c.want {
				t.Fatalf("got %q, %v", found.Method, err)
			}
			stable := c.want == "ldap" || c.want == "universal-auth"
			if found.KeyMaterial.IsZero() == stable {
				t.Error("only a secret that stays gives the key of the offline copy")
			}
		})
	}
}

// TestTokenFiles: kubernetes, spiffe, jwt and oidc read their file at every login.
func TestTokenFiles(t *testing.T) {
	for _, c := range []struct{ method, route, variable string }{
		{"kubernetes", "kubernetes-auth", "INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH"},
		{"spiffe", "spiffe-auth", "INFISICAL_SPIFFE_JWT_PATH"},
		{"jwt", "jwt-auth", "INFISICAL_JWT_FILE"},
		{"oidc", "oidc-auth", "INFISICAL_JWT_FILE"},
		{"oidc", "oidc-auth", "INFISICAL_OIDC_AUTH_JWT_FILE"},
	} {
		t.Run(c.method+"/"+c.variable, func(t *testing.T) {
			current := jwt(map[string]any{"n": 1})
			b := newWorkloadBench(t, c.route, expectJWT(&current))
			path := write(t, filepath.Join(t.TempDir(), "token"), current+"\n")
			b.config.AuthMethod = c.method
			b.set("INFISICAL_MACHINE_IDENTITY_ID="+b.id, c.variable+"="+path)
			found, s := b.mustLogin(t)
			if !slices.Equal(found.Files, []string{path}) {
				t.Errorf("files %q", found.Files)
			}
			token, _ := s.Token(t.Context())
			current = jwt(map[string]any{"n": 2})
			write(t, path, current)
			s.Reject(t.Context(), token)
			if _, err := s.Token(t.Context()); err != nil {
				t.Errorf("the new token was not read: %v", err)
			}
			write(t, path, "")
			s.Forget()
			token, _ = s.Token(t.Context())
			s.Reject(t.Context(), token)
			s.Forget()
			if _, err := s.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "it is empty") {
				t.Errorf("an empty file: %v", err)
			}
		})
	}
}

// TestRefusedProof: the server's refusal is final and says what to look at.
func TestRefusedProof(t *testing.T) {
	b := newWorkloadBench(t, "jwt-auth", func(*http.Request, map[string]any) error { return errors.New("Access denied") })
	b.config.AuthMethod = "jwt"
	b.set("INFISICAL_MACHINE_IDENTITY_ID="+b.id, "INFISICAL_JWT="+jwt(map[string]any{}))
	_, _, err := b.login(t)
	if e, ok := errors.AsType[*creds.LoginError](err); !ok || !e.Final || !strings.Contains(hint(err), "INFISICAL_MACHINE_IDENTITY_ID") {
		t.Errorf("got %v, hint %q", err, hint(err))
	}
}

func TestJWTVariableAndCommand(t *testing.T) {
	need(t, "sh")
	token := jwt(map[string]any{"sub": "x"})
	for _, c := range []struct{ name, variable, want string }{
		{"variable", "INFISICAL_JWT=" + token, ""},
		{"command", "INFISICAL_JWT_COMMAND=" + shell("echo "+token), ""},
		{"failing command", "INFISICAL_JWT_COMMAND=" + shell("echo "+canary+"; exit 4"), "INFISICAL_JWT_COMMAND: sh failed: exit status 4"},
		{"command that prints something else", "INFISICAL_JWT_COMMAND=" + shell("echo "+canary), "INFISICAL_JWT_COMMAND: output of sh: not a JWT"},
		{"open quote", "INFISICAL_JWT_COMMAND=sh -c '", "INFISICAL_JWT_COMMAND: a quote or backslash is left open"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newWorkloadBench(t, "jwt-auth", expectJWT(&token))
			b.config.AuthMethod = "jwt"
			b.set("PATH=/usr/bin:/bin", "INFISICAL_MACHINE_IDENTITY_ID="+b.id, c.variable)
			if c.want != "" {
				b.failing(t, c.want)
				return
			}
			b.mustLogin(t)
		})
	}
}

func TestGitLab(t *testing.T) {
	token := jwt(map[string]any{"iss": "https://gitlab.test"})
	for _, name := range []string{"INFISICAL_ID_TOKEN", "GITLAB_OIDC_TOKEN", "CI_JOB_JWT_V2"} {
		b := newWorkloadBench(t, "oidc-auth", expectJWT(&token))
		b.set("INFISICAL_MACHINE_IDENTITY_ID="+b.id, name+"="+token)
		b.mustLogin(t)
	}
}

func TestGitHubActions(t *testing.T) {
	const what = "GET actions.test/token"
	token := jwt(map[string]any{"iss": "https://token.actions.githubusercontent.com"})
	bench := func(t *testing.T) *workloadBench {
		b := newWorkloadBench(t, "oidc-auth", expectJWT(&token))
		b.set("INFISICAL_MACHINE_IDENTITY_ID="+b.id, "ACTIONS_ID_TOKEN_REQUEST_URL=https://actions.test/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN="+canary)
		return b
	}
	for _, audience := range []string{"", "https://infisical.example/a b"} {
		b := bench(t)
		b.handle(what, func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			if r.Header.Get("Authorization") != "Bearer "+canary || q.Get("api-version") != "2.0" || q.Get("audience") != audience || q.Has("audience") != (audience != "") {
				t.Errorf("got %s with %v", r.URL, r.Header)
			}
			fmt.Fprintf(w, `{"count":1,"value":%q}`, token)
		})
		b.set("INFISICAL_OIDC_AUDIENCE=" + audience)
		_, s := b.mustLogin(t)
		first, _ := s.Token(t.Context())
		s.Reject(t.Context(), first)
		if _, err := s.Token(t.Context()); err != nil || b.count(what) != 2 {
			t.Errorf("a token is asked for at every login: %v, %d times", err, b.count(what))
		}
	}
	faults(t, what, bench)
}

func TestLDAP(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "password"), "p4ss\n")
	for _, variable := range []string{"INFISICAL_LDAP_PASSWORD=p4ss", "INFISICAL_LDAP_PASSWORD_FILE=" + file} {
		b := newWorkloadBench(t, "ldap-auth", func(_ *http.Request, body map[string]any) error {
			if body["username"] != "ann" || body["password"] != "p4ss" || body["organizationSlug"] != "sub" {
				return errors.New("wrong name, password or organisation")
			}
			return nil
		})
		b.set("INFISICAL_MACHINE_IDENTITY_ID="+b.id, "INFISICAL_LDAP_USERNAME=ann", variable, "INFISICAL_AUTH_ORGANIZATION_SLUG=sub")
		b.mustLogin(t)
	}
}

// TestTLSCert logs in over a real TLS connection that shows a client certificate.
func TestTLSCert(t *testing.T) {
	cert, pool := selfSigned(t)
	server := devserver.New(devserver.Config{})
	identity := server.AddIdentity(devserver.Identity{Verify: map[string]devserver.VerifyFunc{
		"tls-cert-auth": func(r *http.Request, body map[string]any) error {
			if r.TLS == nil || len(r.TLS.PeerCertificates) != 1 || r.TLS.PeerCertificates[0].Subject.CommonName != "client.test" {
				return errors.New("no client certificate")
			}
			return nil
		},
	}})
	listener := httptest.NewUnstartedServer(server)
	listener.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	listener.StartTLS()
	defer listener.Close()
	base, err := url.Parse(listener.URL)
	if err != nil {
		t.Fatal(err)
	}
	httpClient := listener.Client()
	httpClient.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{cert}
	c, err := creds.Default(creds.Config{AuthMethod: "tls-cert", ClientCertificate: true, Environ: []string{"INFISICAL_MACHINE_IDENTITY_ID=" + identity.ID}}).Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := creds.NewSession(&api.Client{Base: base, HTTP: httpClient}, c).Token(t.Context()); err != nil {
		t.Error(err)
	}
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
