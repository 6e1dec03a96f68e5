package creds_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"infuse/creds"
)

const canary = "c4n4ry-s3cr3t"

// shell is a credential process of one line of sh.
func shell(script string) string { return "sh -c '" + script + "'" }

func TestProcess(t *testing.T) {
	need(t, "sh", "sed")
	path := "PATH=" + os.Getenv("PATH")
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string
		url   string
	}{
		{"token", map[string]string{"token": "tok"}, "tok", ""},
		{"service token", map[string]string{"token": "st.a.b.c"}, "st.a.b", ""},
		{"pair", map[string]string{"client-id": "id", "client-secret": `s"e\c`}, `token-for-id/s"e\c`, ""},
		{"url", map[string]string{"token": "tok", "url": "https://own.example/api/"}, "tok", "https://own.example"},
		{"expiry", map[string]string{"token": "tok", "expires-at": "2999-01-01T00:00:00Z"}, "tok", ""},
		{"past expiry: the server decides", map[string]string{"token": "tok", "expires-at": "2001-01-01T00:00:00+02:00"}, "tok", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "with blank")
			for name, content := range c.files {
				write(t, filepath.Join(dir, name), content)
			}
			var stderr bytes.Buffer
			found, err := creds.Default(creds.Config{
				CredentialProcess: `testdata/credential-process.sh "` + dir + `"`, Environ: []string{path}, Stderr: &stderr,
			}).Retrieve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := tokenOf(t, found, jsonEscaping(loginServer(t))); got.Reveal() != c.want {
				t.Errorf("got %q, want %q", got.Reveal(), c.want)
			}
			if found.URL != c.url {
				t.Errorf("url %q", found.URL)
			}
			if !strings.Contains(stderr.String(), "reading the credential") {
				t.Error("its stderr did not pass through")
			}
			if found.KeyMaterial.IsZero() != (c.files["client-secret"] == "") {
				t.Error("only a client secret gives the key")
			}
		})
	}
}

// TestProcessRunsAtEveryLogin: once for the chain and the first login, and
// again when its token is refused.
func TestProcessRunsAtEveryLogin(t *testing.T) {
	need(t, "sh", "sed")
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	write(t, filepath.Join(dir, "token"), "one")
	found, err := creds.Default(creds.Config{
		Environ: []string{"PATH=" + os.Getenv("PATH"), "CALLS=" + calls, "INFISICAL_CREDENTIAL_PROCESS=testdata/credential-process.sh " + dir},
	}).Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := creds.NewSession(clientOf(noServer(t)), found)
	token, err := s.Token(t.Context())
	if err != nil || token.Reveal() != "one" {
		t.Fatalf("first: %v", err)
	}
	ran := func() int {
		b, _ := os.ReadFile(calls)
		return strings.Count(string(b), "run")
	}
	if ran() != 1 {
		t.Errorf("it ran %d times for one login", ran())
	}
	s.Reject(t.Context(), token)
	if _, err := s.Token(t.Context()); err == nil {
		t.Error("the refused token was given again")
	} else if _, ok := errors.AsType[*creds.RejectedError](err); !ok {
		t.Errorf("got %v", err)
	}
	write(t, filepath.Join(dir, "token"), "two")
	if token, err = s.Token(t.Context()); err != nil || token.Reveal() != "two" {
		t.Fatalf("second: %v", err)
	}
	if ran() != 3 {
		t.Errorf("it ran %d times, want 3", ran())
	}
}

// TestProcessFailures: each names what was wrong, and none quotes the output.
func TestProcessFailures(t *testing.T) {
	need(t, "sh", "head", "sleep")
	print := func(s string) string { return shell(`printf "%s" "` + strings.ReplaceAll(s, `"`, `\"`) + `"`) }
	for _, c := range []struct{ name, command, want string }{
		{"no such program", "/nowhere/credential-helper x", "no such file or directory"},
		{"not on the path", "infuse-no-such-helper", "executable file not found"},
		{"open quote", `sh -c 'echo`, "a quote or backslash is left open"},
		{"only blanks", "   ", "no command"},
		{"exit status", shell("echo " + canary + "; exit 3"), "exit status 3"},
		{"killed", shell("echo " + canary + "; kill -9 $$"), "signal: killed"},
		{"nothing", "true", "not one JSON object"},
		{"not JSON", print(canary), "not one JSON object"},
		{"a list", print(`["` + canary + `"]`), "not one JSON object"},
		{"null", print("null"), "not one JSON object"},
		{"two objects", print(`{"version":1,"token":"` + canary + `"}{}`), "not one JSON object"},
		{"no version", print(`{"token":"` + canary + `"}`), `"version" is missing`},
		{"version as text", print(`{"version":"1","token":"` + canary + `"}`), `"version" is not a number`},
		{"version 2", print(`{"version":2,"token":"` + canary + `"}`), `"version" is 2, not 1`},
		{"nothing in it", print(`{"version":1}`), `neither "token" nor "clientId"`},
		{"keys are case-sensitive", print(`{"version":1,"Token":"` + canary + `"}`), `neither "token" nor "clientId"`},
		{"token as number", print(`{"version":1,"token":12345}`), `"token" is not a string`},
		{"empty token", print(`{"version":1,"token":""}`), `"token" is empty`},
		{"half pair", print(`{"version":1,"clientId":"` + canary + `"}`), `"clientSecret" is missing`},
		{"other half", print(`{"version":1,"clientSecret":"` + canary + `"}`), `"clientId" is missing`},
		{"both", print(`{"version":1,"token":"` + canary + `","clientId":"x"}`), `are both there`},
		{"bad url", print(`{"version":1,"token":"x","url":"ftp://u:` + canary + `@h"}`), `"url" is not an http(s) address`},
		{"bad time", print(`{"version":1,"token":"x","expiresAt":"` + canary + `"}`), `"expiresAt" is not an RFC 3339 time`},
		{"token with a blank", print(`{"version":1,"token":"` + canary + ` x"}`), "not a token"},
		{"too much", shell("head -c 2000000 /dev/zero; sleep 100"), "printed more than 1048576 bytes"},
		{"too slow", shell("echo " + canary + "; exec sleep 100"), "did not end within 300ms"},
		{"a grandchild holds the pipe", shell("sleep 100 & exit 5"), "exit status 5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := creds.Config{CredentialProcess: c.command, Environ: []string{"PATH=" + os.Getenv("PATH")}, ProcessTimeout: time.Minute}
			if c.name == "too slow" {
				config.ProcessTimeout = 300 * time.Millisecond
			}
			_, answers, err := creds.Default(config).Explain(t.Context())
			e, ok := errors.AsType[*creds.ProviderError](err)
			if !ok || e.Provider != "credential process" || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error quotes the output: %v", err)
			}
			noSecretIn(t, answers, canary)
		})
	}
}

// TestProcessHasNoStdin: standard input belongs to the program that is started later.
func TestProcessHasNoStdin(t *testing.T) {
	need(t, "sh", "cat")
	found, err := creds.Default(creds.Config{
		CredentialProcess: shell(`test -z "$(cat)" && printf "{\"version\":1,\"token\":\"tok\"}"`),
		Environ:           []string{"PATH=" + os.Getenv("PATH")},
		Stdin:             strings.NewReader("for the child"),
	}).Retrieve(t.Context())
	if err != nil || !found.Configured() || found.StdinRead {
		t.Errorf("got %+v, %v", found, err)
	}
}
