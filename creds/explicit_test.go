package creds_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"infuse/creds"
	"infuse/fetch/secret"
)

// loginServer answers a Universal Auth login with "token for ID/SECRET", and
// refuses a request that carries an Authorization header, as a real server may.
func loginServer(t testing.TB) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/api/v1/auth/universal-auth/login" {
			t.Errorf("unexpected %s %s", r.Method, r.URL.Path)
		}
		if r.Header.Get("Authorization") != "" {
			t.Error("the login carries an Authorization header")
		}
		var body struct{ ClientID, ClientSecret, OrganizationSlug string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"accessToken":"token-for-%s/%s%s","expiresIn":3600,"accessTokenMaxTTL":7200,"tokenType":"Bearer"}`,
			body.ClientID, body.ClientSecret, body.OrganizationSlug)
	})
}

func TestExplicit(t *testing.T) {
	dir := t.TempDir()
	tokenFile := write(t, filepath.Join(dir, "token"), "file-token\n")
	secretFile := write(t, filepath.Join(dir, "secret"), "file-secret\r\n")
	twoLines := write(t, filepath.Join(dir, "two"), "file-secret\n\n")
	empty := write(t, filepath.Join(dir, "empty"), "\n")
	blank := write(t, filepath.Join(dir, "blank"), "Bearer xyz")
	large := write(t, filepath.Join(dir, "large"), strings.Repeat("x", 1<<20+1))
	s := secret.New
	for _, c := range []struct {
		name   string
		config creds.Config
		stdin  string
		want   string // the token, "" for not configured, or "error: part of it"
	}{
		{name: "nothing"},
		{name: "token", config: creds.Config{Token: s("tok")}, want: "tok"},
		{name: "token file", config: creds.Config{TokenFile: tokenFile}, want: "file-token"},
		{name: "token on stdin", config: creds.Config{TokenFile: "-"}, stdin: "in-token\n", want: "in-token"},
		{name: "pair", config: creds.Config{ClientID: "id", ClientSecret: s("sec")}, want: "token-for-id/sec"},
		{name: "pair with file", config: creds.Config{ClientID: "id", ClientSecretFile: secretFile}, want: "token-for-id/file-secret"},
		{name: "only one newline is dropped", config: creds.Config{ClientID: "id", ClientSecretFile: twoLines}, want: "token-for-id/file-secret\\n"},
		{name: "pair with stdin", config: creds.Config{ClientID: "id", ClientSecretFile: "-"}, stdin: "in-secret", want: "token-for-id/in-secret"},
		{name: "sub-organisation", config: creds.Config{ClientID: "id", ClientSecret: s("sec"), Environ: []string{"INFISICAL_AUTH_ORGANIZATION_SLUG=+sub"}}, want: "token-for-id/sec+sub"},
		{name: "service token of four parts", config: creds.Config{Token: s("st.id.secret.key")}, want: "st.id.secret"},
		{name: "service token of three parts", config: creds.Config{Token: s("st.id.secret")}, want: "st.id.secret"},

		{name: "token and id", config: creds.Config{Token: s("tok"), ClientID: "id"}, want: "error: --token and --client-id are both given"},
		{name: "token and secret", config: creds.Config{Token: s("tok"), ClientSecret: s("x")}, want: "error: --token and --client-secret are both"},
		{name: "token and secret file", config: creds.Config{Token: s("tok"), ClientSecretFile: "-"}, want: "error: --token and --client-secret-file are both"},
		{name: "token file and id", config: creds.Config{TokenFile: tokenFile, ClientID: "id"}, want: "error: --token-file and --client-id are both"},
		{name: "token and its file", config: creds.Config{Token: s("tok"), TokenFile: tokenFile}, want: "error: --token and --token-file are both"},
		{name: "secret and its file", config: creds.Config{ClientID: "id", ClientSecret: s("x"), ClientSecretFile: secretFile}, want: "error: --client-secret and --client-secret-file are both"},
		{name: "id alone", config: creds.Config{ClientID: "id", Environ: []string{"INFISICAL_CLIENT_SECRET=x"}}, want: "error: --client-id is given without a client secret"},
		{name: "secret alone", config: creds.Config{ClientSecret: s("x"), Environ: []string{"INFISICAL_CLIENT_ID=id"}}, want: "error: --client-secret is given without --client-id"},
		{name: "secret file alone", config: creds.Config{ClientSecretFile: secretFile}, want: "error: --client-secret-file is given without --client-id"},
		{name: "missing file", config: creds.Config{TokenFile: filepath.Join(dir, "no")}, want: "error: --token-file: reading " + filepath.Join(dir, "no") + ": no such file"},
		{name: "missing secret file", config: creds.Config{ClientID: "id", ClientSecretFile: filepath.Join(dir, "no")}, want: "error: --client-secret-file: reading"},
		{name: "directory", config: creds.Config{TokenFile: dir}, want: "error: --token-file: reading " + dir},
		{name: "empty file", config: creds.Config{TokenFile: empty}, want: "error: --token-file: it is empty"},
		{name: "empty stdin", config: creds.Config{TokenFile: "-"}, want: "error: --token-file: it is empty"},
		{name: "large file", config: creds.Config{TokenFile: large}, want: "error: larger than 1048576 bytes"},
		{name: "with Bearer", config: creds.Config{TokenFile: blank}, want: "error: --token-file: not a token: it holds a blank"},
		{name: "two parts", config: creds.Config{Token: s("st.id")}, want: "error: not a service token: it has 2 parts"},
		{name: "five parts", config: creds.Config{Token: s("st.a.b.c.d")}, want: "error: not a service token: it has 5 parts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Stdin = strings.NewReader(c.stdin)
			found, err := creds.Default(c.config).Retrieve(t.Context())
			if part, isError := strings.CutPrefix(c.want, "error: "); isError {
				e, ok := errors.AsType[*creds.ProviderError](err)
				if !ok || e.Provider != "explicit" || !strings.Contains(err.Error(), part) {
					t.Fatalf("got %v, want %q", err, part)
				}
				if strings.Contains(err.Error(), "xyz") {
					t.Errorf("the error quotes the token: %v", err)
				}
				return
			}
			if c.want == "" {
				if _, ok := errors.AsType[*creds.NotConfiguredError](err); !ok {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(c.want, `\n`, "\n")
			if got := tokenOf(t, found, escaping(loginServer(t))); got.Reveal() != want {
				t.Errorf("got %q, want %q", got.Reveal(), want)
			}
			if found.StdinRead != (c.stdin != "") {
				t.Errorf("StdinRead is %v", found.StdinRead)
			}
			if pair := found.Method == "universal-auth"; found.KeyMaterial.IsZero() == pair {
				t.Error("a client secret gives the key, and nothing else does")
			}
		})
	}
}

// escaping turns raw newlines of the test's answers into JSON ones.
func escaping(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(newlines{w}, r) })
}

type newlines struct{ http.ResponseWriter }

func (n newlines) Write(b []byte) (int, error) {
	_, err := n.ResponseWriter.Write([]byte(strings.ReplaceAll(string(b), "\n", `\n`)))
	return len(b), err
}

// TestStdinIsReadOnce: asking the chain twice gives the same answer twice.
func TestStdinIsReadOnce(t *testing.T) {
	chain := creds.Default(creds.Config{TokenFile: "-", Stdin: strings.NewReader("once\n")})
	for range 2 {
		c, err := chain.Retrieve(t.Context())
		if err != nil || c.Token.Reveal() != "once" {
			t.Fatalf("got %v", err)
		}
	}
}

// TestFilesAreReadAgain: a token file that was replaced is noticed after a
// refusal; one that was not is the end of the matter.
func TestFilesAreReadAgain(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "token"), "first")
	c, err := creds.Default(creds.Config{TokenFile: path}).Retrieve(t.Context())
	if err != nil || len(c.Files) != 1 || c.Files[0] != path {
		t.Fatalf("got %+v, %v", c, err)
	}
	s := creds.NewSession(clientOf(noServer(t)), c)
	token, _ := s.Token(t.Context())
	s.Reject(t.Context(), token)
	_, err = s.Token(t.Context())
	if e, ok := errors.AsType[*creds.RejectedError](err); !ok || !strings.Contains(e.Hint(), path) {
		t.Fatalf("the same token again: %v, hint %q", err, hint(err))
	}
	write(t, path, "second")
	if token, err = s.Token(t.Context()); err != nil || token.Reveal() != "second" {
		t.Fatalf("the new token was not read: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s.Reject(t.Context(), token)
	s.Forget()
	if _, err = s.Token(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
}

// TestSecretFileIsReadAtEveryLogin: so a rotated secret needs no restart.
func TestSecretFileIsReadAtEveryLogin(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "secret"), "one")
	c, err := creds.Default(creds.Config{ClientID: "id", ClientSecretFile: path}).Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := creds.NewSession(clientOf(loginServer(t)), c)
	token, err := s.Token(t.Context())
	if err != nil || token.Reveal() != "token-for-id/one" {
		t.Fatalf("first login: %v", err)
	}
	write(t, path, "two")
	s.Reject(t.Context(), token)
	if token, err = s.Token(t.Context()); err != nil || token.Reveal() != "token-for-id/two" {
		t.Errorf("second login: %v", err)
	}
}

// TestPipeIsReadOnce: a process substitution cannot be read a second time, so it is not tried.
func TestPipeIsReadOnce(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	path := fmt.Sprintf("/dev/fd/%d", r.Fd())
	if _, err := os.Stat(path); err != nil {
		t.Skipf("skipped: this system has no /dev/fd: %v", err)
	}
	if _, err := w.WriteString("from-a-pipe\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	c, err := creds.Default(creds.Config{TokenFile: path}).Retrieve(t.Context())
	if err != nil || c.Token.Reveal() != "from-a-pipe" || c.Login != nil || len(c.Files) != 0 {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestEnvironment(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "f"), "from-file\n")
	for _, c := range []struct {
		name     string
		environ  []string
		want     string
		warnings int
	}{
		{"nothing", nil, "", 0},
		{"a bare TOKEN is not ours", []string{"TOKEN=ghp_x"}, "", 0},
		{"empty ones", []string{"INFISICAL_TOKEN=", "INFISICAL_CLIENT_ID=", "INFISICAL_CLIENT_SECRET="}, "", 0},
		{"pair", []string{"INFISICAL_CLIENT_ID=id", "INFISICAL_CLIENT_SECRET=sec"}, "token-for-id/sec", 0},
		{"official pair", []string{"INFISICAL_UNIVERSAL_AUTH_CLIENT_ID=id", "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET=sec"}, "token-for-id/sec", 0},
		{"both pairs", []string{"INFISICAL_CLIENT_ID=a", "INFISICAL_CLIENT_SECRET=b", "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID=c", "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET=d"}, "token-for-a/b", 0},
		{"pair with files", []string{"INFISICAL_CLIENT_ID_FILE=" + file, "INFISICAL_CLIENT_SECRET_FILE=" + file}, "token-for-from-file/from-file", 0},
		{"pair beats token", []string{"INFISICAL_TOKEN=tok", "INFISICAL_CLIENT_ID=id", "INFISICAL_CLIENT_SECRET=sec"}, "token-for-id/sec", 0},
		{"half pair, then a token", []string{"INFISICAL_CLIENT_ID=id", "INFISICAL_TOKEN=tok"}, "tok", 1},
		{"other half, then a token", []string{"INFISICAL_CLIENT_SECRET_FILE=/nowhere", "INFISICAL_TOKEN=tok"}, "tok", 1},
		{"half pair, then the other pair", []string{"INFISICAL_CLIENT_ID=x", "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID=id", "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET=sec"}, "token-for-id/sec", 1},
		{"halves of two pairs are not mixed", []string{"INFISICAL_CLIENT_ID=x", "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET=sec", "INFISICAL_TOKEN=tok"}, "tok", 2},
		{"token", []string{"INFISICAL_TOKEN=tok"}, "tok", 0},
		{"order of tokens", []string{"INFISICAL_ACCESS_TOKEN=c", "INFISICAL_UNIVERSAL_AUTH_ACCESS_TOKEN=b", "INFISICAL_TOKEN=a"}, "a", 0},
		{"second token", []string{"INFISICAL_ACCESS_TOKEN=c", "INFISICAL_UNIVERSAL_AUTH_ACCESS_TOKEN=b"}, "b", 0},
		{"third token", []string{"INFISICAL_ACCESS_TOKEN=c"}, "c", 0},
		{"token file", []string{"INFISICAL_TOKEN_FILE=" + file}, "from-file", 0},
		{"the first of a name counts", []string{"INFISICAL_TOKEN=a", "INFISICAL_TOKEN=b"}, "a", 0},
		{"both forms", []string{"INFISICAL_TOKEN=a", "INFISICAL_TOKEN_FILE=" + file}, "error: INFISICAL_TOKEN and INFISICAL_TOKEN_FILE are both set", 0},
		{"missing file", []string{"INFISICAL_TOKEN_FILE=/nowhere"}, "error: INFISICAL_TOKEN_FILE: reading /nowhere: no such file", 0},
		{"missing secret file", []string{"INFISICAL_CLIENT_ID=id", "INFISICAL_CLIENT_SECRET_FILE=/nowhere"}, "error: INFISICAL_CLIENT_SECRET_FILE: reading /nowhere", 0},
		{"broken service token", []string{"INFISICAL_TOKEN=st.x"}, "error: INFISICAL_TOKEN: not a service token", 0},
		{"two lines", []string{"INFISICAL_TOKEN=a\nb"}, "error: INFISICAL_TOKEN: not a token", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := creds.Default(creds.Config{Environ: c.environ}).Retrieve(t.Context())
			if part, isError := strings.CutPrefix(c.want, "error: "); isError {
				if e, ok := errors.AsType[*creds.ProviderError](err); !ok || e.Provider != "environment" || !strings.Contains(err.Error(), part) {
					t.Fatalf("got %v, want %q", err, part)
				}
				return
			}
			if c.want == "" {
				if _, ok := errors.AsType[*creds.NotConfiguredError](err); !ok {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := tokenOf(t, found, loginServer(t)); got.Reveal() != c.want {
				t.Errorf("got %q, want %q", got.Reveal(), c.want)
			}
			if len(found.Warnings) != c.warnings {
				t.Errorf("warnings %q", found.Warnings)
			}
			noSecretIn(t, found.Warnings, "sec", "tok")
		})
	}
}

// TestAuthMethodSkipsTheEnvironment: the flag does, the variable does not,
// since a drop-in command line may export it beside a token.
func TestAuthMethodSkipsTheEnvironment(t *testing.T) {
	environ := []string{"INFISICAL_TOKEN=tok", "INFISICAL_AUTH_METHOD=jwt"}
	if c, err := creds.Default(creds.Config{Environ: environ}).Retrieve(context.Background()); err != nil || c.Provider != "environment" {
		t.Errorf("with the variable: %+v, %v", c, err)
	}
	_, err := creds.Default(creds.Config{Environ: environ, AuthMethod: "jwt"}).Retrieve(context.Background())
	if e, ok := errors.AsType[*creds.ProviderError](err); !ok || e.Provider != "workload identity" {
		t.Errorf("with the flag: %v", err)
	}
}

func TestEnvironmentNames(t *testing.T) {
	names := creds.EnvironmentNames()
	for _, want := range []string{
		"INFISICAL_CLIENT_ID", "INFISICAL_CLIENT_SECRET", "INFISICAL_CLIENT_SECRET_FILE", "INFISICAL_TOKEN", "INFISICAL_TOKEN_FILE",
		"INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET", "INFISICAL_JWT", "INFISICAL_LDAP_USERNAME", "INFISICAL_LDAP_PASSWORD",
		"INFISICAL_CUSTOM_HEADERS", "INFISICAL_CREDENTIAL_PROCESS", "INFISICAL_VAULT_FILE_PASSPHRASE",
	} {
		found := false
		for _, name := range names {
			found = found || name == want
		}
		if !found {
			t.Errorf("%s stays in the child's environment", want)
		}
	}
	for i, name := range names {
		if !strings.HasPrefix(name, "INFISICAL_") || i > 0 && names[i-1] >= name {
			t.Errorf("%s is foreign, or out of order", name)
		}
	}
}

// TestReadClaims: what a token says is read for people: fit for a terminal, and
// never more than it says.
func TestReadClaims(t *testing.T) {
	for _, c := range []struct {
		name  string
		token string
		want  creds.Claims
	}{
		{"of an identity", jwt(map[string]any{"identityId": "id", "identityName": "ci", "orgId": "org", "numUsesLimit": 3, "iat": 10, "exp": 20}),
			creds.Claims{IdentityID: "id", IdentityName: "ci", OrganizationID: "org", Uses: 3, NotBefore: time.Unix(10, 0), ExpiresAt: time.Unix(20, 0)}},
		{"no limits", jwt(map[string]any{"identityId": "id", "numUsesLimit": 0}), creds.Claims{IdentityID: "id"}},
		{"absurd limits", jwt(map[string]any{"numUsesLimit": 1e300, "exp": 1e300, "nbf": -5}), creds.Claims{}},
		{"a time that RFC 3339 cannot write", jwt(map[string]any{"exp": 253402300800}), creds.Claims{}},
		{"a name for the terminal", jwt(map[string]any{"identityId": "id", "identityName": "\x1b[2Jci"}), creds.Claims{IdentityID: "id"}},
		{"other types", jwt(map[string]any{"identityId": 7}), creds.Claims{}},
		{"not a JWT", "opaque", creds.Claims{}},
		{"not base64", "a.!.c", creds.Claims{}},
		{"a service token", "st.a.b", creds.Claims{}},
	} {
		if got := creds.ReadClaims(secret.New(c.token)); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}
