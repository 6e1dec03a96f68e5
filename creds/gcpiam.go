//go:build !noidentities

package creds

import (
	"context"
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
	"net/url"
	"time"

	"infuse/fetch/api"
)

const gcpKeyFile = "INFISICAL_GCP_IAM_SERVICE_ACCOUNT_KEY_FILE_PATH"

func gcpIAMEvidence(in *input) evidence { return in.evidence([]string{gcpKeyFile}) }

// gcpIAM shows a token that Google signs for a service account, as the
// official SDK does: the key file buys an access token, and that one a signJwt of
// {sub, aud}. The server checks the signature against Google's keys of the account.
func gcpIAM(in *input, id string) (proof, error) {
	path := in.env[gcpKeyFile]
	if path == "" {
		return proof{}, wrong("name the service account's key file there", "%s is not set", gcpKeyFile)
	}
	file := source{what: gcpKeyFile, path: path}
	if _, err := readServiceAccount(file); err != nil {
		return proof{}, err
	}
	setUp := "check that the key of " + path + " still exists on Google's side"
	return proof{files: file.watched(), setUp: setUp, members: func(ctx context.Context) (map[string]any, error) {
		account, err := readServiceAccount(file)
		if err != nil {
			return nil, err
		}
		access, err := in.gcpAccessToken(ctx, account)
		if err != nil {
			return nil, err
		}
		return in.gcpSignJWT(ctx, account, access, id)
	}}, nil
}

// serviceAccount is a service account's key file.
type serviceAccount struct {
	Type     string `json:"type"`
	Email    string `json:"client_email"`
	KeyID    string `json:"private_key_id"`
	PEM      string `json:"private_key"`
	TokenURI string `json:"token_uri"`
	Universe string `json:"universe_domain"`
	key      *rsa.PrivateKey
}

func readServiceAccount(file source) (*serviceAccount, error) {
	text, err := file.read(nil)
	if err != nil {
		return nil, err
	}
	var a serviceAccount
	if json.Unmarshal([]byte(text.Reveal()), &a) != nil {
		return nil, fmt.Errorf("%s: not JSON", file.path)
	}
	if a.Type != "service_account" || a.Email == "" {
		return nil, fmt.Errorf("%s: not the key file of a service account", file.path)
	}
	block, _ := pem.Decode([]byte(a.PEM))
	if block == nil {
		return nil, fmt.Errorf("%s: its private_key is not PEM", file.path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	rsaKey, ok := key.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s: its private_key is not an RSA key in PKCS #8", file.path)
	}
	a.key = rsaKey
	if a.TokenURI == "" {
		a.TokenURI = "https://oauth2.googleapis.com/token"
	}
	if a.Universe == "" {
		a.Universe = "googleapis.com"
	}
	if u, err := url.Parse(a.TokenURI); err != nil || u.Scheme != "https" && !nearby(u.Hostname()) {
		return nil, fmt.Errorf("%s: its token_uri is not an https address", file.path)
	}
	return &a, nil
}

// gcpAccessToken is the JWT bearer grant of RFC 7523
// (https://developers.google.com/identity/protocols/oauth2/service-account#httprest).
func (in *input) gcpAccessToken(ctx context.Context, a *serviceAccount) (api.Plain, error) {
	now := in.now()
	assertion, err := signRS256(a.key, a.KeyID, map[string]any{
		"iss": a.Email, "scope": "https://www.googleapis.com/auth/cloud-platform", "aud": a.TokenURI,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	if err != nil {
		return api.Plain{}, err
	}
	var answer struct {
		Token api.Plain `json:"access_token"`
	}
	err = in.platformJSON(ctx, form(a.TokenURI, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion},
	}), &answer)
	if err == nil && answer.Token.Empty() {
		err = errors.New("the answer of Google holds no access token")
	}
	return answer.Token, err
}

// gcpSignJWT is projects.serviceAccounts.signJwt of the IAM credentials API.
func (in *input) gcpSignJWT(ctx context.Context, a *serviceAccount, access api.Plain, id string) (map[string]any, error) {
	payload, err := json.Marshal(map[string]string{"sub": a.Email, "aud": id})
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{"payload": string(payload)})
	if err != nil {
		return nil, err
	}
	var answer struct {
		JWT api.Plain `json:"signedJwt"`
	}
	err = in.platformJSON(ctx, platformCall{
		method: http.MethodPost,
		url:    "https://iamcredentials." + a.Universe + "/v1/projects/-/serviceAccounts/" + url.PathEscape(a.Email) + ":signJwt",
		header: http.Header{"Authorization": {"Bearer " + access.Reveal()}, "Content-Type": {"application/json"}},
		body:   string(body),
	}, &answer)
	if e, ok := errors.AsType[*platformError](err); ok && e.status == http.StatusForbidden {
		return nil, wrong("enable the IAM Service Account Credentials API, and give the account the role of a token creator on itself", "%w", err)
	}
	if err != nil {
		return nil, err
	}
	return jwtMembers(answer.JWT.Value)
}

// signRS256 makes a JWT (RFC 7515, section 3.1).
func signRS256(key *rsa.PrivateKey, keyID string, claims map[string]any) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": keyID})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding.EncodeToString
	signed := b64(header) + "." + b64(payload)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return signed + "." + b64(signature), nil
}
