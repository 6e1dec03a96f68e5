package creds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// ProcessVersion is the version of the credential process protocol.
const ProcessVersion = 1

// process is the credential process: a program of the user's that prints a
// credential as one JSON object.
//
//	{"version": 1, "token": "…"}
//	{"version": 1, "clientId": "…", "clientSecret": "…"}
//
// Both may have "url", the server it belongs to, and "expiresAt" (RFC 3339).
// Unknown members are ignored. Its output is never shown, not even in errors.
type process struct{ *input }

func (*process) Name() string { return "credential process" }

func (p *process) Retrieve(ctx context.Context) (Credential, error) {
	what, command := "--credential-process", p.CredentialProcess
	if command == "" {
		what, command = p.first("INFISICAL_CREDENTIAL_PROCESS")
	}
	if command == "" {
		return Credential{}, nil
	}
	argv, err := splitCommand(command)
	if err != nil {
		return Credential{}, fmt.Errorf("%s: %w", what, err)
	}
	first, err := p.ask(ctx, argv)
	if err != nil {
		return Credential{}, fmt.Errorf("%s: %w", what, err)
	}
	return p.credential(what, argv, first)
}

// ask runs the process once and checks what it says.
func (p *process) ask(ctx context.Context, argv []string) (processAnswer, error) {
	out, err := p.runCommand(ctx, argv)
	if err != nil {
		return processAnswer{}, err
	}
	answer, err := parseAnswer(out)
	if err != nil {
		return processAnswer{}, wrong(`it has to print {"version":1,"token":"…"} or {"version":1,"clientId":"…","clientSecret":"…"}`,
			"output of %s: %w", argv[0], err)
	}
	return answer, nil
}

// credential uses first for the first login and runs the process again for every later one.
func (p *process) credential(what string, argv []string, first processAnswer) (Credential, error) {
	c := Credential{Method: "universal-auth", Identity: printable(first.clientID), KeyMaterial: first.clientSecret}
	if !first.token.IsZero() {
		var err error
		if c, err = bearer("output of "+argv[0], first.token); err != nil {
			return Credential{}, err
		}
	}
	c.URL = first.url
	if !first.expiresAt.IsZero() {
		c.ExpiresAt = first.expiresAt
	}
	c.NextStep = "look at what " + what + " prints"
	var pending atomic.Pointer[processAnswer]
	pending.Store(&first)
	c.Login = func(ctx context.Context, client *api.Client) (api.Token, error) {
		answer := pending.Swap(nil)
		if answer == nil {
			fresh, err := p.ask(ctx, argv)
			if err != nil {
				return api.Token{}, err
			}
			if fresh.url != first.url {
				return api.Token{}, errors.New("the credential process now names another server")
			}
			answer = &fresh
		}
		if answer.token.IsZero() {
			return login(ctx, client, "universal-auth", api.UniversalAuthLogin{
				ClientID: answer.clientID, ClientSecret: api.Wrap(answer.clientSecret),
				OrganizationSlug: p.env["INFISICAL_AUTH_ORGANIZATION_SLUG"],
			})
		}
		found, err := bearer("output of "+argv[0], answer.token)
		if err != nil {
			return api.Token{}, err
		}
		life := answer.life(p.now())
		return api.Token{AccessToken: api.Wrap(found.Token), ExpiresIn: life, MaxTTL: life}, nil
	}
	// The session begins with Login, which knows how long the token lives.
	c.Token = secret.Value{}
	return c, nil
}

// processAnswer is what a credential process printed.
type processAnswer struct {
	token        secret.Value
	clientID     string
	clientSecret secret.Value
	url          string
	expiresAt    time.Time
}

// life is the rest of the token's life in seconds. One that seems over is
// unknown (0): the clock may be wrong, and the server decides.
func (a processAnswer) life(now time.Time) int64 {
	if a.expiresAt.IsZero() {
		return 0
	}
	return max(0, int64(a.expiresAt.Sub(now)/time.Second))
}

// parseAnswer checks the members one by one. An error names the member and
// never quotes what it holds.
func parseAnswer(out []byte) (processAnswer, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(out, &members) != nil || members == nil {
		return processAnswer{}, errors.New("not one JSON object")
	}
	var version int
	if members["version"] == nil {
		return processAnswer{}, errors.New(`"version" is missing`)
	}
	if json.Unmarshal(members["version"], &version) != nil {
		return processAnswer{}, errors.New(`"version" is not a number`)
	}
	if version != ProcessVersion {
		return processAnswer{}, fmt.Errorf(`"version" is %d, not %d`, version, ProcessVersion)
	}
	text := make(map[string]string)
	for _, name := range []string{"token", "clientId", "clientSecret", "url", "expiresAt"} {
		raw, ok := members[name]
		if !ok || string(raw) == "null" {
			continue
		}
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return processAnswer{}, fmt.Errorf("%q is not a string", name)
		}
		if s == "" {
			return processAnswer{}, fmt.Errorf("%q is empty", name)
		}
		text[name] = s
	}
	return checkAnswer(text)
}

func checkAnswer(text map[string]string) (processAnswer, error) {
	a := processAnswer{clientID: text["clientId"]}
	switch {
	case text["token"] != "" && (a.clientID != "" || text["clientSecret"] != ""):
		return a, errors.New(`"token" and "clientId" or "clientSecret" are both there`)
	case text["token"] != "":
		a.token = secret.New(text["token"])
	case a.clientID == "" && text["clientSecret"] == "":
		return a, errors.New(`neither "token" nor "clientId" with "clientSecret" is there`)
	case a.clientID == "":
		return a, errors.New(`"clientId" is missing beside "clientSecret"`)
	case text["clientSecret"] == "":
		return a, errors.New(`"clientSecret" is missing beside "clientId"`)
	default:
		a.clientSecret = secret.New(text["clientSecret"])
	}
	if text["url"] != "" {
		u, err := normalURL(text["url"])
		if err != nil {
			return a, errors.New(`"url" is not an http(s) address`)
		}
		a.url = u
	}
	if s := text["expiresAt"]; s != "" {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return a, errors.New(`"expiresAt" is not an RFC 3339 time`)
		}
		a.expiresAt = t
	}
	return a, nil
}
