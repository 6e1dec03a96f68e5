//go:build unix

package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"infuse/fetch/devserver"
)

// denied is how the server words a refusal.
type denied string

func (d denied) Error() string { return "Access denied: " + string(d) }

// issuer signs the tokens of every platform, as each does with keys of its own
// that the server fetches.
type issuer struct{ key *rsa.PrivateKey }

// platformIssuer is made once: an RSA key takes its time.
var platformIssuer = sync.OnceValue(func() issuer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return issuer{key}
})

// sign makes a JWT (RFC 7519) that lives for ten minutes unless the claims say otherwise.
func (i issuer) sign(claims map[string]any) string {
	all := map[string]any{"iat": time.Now().Unix(), "exp": time.Now().Add(10 * time.Minute).Unix()}
	maps.Copy(all, claims)
	payload, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(`{"alg":"RS256","kid":"platform","typ":"JWT"}`)) + "." + b64(payload)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + b64(signature)
}

// verifyJWT checks signature and life, and returns the claims.
func verifyJWT(key *rsa.PublicKey, token string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, denied("not a JWT")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature); err != nil {
		return nil, denied("invalid signature")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, err
	}
	if exp, _ := claims["exp"].(float64); time.Now().Unix() >= int64(exp) {
		return nil, denied("the token has expired")
	}
	return claims, nil
}

// What the platforms say, and what the server expects unless a script says otherwise.
const (
	googleAccount = "app@project.iam.gserviceaccount.com"
	azureTenant   = "7e3b1f0c-tenant"
	awsRole       = "arn:aws:iam::123456789012:role/app"
)

// expected are the claims that an identity is bound to, by method. An audience
// of "" is the identity's own id, as with Google.
var expected = map[string]map[string]any{
	"kubernetes":   {"iss": "https://kubernetes.default.svc.cluster.local", "aud": "infisical", "sub": "system:serviceaccount:shop:app"},
	"oidc":         {"aud": "https://infisical.example", "sub": "repo:shop/app:ref:refs/heads/main"},
	"jwt":          {"iss": "https://issuer.example", "aud": "infisical", "sub": "app"},
	"spiffe":       {"aud": "infisical", "sub": "spiffe://example.org/shop/app"},
	"gcp-id-token": {"iss": "https://accounts.google.com", "aud": "", "email": googleAccount},
	"gcp-iam":      {"aud": "", "sub": googleAccount},
	"azure":        {"iss": "https://sts.windows.net/" + azureTenant + "/", "aud": "https://management.azure.com/", "oid": "app"},
}

// routes of the methods below /api/v1/auth.
var methodRoutes = map[string]string{
	"kubernetes": "kubernetes-auth", "oidc": "oidc-auth", "jwt": "jwt-auth", "spiffe": "spiffe-auth", "gcp-id-token": "gcp-auth", "gcp-iam": "gcp-auth",
	"azure": "azure-auth", "aws-iam": "aws-auth", "ldap": "ldap-auth", "tls-cert": "tls-cert-auth",
}

// addWorkload adds an identity that logs in by one method, and that the server
// verifies as the real one does. want overrides what it is bound to; an
// identity that is there already is bound anew.
func addWorkload(s *devserver.Server, uuid, method string, want map[string]any) (devserver.Identity, error) {
	route, ok := methodRoutes[method]
	if !ok {
		return devserver.Identity{}, fmt.Errorf("no such method: %s", method)
	}
	id := devserver.Identity{ID: uuid, Name: "ci-" + method}
	var verify devserver.VerifyFunc
	switch method {
	case "aws-iam":
		verify = verifyCallerIdentity
	case "ldap":
		verify = func(_ *http.Request, body map[string]any) error {
			if body["username"] != "ann" || body["password"] != "l d@p\"" {
				return denied("wrong name or password")
			}
			return nil
		}
	case "tls-cert":
		verify = func(r *http.Request, _ map[string]any) error {
			if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
				return denied("no client certificate")
			}
			if name := r.TLS.VerifiedChains[0][0].Subject.CommonName; name != "app.shop" {
				return denied("the certificate of " + name + " is not allowed")
			}
			return nil
		}
	default:
		bound := maps.Clone(expected[method])
		if bound["aud"] == "" {
			bound["aud"] = id.ID
		}
		maps.Copy(bound, want)
		delete(bound, "organization")
		verify = func(_ *http.Request, body map[string]any) error {
			token, _ := body["jwt"].(string)
			claims, err := verifyJWT(&platformIssuer().key.PublicKey, token)
			if err != nil {
				return err
			}
			for _, name := range slices.Sorted(maps.Keys(bound)) {
				if claims[name] != bound[name] {
					return denied("the claim " + name + " does not match")
				}
			}
			return nil
		}
	}
	organization, _ := want["organization"].(string)
	id.Verify = map[string]devserver.VerifyFunc{route: func(r *http.Request, body map[string]any) error {
		if _, ok := r.Header["Authorization"]; ok {
			return errors.New("a login must not carry an Authorization header")
		}
		if slug, _ := body["organizationSlug"].(string); slug != organization {
			return denied("no sub organisation " + slug)
		}
		return verify(r, body)
	}}
	return s.AddIdentity(id), nil
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:]
}

// awsKeyring are the keys that AWS knows, by their id: one of a user, and one
// of each source of a role's, so that a script sees which answered.
var awsKeyring = map[string]aws.Credentials{
	"AKIAUSER":  {AccessKeyID: "AKIAUSER", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
	"ASIAEC2":   {AccessKeyID: "ASIAEC2", SecretAccessKey: "ec2+secret/key==", SessionToken: "FwoGZXIvYXdzEBY//ec2//wEa=="},
	"ASIAAGENT": {AccessKeyID: "ASIAAGENT", SecretAccessKey: "agent+secret/key==", SessionToken: "FwoGZXIvYXdzEBY//agent//wEa=="},
	"ASIAIRSA":  {AccessKeyID: "ASIAIRSA", SecretAccessKey: "irsa+secret/key==", SessionToken: "FwoGZXIvYXdzEBY//irsa//wEa=="},
}

var awsCredential = regexp.MustCompile(`Credential=([A-Z0-9]+)/([0-9]{8})/([a-z0-9-]+)/sts/aws4_request`)

// verifyCallerIdentity does what AWS does with the request that the server
// sends on: it signs the same with the key it knows, by the official SDK, and
// compares.
func verifyCallerIdentity(_ *http.Request, body map[string]any) error {
	var text [2][]byte
	for i, name := range []string{"iamRequestBody", "iamRequestHeaders"} {
		b, err := base64.StdEncoding.DecodeString(fmt.Sprint(body[name]))
		if err != nil {
			return err
		}
		text[i] = b
	}
	if body["iamHttpRequestMethod"] != "POST" || string(text[0]) != "Action=GetCallerIdentity&Version=2011-06-15" {
		return denied("another request")
	}
	var headers map[string]string
	if err := json.Unmarshal(text[1], &headers); err != nil {
		return err
	}
	found := awsCredential.FindStringSubmatch(headers["Authorization"])
	if found == nil {
		return denied("no credential in the signature")
	}
	keys, ok := awsKeyring[found[1]]
	if !ok || headers["X-Amz-Security-Token"] != keys.SessionToken {
		return denied("InvalidClientTokenId")
	}
	at, err := time.Parse("20060102T150405Z", headers["X-Amz-Date"])
	if err != nil || time.Since(at).Abs() > 15*time.Minute || at.Format("20060102") != found[2] {
		return denied("RequestExpired")
	}
	host := "sts." + found[3] + ".amazonaws.com" // where the server sends it
	if headers["Host"] != host {
		return denied("signed for another host")
	}
	req, err := http.NewRequest(http.MethodPost, "https://"+host+"/", bytes.NewReader(text[0]))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text[0])
	if err := v4.NewSigner().SignHTTP(req.Context(), keys, req, hex.EncodeToString(sum[:]), "sts", found[3], at); err != nil {
		return err
	}
	if headers["Authorization"] != req.Header.Get("Authorization") {
		return denied("SignatureDoesNotMatch")
	}
	return nil
}
