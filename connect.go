package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"infuse/creds"
	"infuse/fetch"
	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// connection is where secrets come from: a source and, behind it, a server and
// who asks it.
type connection struct {
	source     fetch.Source
	http       *fetch.HTTPSource // the same without its offline copy; nil for a file: URL
	server     *api.Client       // nil for a file: URL
	chain      *creds.Chain
	credential creds.Credential
	answers    []creds.Answer
	session    *creds.Session
	dir        string // of a file: URL
}

// methodServiceToken is how creds names service tokens.
const methodServiceToken = "service-token"

// connect names the server and the credential, and builds the source. It sends
// no request to the server: the first is the login.
func (p *program) connect(ctx context.Context, f *readFlags, scope fetch.Scope) (*connection, error) {
	if dir, ok := strings.CutPrefix(f.URL, "file:"); ok {
		return p.connectDir(dir)
	}
	c := &connection{chain: p.chain(f)}
	p.sayTerminal(&f.credentialFlags)
	var err error
	if c.credential, c.answers, err = c.chain.Explain(ctx); err != nil {
		if none, ok := errors.AsType[*creds.NotConfiguredError](err); ok {
			p.warn(none.Warnings)
		}
		return c, fetchHint(ctx, err)
	}
	p.warn(c.credential.Warnings)
	base, err := p.serverURL(f, c.credential)
	if err != nil {
		return c, err
	}
	if c.server, err = p.httpClient(f, base); err != nil {
		return c, err
	}
	p.log.Info("asking", "server", base.String(), "credential", c.credential.Provider, "method", c.credential.Method, "identity", c.credential.Identity)
	c.session = creds.NewSession(c.server, c.credential)
	c.session.Now = p.now
	source := &fetch.HTTPSource{API: c.server, Tokens: c.session, Settle: true, ServiceToken: c.credential.Method == methodServiceToken}
	if !source.ServiceToken { // its project and environment may come from the token
		if _, err := scope.Normalize(); err != nil {
			return c, fetchHint(ctx, err)
		}
	}
	c.http, c.source = source, source
	c.source, err = p.withCopy(f, c)
	return c, err
}

// connectDir is the embedded source: no credential, no project, no network.
func (p *program) connectDir(dir string) (*connection, error) {
	dir = strings.TrimPrefix(dir, "//") // file:///abs and file:rel both name a directory
	source, err := fetch.OpenDir(dir)
	if err != nil {
		return nil, hinted(err, "file:DIR is a directory with files such as DIR/dev.env")
	}
	return &connection{source: source, dir: dir}, nil
}

// sayTerminal tells who has to type what is read from the terminal.
func (p *program) sayTerminal(f *credentialFlags) {
	for file, what := range map[string]string{f.TokenFile: "token", f.ClientSecretFile: "client secret"} {
		if file == "-" && isTerminal(p.stdin) {
			p.log.Warn("reading the " + what + " from the terminal: end it with Enter and Ctrl-D")
		}
	}
}

// chain is the standard chain over what this process was given.
func (p *program) chain(f *readFlags) *creds.Chain {
	if f.Token != "" {
		p.log.Warn("--token on the command line can be read by every user of this machine; prefer --token-file or INFISICAL_TOKEN")
	}
	if f.ClientSecret != "" {
		p.log.Warn("--client-secret on the command line can be read by every user of this machine; prefer --client-secret-file or INFISICAL_CLIENT_SECRET")
	}
	return creds.Default(creds.Config{
		CredentialProcess: f.CredentialProcess,
		Token:             optionalSecret(f.Token),
		TokenFile:         f.TokenFile,
		ClientID:          f.ClientID,
		ClientSecret:      optionalSecret(f.ClientSecret),
		ClientSecretFile:  f.ClientSecretFile,
		AuthMethod:        p.chosenMethod(f),
		ClientCertificate: f.ClientCert != "",
		Environ:           p.environ,
		Home:              homeDir(p.getenv),
		Stdin:             p.stdin,
		Stderr:            p.stderr,
		Run:               p.runHelper,
		Now:               p.now,
		Keyring:           p.keyring,
		Notify:            p.sayWait,
	})
}

// runHelper runs a credential process, which a signal to infuse ends as well.
func (p *program) runHelper(cmd *exec.Cmd) error {
	p.termination.Catch()
	return p.helpers.Run(cmd)
}

// chosenMethod is --auth-method. INFISICAL_AUTH_METHOD is not passed on here:
// creds reads it itself, since it chooses among the workload identities without
// skipping the credentials in the environment.
func (p *program) chosenMethod(f *readFlags) string {
	if p.settings.layer("auth-method") == fromInfisical {
		return ""
	}
	return f.AuthMethod
}

func optionalSecret(s string) secret.Value {
	if s == "" {
		return secret.Value{}
	}
	return secret.New(s)
}

// serverURL decides which server is asked. An address that was named stands
// above the one of .infisical.json, which has to be trusted first.
func (p *program) serverURL(f *readFlags, credential creds.Credential) (*url.URL, error) {
	named := f.URL
	if named == "" && p.project != nil {
		if credential.URL != "" {
			named = p.project.Domain // only compared with the credential's own server
		} else {
			domain, err := projectDomain(p.project, f.TrustProjectDomain, p.getenv)
			if err != nil {
				return nil, err
			}
			named = domain
		}
	}
	chosen, err := creds.ServerURL(named, credential)
	if err != nil {
		return nil, err
	}
	if chosen == "" {
		chosen = api.DefaultBase
	}
	base, err := api.ParseBase(chosen)
	if err != nil {
		return nil, hinted(err, "--url, INFISICAL_URL or domain in "+projectFileName+" names it; file:DIR reads a directory instead")
	}
	if api.Insecure(base) {
		p.log.Warn("the server is asked over http: credentials and secrets cross the network readable", "host", base.Host)
	}
	return base, nil
}

// httpClient is the one transport of this process.
func (p *program) httpClient(f *readFlags, base *url.URL) (*api.Client, error) {
	headers, err := api.ParseHeaders(p.getenv("INFISICAL_CUSTOM_HEADERS"))
	if err != nil {
		return nil, fmt.Errorf("INFISICAL_CUSTOM_HEADERS: %w", err)
	}
	config := api.TransportConfig{
		UserAgent:          "infuse/" + version,
		Headers:            headers,
		ClientCertFile:     f.ClientCert,
		ClientKeyFile:      f.ClientKey,
		InsecureSkipVerify: f.InsecureSkipVerify,
		Retries:            f.Retries,
		Notify:             p.sayWait,
	}
	if p.log.Enabled(context.Background(), slog.LevelDebug) {
		config.Trace = p.sayExchange
	}
	switch { // 0 of the flag is none, of the transport as many as fit
	case f.Retries < 0:
		config.Retries = 0
	case f.Retries == 0:
		config.Retries = -1
	}
	if f.CACert != "" {
		config.CACertFiles = []string{f.CACert}
	}
	if file := p.getenv("SSL_CERT_FILE"); file != "" && (runtime.GOOS == "darwin" || runtime.GOOS == "windows") {
		config.CACertFiles = append(config.CACertFiles, file) // elsewhere crypto/x509 reads it itself
	}
	if slices.Contains([]string{"false", "0", "no"}, strings.ToLower(p.getenv("INFISICAL_VERIFY_SSL"))) {
		config.InsecureSkipVerify = true
	}
	if config.InsecureSkipVerify {
		p.log.Warn("the server's certificate is not verified: whoever sits between can read your credentials and secrets")
	}
	client, err := api.NewHTTPClient(config)
	if err != nil {
		return nil, err
	}
	return &api.Client{Base: base, HTTP: client}, nil
}

// withCopy puts the offline copy in front of a server, where one is asked for.
func (p *program) withCopy(f *readFlags, c *connection) (fetch.Source, error) {
	if !f.Cache.On && !f.Offline && !f.PreferCache {
		if f.OnFetchError == "cache" {
			return nil, usage("", errors.New("--on-fetch-error cache needs --cache"))
		}
		return c.source, nil
	}
	if f.Offline && f.PreferCache {
		return nil, usage("", errors.New("--offline never asks the network and --prefer-cache sometimes does: keep one"))
	}
	dir, err := p.cacheDir(f.Cache.Value)
	if err != nil && f.Offline {
		return nil, err
	}
	if err != nil { // what the server answers counts, as with every other trouble of the copy
		p.log.Warn("no offline copy is kept or used", "reason", err)
		return c.source, nil
	}
	kept := &fetch.Copy{
		Source: c.source, Dir: dir, Origin: c.server.Base.String(), Identity: c.credential.Identity, Key: c.credential.KeyMaterial,
		Mode: fetch.CopyFallback, NoFallback: f.OnFetchError == "fail",
		MaxAge: time.Duration(f.CacheMaxAge), RefreshAfter: time.Duration(f.RefreshAfter), Wait: time.Duration(f.CacheWait),
		Now: p.now, BeforeSave: p.termination.Catch,
	}
	switch {
	case f.Offline:
		kept.Mode = fetch.CopyOffline
	case f.PreferCache:
		kept.Mode = fetch.CopyPrefer
	}
	if f.CacheKeyFile != "" {
		if kept.Key, err = fetch.ReadKeyFile(f.CacheKeyFile); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// cacheDir is where copies are: DIR of --cache, else the user's cache directory.
func (p *program) cacheDir(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	if dir := p.getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) { // a relative one is to be ignored (XDG base directory specification)
		return filepath.Join(dir, "infuse"), nil
	}
	if home := homeDir(p.getenv); home != "" {
		return filepath.Join(home, ".cache", "infuse"), nil
	}
	return "", hinted(errors.New("no directory for the offline copy: neither XDG_CACHE_HOME nor HOME is set"), "--cache=DIR names one")
}

// sayWait tells, on a terminal, what a wait of more than a second is for.
func (p *program) sayWait(w api.Wait) {
	p.waits.Add(1)
	if w.Delay >= time.Second && isTerminal(p.stderr) {
		p.log.Warn(fmt.Sprintf("%s; trying again in %s", w.Reason, w.Delay.Round(100*time.Millisecond)))
		return
	}
	p.log.Info("trying again", "reason", w.Reason, "delay", w.Delay.String())
}

// sayExchange is the debug log of what goes over the network.
func (p *program) sayExchange(e api.Exchange) {
	outcome := slog.Int("status", e.Status)
	if e.Status == 0 {
		outcome = slog.String("reason", e.Reason)
	}
	attrs := []any{"method", e.Method, "path", e.Path, outcome, "took", e.Took.Round(time.Millisecond).String()}
	if e.RequestID != "" {
		attrs = append(attrs, "request_id", e.RequestID)
	}
	p.log.Debug("request", attrs...)
}

// files are what to watch: credential and token files.
func (c *connection) files() []string {
	files := slices.Clone(c.credential.Files)
	for i := range files {
		if abs, err := filepath.Abs(files[i]); err == nil {
			files[i] = abs
		}
	}
	return files
}
