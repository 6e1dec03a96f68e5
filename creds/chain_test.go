package creds_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"infuse/creds"
	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// hardwareKey is a provider of one's own.
type hardwareKey struct{ slot int }

func (hardwareKey) Name() string { return "hardware key" }

func (h hardwareKey) Retrieve(context.Context) (creds.Credential, error) {
	if h.slot == 0 {
		return creds.Credential{}, nil // no key plugged in: let the chain go on
	}
	return creds.Credential{
		Method:   "hardware",
		Identity: fmt.Sprintf("slot %d", h.slot),
		Login: func(context.Context, *api.Client) (api.Token, error) {
			return api.Token{AccessToken: api.Wrap(secret.New("from the key")), ExpiresIn: 60, MaxTTL: 60}, nil
		},
	}, nil
}

// A provider of one's own goes in front of the standard ones.
func ExampleChain_Insert() {
	chain := creds.Default(creds.Config{
		Environ: []string{"INFISICAL_TOKEN=from-the-environment"},
	})
	chain.Insert(0, hardwareKey{slot: 2})

	credential, answers, err := chain.Explain(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range answers {
		fmt.Println(strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", a.Provider, a.State, a.Method, a.Identity)))
	}
	session := creds.NewSession(nil, credential)
	defer session.Close()
	token, err := session.Token(context.Background())
	fmt.Println(token, err)
	// Output:
	// hardware key: used hardware slot 2
	// credential process: not asked
	// explicit: not asked
	// environment: not asked
	// workload identity: not asked
	// Infisical config: not asked
	// [redacted] <nil>
}

func TestInsertIndex(t *testing.T) {
	for index, want := range map[int]int{-1: 0, 0: 0, 2: 2, 5: 5, 99: 5} {
		chain := creds.Default(creds.Config{})
		chain.Insert(index, hardwareKey{})
		if got := slices.Index(chain.Names(), "hardware key"); got != want {
			t.Errorf("Insert(%d): at %d, want %d", index, got, want)
		}
	}
	var empty creds.Chain
	empty.Insert(0, creds.ProviderFunc(func(context.Context) (creds.Credential, error) { return creds.Credential{}, nil }))
	if got := empty.Names(); len(got) != 1 || got[0] != "custom" {
		t.Errorf("names %q", got)
	}
}

// configured turns one step of the chain on.
type configured struct {
	provider, method string
	on               func(t *testing.T, c *creds.Config)
}

func steps() []configured {
	return []configured{
		{"credential process", "access-token", func(t *testing.T, c *creds.Config) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "token"), "p-token")
			c.CredentialProcess = "testdata/credential-process.sh " + dir
			c.Environ = append(c.Environ, "PATH=/usr/bin:/bin")
		}},
		{"explicit", "universal-auth", func(_ *testing.T, c *creds.Config) {
			c.ClientID, c.ClientSecret = "e-id", secret.New("e-secret")
		}},
		{"environment", "universal-auth", func(_ *testing.T, c *creds.Config) {
			c.Environ = append(c.Environ, "INFISICAL_CLIENT_ID=v-id", "INFISICAL_CLIENT_SECRET=v-secret")
		}},
		{"workload identity", "jwt", func(_ *testing.T, c *creds.Config) {
			c.Environ = append(c.Environ, "INFISICAL_JWT_AUTH_IDENTITY_ID=w-id", "INFISICAL_JWT="+jwt(map[string]any{"sub": "w"}))
		}},
		{"Infisical config", "user", func(t *testing.T, c *creds.Config) {
			c.Home = realVault(t)
		}},
	}
}

// TestEveryPair: of two configured providers the earlier one wins, alone and with the other.
func TestEveryPair(t *testing.T) {
	need(t, "sh", "sed")
	all := steps()
	for i, first := range all {
		for j, second := range all {
			t.Run(first.provider+"/"+second.provider, func(t *testing.T) {
				var config creds.Config
				first.on(t, &config)
				if i != j {
					second.on(t, &config)
				}
				winner := all[min(i, j)]
				c, answers, err := creds.Default(config).Explain(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if c.Provider != winner.provider || c.Method != winner.method {
					t.Errorf("%s (%s) won, want %s (%s)", c.Provider, c.Method, winner.provider, winner.method)
				}
				for k, a := range answers {
					want := creds.NotConfigured
					if k == min(i, j) {
						want = creds.Used
					} else if k > min(i, j) {
						want = creds.NotAsked
					}
					if a.Provider != all[k].provider || a.State != want {
						t.Errorf("%s: %s, want %s", a.Provider, a.State, want)
					}
				}
				noSecretIn(t, answers, "p-token", "e-secret", "v-secret", "eyJ")
			})
		}
	}
}

func noSecretIn(t *testing.T, v any, secrets ...string) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		if strings.Contains(string(b), s) {
			t.Errorf("%q is shown: %s", s, b)
		}
	}
}

// TestWrongStopsTheChain: every provider that is configured but wrong, beside
// every other one that is in order. It is an error where the other comes later,
// and not asked where the other comes first.
func TestWrongStopsTheChain(t *testing.T) {
	need(t, "sh", "sed")
	all := steps()
	for i, wrong := range []func(t *testing.T, c *creds.Config){
		func(_ *testing.T, c *creds.Config) { c.CredentialProcess = "/nowhere/at/all" },
		func(_ *testing.T, c *creds.Config) { c.ClientID = "half" },
		func(_ *testing.T, c *creds.Config) {
			c.Environ = append(c.Environ, "INFISICAL_TOKEN_FILE=/nowhere/at/all")
		},
		func(_ *testing.T, c *creds.Config) {
			c.Environ = append(c.Environ, "INFISICAL_MACHINE_IDENTITY_ID=id")
		},
		func(t *testing.T, c *creds.Config) {
			c.Home = t.TempDir()
			write(t, filepath.Join(c.Home, ".infisical", "infisical-config.json"), `{"loggedInUserEmail":"me@example.com","vaultBackendType":"file"}`)
		},
	} {
		for j, other := range all {
			if i == j {
				continue
			}
			t.Run(all[i].provider+" is wrong/"+other.provider, func(t *testing.T) {
				var config creds.Config
				other.on(t, &config)
				wrong(t, &config)
				c, answers, err := creds.Default(config).Explain(t.Context())
				if j < i {
					if err != nil || c.Provider != other.provider || answers[i].State != creds.NotAsked {
						t.Fatalf("got %s, %v; the wrong one was %s", c.Provider, err, answers[i].State)
					}
					return
				}
				e, ok := errors.AsType[*creds.ProviderError](err)
				if !ok || e.Provider != all[i].provider || c.Configured() {
					t.Fatalf("got %v, %v", c.Provider, err)
				}
				for k, a := range answers {
					want := creds.NotConfigured
					if k == i {
						want = creds.Wrong
					} else if k > i {
						want = creds.NotAsked
					}
					if a.State != want || (a.Why != "") != (k == i) {
						t.Errorf("%s: %s (%s), want %s", a.Provider, a.State, a.Why, want)
					}
				}
			})
		}
	}
}

// TestCustomAtEveryIndex: a provider of one's own beats those behind it, and
// none of those before it.
func TestCustomAtEveryIndex(t *testing.T) {
	need(t, "sh", "sed")
	for index := range len(steps()) + 1 {
		for j, other := range steps() {
			var config creds.Config
			other.on(t, &config)
			chain := creds.Default(config)
			chain.Insert(index, hardwareKey{slot: 1})
			want := other.provider
			if index <= j {
				want = "hardware key"
			}
			if c, err := chain.Retrieve(t.Context()); err != nil || c.Provider != want {
				t.Errorf("at %d beside %s: got %s, %v", index, other.provider, c.Provider, err)
			}
		}
	}
}

func TestNothingConfigured(t *testing.T) {
	_, err := creds.Default(creds.Config{Environ: []string{"TOKEN=ghp_of_somebody_else", "INFISICAL_CLIENT_ID=half", "INFISICAL_TOKEN="}}).Retrieve(t.Context())
	e, ok := errors.AsType[*creds.NotConfiguredError](err)
	if !ok || len(e.Asked) != 5 || len(e.Warnings) != 1 || !strings.Contains(e.Warnings[0], "INFISICAL_CLIENT_SECRET") {
		t.Fatalf("got %v %+v", err, e)
	}
	if hint(err) == "" {
		t.Error("no hint")
	}
}

// TestWarningsTravel: what a passed-over provider warned of reaches the winner.
func TestWarningsTravel(t *testing.T) {
	c, err := creds.Default(creds.Config{
		Environ: []string{"INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET=half"}, Home: realVault(t),
	}).Retrieve(t.Context())
	if err != nil || c.Provider != "Infisical config" || len(c.Warnings) != 1 {
		t.Errorf("got %+v, %v", c, err)
	}
}

// noServer fails the test when a request is made.
func noServer(t testing.TB) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a request was made: %s %s", r.Method, r.URL.Path)
	})
}

// A chain finds the credential, and a session keeps a token of it alive.
func Example() {
	chain := creds.Default(creds.Config{
		Environ: []string{"INFISICAL_CLIENT_ID=my-id", "INFISICAL_CLIENT_SECRET=my-secret"},
	})
	credential, err := chain.Retrieve(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(credential.Provider, credential.Method, credential.Identity)

	client := clientOf(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"accessToken":"a-token","expiresIn":7200,"accessTokenMaxTTL":86400,"tokenType":"Bearer"}`)
	}))
	session := creds.NewSession(client, credential)
	defer session.Close()
	for range 3 { // one login for all of them
		if _, err := session.Token(context.Background()); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Printf("%+v, renewed after %s\n", session.Life().Counts, session.Life().TTL*2/3)
	// Output:
	// environment universal-auth my-id
	// {Logins:1 Renewals:0}, renewed after 1h20m0s
}
