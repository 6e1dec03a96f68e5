package creds_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"infuse/creds"
	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// handlerTransport answers in the same goroutine, without a network: a request
// works inside a synctest bubble.
type handlerTransport struct{ http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

func clientOf(h http.Handler) *api.Client {
	return &api.Client{
		Base: &url.URL{Scheme: "http", Host: "server.test"},
		HTTP: &http.Client{Transport: handlerTransport{h}},
	}
}

func write(t testing.TB, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// need skips the test without the programs it needs, or fails where they are required.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("INFUSE_TEST_REQUIRE") == "1" {
				t.Fatalf("%s is required and not installed", program)
			}
			t.Skipf("skipped: %s is not installed", program)
		}
	}
}

func hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// jwt is an unsigned token with these claims.
func jwt(claims map[string]any) string {
	b, _ := json.Marshal(claims)
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + e(b) + "." + e([]byte("signature"))
}

// tokenOf gets the first token of a credential, without a server for those that need none.
func tokenOf(t testing.TB, c creds.Credential, h http.Handler) secret.Value {
	t.Helper()
	session := creds.NewSession(clientOf(h), c)
	defer session.Close()
	token, err := session.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// jsonEscaping repairs the one answer whose secret needs escapes in JSON.
func jsonEscaping(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(strings.ReplaceAll(rec.Body.String(), `s"e\c`, `s\"e\\c`)))
	})
}
