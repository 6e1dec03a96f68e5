package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// The flags, in the groups that commands share. A tag `infisical:"A,B"` names
// the variables of the official tools that set a flag too, best first; every
// flag without `noenv:""` can also be set as INFUSE_<FLAG> (settings.go).

// scopeFlags say which secrets.
type scopeFlags struct {
	Env         string   `short:"e" placeholder:"SLUG" infisical:"INFISICAL_ENVIRONMENT" help:"Environment, by its slug. Without it: the git branch's or the default one of .infisical.json; never a silent dev." group:"Which secrets"`
	ProjectID   string   `aliases:"projectId,workspace-id" placeholder:"ID" infisical:"INFISICAL_PROJECT_ID,INFISICAL_WORKSPACE_ID" help:"Project, by its id." group:"Which secrets"`
	ProjectSlug string   `placeholder:"SLUG" infisical:"INFISICAL_PROJECT_SLUG" help:"Project, by its slug." group:"Which secrets"`
	Path        []string `sep:"none" placeholder:"PATH" infisical:"INFISICAL_SECRET_PATH" help:"Folder; repeatable, a later one wins (default: /)." group:"Which secrets"`
	Recursive   bool     `short:"r" negatable:"" help:"Sub-folders too; of one name the folder nearest the path wins." group:"Which secrets"`
	Imports     bool     `default:"true" negatable:"" aliases:"include-imports" help:"Imported secrets (default: on)." group:"Which secrets"`
	Expand      bool     `default:"true" negatable:"" help:"Let the server expand references (default: on)." group:"Which secrets"`
	Personal    bool     `default:"true" negatable:"" aliases:"secret-overriding" help:"Personal values override shared ones (default: on)." group:"Which secrets"`
	Tag         []string `short:"t" aliases:"tags" placeholder:"SLUG" help:"Only secrets with one of these tags; repeatable." group:"Which secrets"`
	ConfigDir   string   `aliases:"project-config-dir" placeholder:"DIR" type:"path" help:"Where .infisical.json is (default: the working directory, then upwards)." group:"Which secrets"`
}

// credentialFlags say who is asking.
type credentialFlags struct {
	CredentialProcess string `placeholder:"COMMAND" noenv:"" help:"Ask this command for a credential (JSON on its stdout); split without a shell." group:"Who is asking"`
	Token             string `placeholder:"TOKEN" noenv:"" help:"Access token or service token. Others can read a command line: prefer --token-file." group:"Who is asking"`
	TokenFile         string `placeholder:"FILE" noenv:"" help:"File that holds the token; - is stdin." group:"Who is asking"`
	ClientID          string `placeholder:"ID" noenv:"" help:"Universal Auth client id." group:"Who is asking"`
	ClientSecret      string `placeholder:"SECRET" noenv:"" help:"Universal Auth client secret. Prefer --client-secret-file." group:"Who is asking"`
	ClientSecretFile  string `placeholder:"FILE" noenv:"" help:"File that holds the client secret; - is stdin." group:"Who is asking"`
	AuthMethod        string `placeholder:"METHOD" infisical:"INFISICAL_AUTH_METHOD" help:"universal-auth, kubernetes, aws-iam, gcp-id-token, gcp-iam, azure, oidc, jwt, ldap, tls-cert or spiffe." group:"Who is asking"`
}

// serverFlags say where the server is, how to trust it and how long to wait.
type serverFlags struct {
	URL                string   `name:"url" aliases:"domain" placeholder:"URL" infisical:"INFISICAL_URL,INFISICAL_DOMAIN,INFISICAL_API_URL" help:"Server, or file:DIR for a directory of dotenv files (default: https://us.infisical.com)." group:"Server"`
	TrustProjectDomain bool     `noenv:"" help:"Allow the domain that .infisical.json names, now and for this file from now on." group:"Server"`
	CACert             string   `name:"ca-cert" placeholder:"FILE" infisical:"INFISICAL_CA_CERT" help:"PEM file of roots trusted beside the system's." group:"Server"`
	ClientCert         string   `placeholder:"FILE" help:"PEM client certificate." group:"Server"`
	ClientKey          string   `placeholder:"FILE" help:"PEM key of --client-cert." group:"Server"`
	InsecureSkipVerify bool     `help:"Do not verify the server's certificate. Says so each time." group:"Server"`
	Timeout            duration `default:"30s" placeholder:"30s" help:"For everything before the child starts." group:"Server"`
	Retries            int      `default:"-1" placeholder:"N" help:"Retries of one request (default: as many as fit in the timeout)." group:"Server"`
}

// copyFlags say what to do with an offline copy.
type copyFlags struct {
	Cache        optional `placeholder:"DIR" help:"Keep an encrypted last-known-good copy, with =DIR there (default: $XDG_CACHE_HOME/infuse)." group:"Offline copy"`
	CacheWait    duration `default:"5s" placeholder:"5s" help:"How long a failing server is tried when there is a copy." group:"Offline copy"`
	CacheMaxAge  duration `default:"24h" placeholder:"24h" help:"A copy older than this is not used." group:"Offline copy"`
	CacheKeyFile string   `placeholder:"FILE" help:"Key of the copy, for credentials that rotate." group:"Offline copy"`
	Offline      bool     `help:"Use only the copy." group:"Offline copy"`
	PreferCache  bool     `help:"Start from a copy younger than --refresh-after without asking the network." group:"Offline copy"`
	RefreshAfter duration `default:"5m" placeholder:"5m" help:"Age from which --prefer-cache fetches anew." group:"Offline copy"`
	OnFetchError string   `enum:",fail,cache" default:"" placeholder:"fail|cache" help:"What a failing server means (default: cache when --cache is on)." group:"Offline copy"`
}

// messageFlags say how much infuse says, and how. Every word goes to stderr.
type messageFlags struct {
	LogLevel       string `short:"l" default:"warn" placeholder:"LEVEL" help:"error, warn, info or debug (default: warn)." group:"Messages"`
	LogFormat      string `default:"text" placeholder:"text|json" help:"text or json." group:"Messages"`
	Verbose        int    `short:"v" type:"counter" help:"Say more; twice for debug." group:"Messages"`
	Quiet          bool   `short:"q" aliases:"silent" help:"Only errors." group:"Messages"`
	LogDestination string `hidden:"" help:"Accepted for infisical's sake: messages go to stderr."`
	Telemetry      bool   `hidden:"" default:"true" negatable:"" help:"Accepted for infisical's sake: there is none."`
}

// environmentFlags compose the child's environment.
type environmentFlags struct {
	EnvFile         []string `sep:"none" placeholder:"FILE" help:"dotenv file that beats the secrets; repeatable, a later one wins." group:"Environment"`
	Set             []string `sep:"none" placeholder:"NAME=VALUE" help:"Variable that beats everything; repeatable." group:"Environment"`
	PreserveEnv     optional `placeholder:"A,B" help:"The parent's value wins over a secret: for all names, or with =A,B for these." group:"Environment"`
	Pristine        bool     `help:"Start from nothing but PATH HOME USER LOGNAME SHELL TERM TZ LANG LC_* TMPDIR." group:"Environment"`
	Inherit         []string `placeholder:"A,LC_*" help:"Names taken over from the parent; implies --pristine." group:"Environment"`
	Only            []string `placeholder:"GLOB" help:"Only secrets whose name on the server matches; repeatable." group:"Environment"`
	Exclude         []string `placeholder:"GLOB" help:"Not these; repeatable." group:"Environment"`
	Prefix          string   `placeholder:"P" help:"Put P before every secret's name." group:"Environment"`
	Rename          []string `placeholder:"SECRET=NAME" help:"Call a secret otherwise; repeatable." group:"Environment"`
	Require         []string `placeholder:"A,B" help:"Refuse when one of these is missing or empty." group:"Environment"`
	RequireFrom     []string `sep:"none" placeholder:"FILE" help:"Require every name of a dotenv file, such as .env.example." group:"Environment"`
	OnConflict      string   `enum:",error,first,last" default:"" placeholder:"error|first|last" help:"One name in two folders of a recursive fetch (default: the nearest folder, with a warning)." group:"Environment"`
	AllowName       []string `placeholder:"NAME" help:"Let a guarded name such as PATH or LD_PRELOAD through; repeatable." group:"Environment"`
	PassCredentials bool     `help:"Leave our own credentials in the child's environment." group:"Environment"`
}

// duration is a flag that counts seconds when it is a plain number, as the
// official CLI's --watch-interval does.
type duration time.Duration

func (d *duration) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	return d.set(text)
}

func (d *duration) set(text string) error {
	parsed, err := parseDuration(text)
	*d = duration(parsed)
	return err
}

func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds < 1e9 {
		return time.Duration(seconds * float64(time.Second)), nil
	}
	parsed, err := time.ParseDuration(text)
	if err != nil || parsed < 0 {
		return 0, fmt.Errorf("%q is not a duration such as 30s, 5m or a number of seconds", text)
	}
	return parsed, nil
}

// optional is a flag whose value may be left out: --cache, --cache=DIR.
type optional struct {
	On    bool
	Value string
}

// IsBool makes kong accept the flag without a value.
func (o *optional) IsBool() bool { return true }

func (o *optional) Decode(ctx *kong.DecodeContext) error {
	o.On, o.Value = true, ""
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	switch value := ctx.Scan.Pop().Value.(type) {
	case bool:
		o.On = value
	case []any:
		names := make([]string, len(value))
		for i, v := range value {
			names[i] = fmt.Sprint(v)
		}
		o.Value = strings.Join(names, ",")
	default:
		o.set(fmt.Sprint(value))
	}
	return nil
}

func (o *optional) set(text string) {
	switch strings.ToLower(text) {
	case "true", "1", "yes":
		*o = optional{On: true}
	case "false", "0", "no":
		*o = optional{}
	default:
		*o = optional{On: true, Value: text}
	}
}

// list is the value split at commas, without empty parts.
func (o optional) list() []string {
	return strings.FieldsFunc(o.Value, func(r rune) bool { return r == ',' })
}
