package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/kballard/go-shellquote"

	"infuse/fetch"
	"infuse/fetch/api"
	"infuse/fetch/store"
)

// completionLimit bounds what a key press may wait for.
const completionLimit = time.Second

// completeCommand is the hidden `infuse __complete environments|paths SHELL
// PREFIX WORD...`, which completion scripts call for what only the server
// knows. WORDs are the command line so far, without infuse itself.
//
// It runs at a key press, before anybody decided to run anything. So it says
// nothing but proposals, never fails, asks nobody, runs no program, writes no
// trust, and asks for names of places only: reading secrets would leave a trace
// in the audit log of a command that was never run.
type completeCommand struct {
	Args []string `arg:"" passthrough:"all" help:"environments|paths, SHELL, PREFIX, WORD..."`
}

func (c *completeCommand) run(ctx context.Context, p *program) error {
	if len(c.Args) < 3 {
		return nil
	}
	ask := completion{what: c.Args[0], prefix: c.Args[2], words: c.Args[3:]}
	if c.Args[1] == "bash" { // zsh and fish take the quotes off themselves
		ask.prefix = unquote(ask.prefix)
		for i, word := range ask.words {
			ask.words[i] = unquote(word)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, completionLimit)
	defer cancel()
	found := make(chan []string, 1)
	go func() { // ends with its answer or, where a file system hangs, with the process
		names, _ := ask.find(ctx, p)
		found <- names
	}()
	select {
	case names := <-found:
		_, _ = io.WriteString(p.stdout, strings.Join(names, ""))
	case <-ctx.Done():
	}
	return nil
}

// unquote takes off the quotes of a word as it was typed. Nothing is expanded.
func unquote(word string) string {
	if parts, err := shellquote.Split(word); err == nil && len(parts) == 1 {
		return parts[0]
	}
	return word
}

// completion is one question.
type completion struct {
	what   string
	prefix string
	words  []string
}

// find answers with lines. Every error means: no proposal.
func (c completion) find(ctx context.Context, p *program) ([]string, error) {
	flags, err := c.readFlags(p)
	if err != nil {
		return nil, err
	}
	quiet := &program{
		args: append([]string{"list"}, flags...), environ: p.environ,
		stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard,
		now: p.now, keyring: lockedKeyring{},
	}
	if quiet.getenv("INFISICAL_CREDENTIAL_PROCESS") != "" {
		return nil, errors.New("a credential process could ask the user something")
	}
	parsed, err := parse(quiet)
	if err != nil {
		return nil, err
	}
	f := &parsed.(*listCommand).readFlags
	scope, err := scopeOf(&f.scopeFlags, quiet.settings, quiet.project, quiet.getenv)
	if err != nil {
		return nil, err
	}
	if c.what == "environments" && scope.Environment == "" {
		scope.Environment = "any" // connect wants one, and this question needs none
	}
	connection, err := quiet.connect(ctx, f, scope)
	if err != nil {
		return nil, err
	}
	places := serverPlaces(connection, quiet)
	if connection.server == nil {
		places, err = dirPlaces(connection.dir)
	}
	if err != nil {
		return nil, err
	}
	return c.names(ctx, places, scope)
}

// places lists what can be completed.
type places interface {
	environments(ctx context.Context, scope fetch.Scope) ([]string, error)
	folders(ctx context.Context, scope fetch.Scope, parent string) ([]string, error)
}

func (c completion) names(ctx context.Context, from places, scope fetch.Scope) (names []string, err error) {
	switch c.what {
	case "environments":
		names, err = from.environments(ctx, scope)
	case "paths":
		parent := path.Join("/", c.prefix[:strings.LastIndex(c.prefix, "/")+1])
		names, err = from.folders(ctx, scope, parent)
		for i, name := range names {
			names[i] = path.Join(parent, name)
		}
		if !strings.HasPrefix(c.prefix, "/") && c.prefix != "" { // --path backend means /backend
			for i := range names {
				names[i] = strings.TrimPrefix(names[i], "/")
			}
		}
	}
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !typeable(name) || !strings.HasPrefix(name, c.prefix) })
	slices.Sort(names)
	names = slices.Compact(names)
	for i := range names {
		names[i] += "\n"
	}
	return names, nil
}

// typeable keeps a server from typing anything into a shell but a plain name.
func typeable(name string) bool {
	return name != "" && name[0] != '-' && !strings.ContainsFunc(name, func(r rune) bool {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !plain && !strings.ContainsRune("-_./", r)
	})
}

// lockedKeyring stands for the system keyring, which could open a window and ask.
type lockedKeyring struct{}

func (lockedKeyring) Get(string, string) (string, error) {
	return "", errors.New("completion does not open the keyring")
}

// dirPlaces are those of a file: URL.
func dirPlaces(dir string) (places, error) {
	s, err := store.Open(dir)
	return dirStore{s}, err
}

type dirStore struct{ store.Store }

func (d dirStore) environments(context.Context, fetch.Scope) ([]string, error) {
	return d.Environments()
}

func (d dirStore) folders(_ context.Context, scope fetch.Scope, parent string) ([]string, error) {
	tree, err := d.Tree(scope.Environment)
	var names []string
	for folder := range tree {
		if folder != "/" && path.Dir(folder) == parent {
			names = append(names, path.Base(folder))
		}
	}
	return names, err
}

// serverPlaces are those of a server, remembered for a minute.
func serverPlaces(c *connection, p *program) places {
	return &remembered{places: &server{c}, connection: c, p: p}
}

type server struct{ *connection }

func (s *server) project(ctx context.Context, scope fetch.Scope) (api.Project, error) {
	source := &fetch.HTTPSource{API: s.connection.server, Tokens: s.session}
	return source.Project(ctx, scope)
}

func (s *server) environments(ctx context.Context, scope fetch.Scope) ([]string, error) {
	project, err := s.project(ctx, scope)
	var slugs []string
	for _, environment := range project.Environments {
		slugs = append(slugs, environment.Slug)
	}
	return slugs, err
}

func (s *server) folders(ctx context.Context, scope fetch.Scope, parent string) ([]string, error) {
	if scope.ProjectID == "" {
		project, err := s.project(ctx, scope)
		if err != nil {
			return nil, err
		}
		scope.ProjectID = project.ID
	}
	token, err := s.session.Token(ctx)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Folders []api.Folder `json:"folders"`
	}
	for _, version := range []struct{ path, project string }{{"/api/v2/folders", "projectId"}, {"/api/v1/folders", "workspaceId"}} {
		_, err = s.connection.server.Do(ctx, api.Call{Method: http.MethodGet, Path: version.path, Token: token, Query: url.Values{
			version.project: {scope.ProjectID}, "environment": {scope.Environment}, "path": {parent},
		}}, &answer)
		if failed, ok := errors.AsType[*api.Error](err); !ok || !failed.NoRoute {
			break
		}
	}
	var names []string
	for _, folder := range answer.Folders {
		names = append(names, folder.Name)
	}
	return names, err
}

// readFlags are the flags of the command line that say where to look and who
// asks, in the form --name=value. Whatever could run a program or remember a
// decision is left out.
func (c completion) readFlags(p *program) ([]string, error) {
	if len(c.words) == 0 {
		return nil, nil
	}
	var entries []entry
	for _, e := range commands() {
		if e.name == c.words[0] {
			entries = append(entries, e)
		}
	}
	k, _, err := grammar(p, entries)
	if err != nil || len(k.Model.Children) != 1 {
		return nil, fmt.Errorf("completing: no command %q", c.words[0])
	}
	typed, arguments := typedFlags(k.Model.Children[0].Flags, c.words[1:], c.words[0] == "run")
	if c.words[0] == "dev" && len(arguments) > 0 { // its --env is one of DIR's
		return []string{"--url=file:" + arguments[0]}, nil
	}
	var flags []string
	for _, flag := range typed {
		if slices.Contains(completionFlags(), flag.name) {
			flags = append(flags, "--"+flag.name+"="+flag.value)
		}
	}
	return flags, nil
}

func completionFlags() []string {
	return []string{
		"env", "project-id", "project-slug", "config-dir", "url", "ca-cert", "client-cert", "client-key", "insecure-skip-verify",
		"token", "token-file", "client-id", "client-secret", "client-secret-file", "auth-method",
	}
}

type typedFlag struct{ name, value string }

// typedFlags reads a command line that need not be complete or right. With
// passthrough the first argument ends the flags.
func typedFlags(model []*kong.Flag, words []string, passthrough bool) (typed []typedFlag, arguments []string) {
	known := map[string]*kong.Flag{}
	for _, flag := range model {
		known["--"+flag.Name] = flag
		for _, alias := range flag.Aliases {
			known["--"+alias] = flag
		}
		if flag.Short != 0 {
			known["-"+string(flag.Short)] = flag
		}
	}
	for i := 0; i < len(words); i++ {
		name, value, given := words[i], "", false
		switch {
		case name == "--":
			return typed, append(arguments, words[i+1:]...)
		case strings.HasPrefix(name, "--"):
			name, value, given = strings.Cut(name, "=")
		case strings.HasPrefix(name, "-") && len(name) > 2: // -eprod
			name, value, given = name[:2], strings.TrimPrefix(name[2:], "="), true
		case !strings.HasPrefix(name, "-"):
			if passthrough {
				return typed, append(arguments, words[i:]...)
			}
			arguments = append(arguments, name)
			continue
		}
		flag := known[name]
		switch {
		case flag == nil:
			continue
		case given:
		case flag.IsBool() || flag.IsCounter():
			value = "true"
		case i+1 < len(words):
			i++
			value = words[i]
		default:
			continue
		}
		typed = append(typed, typedFlag{flag.Name, value})
	}
	return typed, arguments
}
