package creds

import (
	"io"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"infuse/creds/vault"
	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// Config is everything the standard chain is told. The zero Config has no
// credential at all and is valid.
type Config struct {
	// Flags. An empty one was not given.
	CredentialProcess string // also INFISICAL_CREDENTIAL_PROCESS
	Token             secret.Value
	TokenFile         string // "-" is Stdin
	ClientID          string
	ClientSecret      secret.Value
	ClientSecretFile  string // "-" is Stdin
	AuthMethod        string // also INFISICAL_AUTH_METHOD; the flag skips the environment step

	// ClientCertificate tells that requests to the server carry a client
	// certificate, which is what tls-cert authentication shows.
	ClientCertificate bool

	Environ []string  // NAME=value; the first of a name counts, an empty value does not
	Home    string    // home directory; "" means there is none
	Stdin   io.Reader // nil is empty
	Stderr  io.Writer // where a credential process may write; nil drops it

	Run func(*exec.Cmd) error // runs a credential process or command; nil means (*exec.Cmd).Run

	ProcessTimeout time.Duration    // of a credential process; 0 means one minute
	Now            func() time.Time // nil means time.Now
	Keyring        vault.Keyring    // nil means the system's
	Platform       *http.Client     // for metadata endpoints; nil means one without proxies
	Notify         func(api.Wait)   // told before a platform's endpoint is asked again; nil: nobody
}

// Default is the standard chain: credential process, explicit, environment,
// workload identity, Infisical config.
func Default(config Config) *Chain {
	in := newInput(config)
	return &Chain{providers: []Provider{
		&process{in},
		&explicit{input: in},
		&environment{in},
		&workload{in},
		&infisicalConfig{in},
	}}
}

// input is Config with its environment looked up by name.
type input struct {
	Config
	env map[string]string
}

func newInput(config Config) *input {
	in := &input{Config: config, env: make(map[string]string, len(config.Environ))}
	for _, entry := range config.Environ {
		name, value, ok := strings.Cut(entry, "=")
		if runtime.GOOS == "windows" {
			name = strings.ToUpper(name)
		}
		if _, seen := in.env[name]; ok && !seen {
			in.env[name] = value
		}
	}
	return in
}

func (in *input) now() time.Time {
	if in.Now == nil {
		return time.Now()
	}
	return in.Now()
}

// first returns the first of names that is set to something, and its value.
func (in *input) first(names ...string) (name, value string) {
	for _, name := range names {
		if v := in.env[name]; v != "" {
			return name, v
		}
	}
	return "", ""
}
