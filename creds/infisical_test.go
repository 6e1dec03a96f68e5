package creds_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"infuse/creds"
)

// realVault is a home directory with the login that the official CLI left.
func realVault(t testing.TB) string {
	t.Helper()
	home := t.TempDir()
	for from, to := range map[string]string{
		"infisical-config.json":                  ".infisical/infisical-config.json",
		"infisical-keyring/test@localhost.local": "infisical-keyring/test@localhost.local",
	} {
		b, err := os.ReadFile(filepath.Join("..", "testdata", "vault", from))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(home, to), string(b))
	}
	return home
}

// iat and exp of the token in the real vault.
var (
	vaultIssued = time.Unix(1795400748, 0)
	vaultExpiry = time.Unix(1796264748, 0)
)

// TestRealLogin: what our clock says of the token never stops anything; it
// words the server's refusal.
func TestRealLogin(t *testing.T) {
	for _, c := range []struct {
		name    string
		now     time.Time
		expired bool
		early   bool
		want    string
	}{
		{"while it lives", vaultIssued.Add(time.Hour), false, false, "the server refused the token from the Infisical CLI's login (user)"},
		{"expired", vaultExpiry.Add(time.Hour), true, false, "it expired at 2026-12-03T"},
		{"at its last second", vaultExpiry, true, false, "it expired at"},
		{"not yet valid", vaultIssued.Add(-24 * time.Hour), false, true, "it is not valid before 2026-11-23T"},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := func() time.Time { return c.now }
			found, err := creds.Default(creds.Config{Home: realVault(t), Now: clock}).Retrieve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if found.Identity != "test@localhost.local" || found.URL != "http://127.0.0.1:8080" || !found.ExpiresAt.Equal(vaultExpiry) || len(found.Files) != 2 {
				t.Errorf("got %+v", found)
			}
			if !found.KeyMaterial.IsZero() {
				t.Error("a user's token rotates: it gives no key")
			}
			session := creds.NewSession(clientOf(noServer(t)), found)
			session.Now = clock
			token, err := session.Token(t.Context())
			if err != nil {
				t.Fatalf("our clock alone refused it: %v", err)
			}
			session.Reject(t.Context(), token)
			_, err = session.Token(t.Context())
			e, ok := errors.AsType[*creds.RejectedError](err)
			if !ok || e.Expired() != c.expired || e.NotYetValid() != c.early || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(hint(err), "infisical login") {
				t.Errorf("hint %q", hint(err))
			}
		})
	}
}

// TestNewLoginIsNoticed: after a refusal the vault is opened again.
func TestNewLoginIsNoticed(t *testing.T) {
	home := t.TempDir()
	config := `{"loggedInUserEmail":"me@example.com","LoggedInUserDomain":"https://h.example/api","vaultBackendType":"auto"}`
	write(t, filepath.Join(home, ".infisical", "infisical-config.json"), config)
	ring := keyring{"infisical-cli/me@example.com": `{"JTWToken":"old"}`}
	found, err := creds.Default(creds.Config{Home: home, Keyring: ring}).Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session := creds.NewSession(clientOf(noServer(t)), found)
	token, err := session.Token(t.Context())
	if err != nil || token.Reveal() != "old" {
		t.Fatal("the first token is not the one in the keyring")
	}
	ring["infisical-cli/me@example.com"] = `{"JTWToken":"new"}`
	session.Reject(t.Context(), token)
	if token, err = session.Token(t.Context()); err != nil || token.Reveal() != "new" {
		t.Fatalf("the new login was not noticed: %v", err)
	}
	write(t, filepath.Join(home, ".infisical", "infisical-config.json"), strings.Replace(config, "h.example", "evil.example", 1))
	session.Reject(t.Context(), token)
	session.Forget() // as the caller does when one of Credential.Files changes
	if _, err = session.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("a login at another server was used: %v", err)
	}
}

type keyring map[string]string

func (k keyring) Get(service, account string) (string, error) {
	v, ok := k[service+"/"+account]
	if !ok {
		return "", errors.New("locked")
	}
	return v, nil
}

func TestServerURL(t *testing.T) {
	for _, c := range []struct{ explicit, own, want string }{
		{"", "", ""},
		{"https://a.example", "", "https://a.example"},
		{"", "https://a.example/api", "https://a.example"},
		{"https://A.example:443/", "https://a.example/api/", "https://a.example"},
		{"https://us.infisical.com", "https://app.infisical.com/api", "https://app.infisical.com"},
		{"http://a.example", "https://a.example", "error"},
		{"https://b.example", "https://a.example", "error"},
		{"https://a.example/x", "https://a.example", "error"},
		{"https://a.example", "ftp://a.example", "error"},
	} {
		got, err := creds.ServerURL(c.explicit, creds.Credential{Provider: "Infisical config", URL: c.own})
		if err != nil {
			got = "error"
			if _, ok := errors.AsType[*creds.ProviderError](err); !ok {
				t.Errorf("%q with %q: %v does not name the provider", c.explicit, c.own, err)
			}
		}
		if got != c.want {
			t.Errorf("%q with %q: got %q (%v), want %q", c.explicit, c.own, got, err, c.want)
		}
	}
}
