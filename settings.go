package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// layer is where a setting came from, low to high.
type layer int

const (
	fromDefault layer = iota
	fromProject
	fromInfisical
	fromInfuse
	fromFlag
)

func (l layer) String() string {
	return [...]string{"the default", projectFileName, "the environment", "the environment", "the command line"}[l]
}

// settings is a kong resolver: it finds the value of a flag that the command
// line did not set, and remembers the layer each flag came from.
type settings struct {
	getenv     func(string) string
	project    map[string]any // the key "infuse" of .infisical.json, nil until it is read
	projectDir string         // where that file is
	layers     map[string]layer
	unused     map[string]bool
	flags      map[string]bool // every flag of the chosen command, with its dashes; nil: words() tells
	words      func() map[string]bool
}

// neverFromProject are the settings that a checked-in file must not make: they
// could send credentials elsewhere, run code or write files anywhere. on-change
// exec: and guarded names in env-file are refused where they are read.
var neverFromProject = map[string]bool{
	"url": true, "domain": true, "credential-process": true, "insecure-skip-verify": true,
	"pass-credentials": true, "allow-name": true, "set": true, "trust-project-domain": true,
	"token": true, "token-file": true, "client-id": true, "client-secret": true, "client-secret-file": true,
	"ca-cert": true, "client-cert": true, "client-key": true, "cache-key-file": true,
	"exec": true, "status-file": true, "output": true, "file-mode": true,
	"command": true, "dry-run": true, "help": true, "version": true, "config-dir": true,
}

// Validate implements kong.Resolver.
func (s *settings) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver. An empty variable is as good as none.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if flag.Name == "help" {
		return nil, nil
	}
	if value, from := s.variable(flag.Name, flag.Tag.Has("noenv"), flag.Tag.Get("infisical")); from != fromDefault {
		s.layers[flag.Name] = from
		return value, nil
	}
	if value, ok := s.project[flag.Name]; ok && value != nil {
		delete(s.unused, flag.Name)
		s.layers[flag.Name] = fromProject
		return s.projectValue(flag.Name, value)
	}
	return nil, nil
}

// variable finds the variable that sets a flag: ours, unless it has none, or
// the first of the official tools'.
func (s *settings) variable(flag string, noenv bool, official string) (string, layer) {
	if !noenv {
		if value := s.getenv(infuseVariable(flag)); value != "" {
			return value, fromInfuse
		}
	}
	for name := range strings.SplitSeq(official, ",") {
		if value := s.getenv(name); name != "" && value != "" {
			return value, fromInfisical
		}
	}
	return "", fromDefault
}

// projectValue turns a JSON value into what kong's mappers read. A relative
// path is one from the file's own directory.
func (s *settings) projectValue(flag string, value any) (any, error) {
	isPath := flag == "env-file" || flag == "require-from" || flag == "file-dir" || flag == "template"
	switch v := value.(type) {
	case string:
		if isPath {
			return s.fromProjectDir(v), nil
		}
		if flag == "on-change" && strings.HasPrefix(v, "exec:") {
			return nil, errors.New("a checked-in file must not name a command to run; use the flag")
		}
		return v, nil
	case []any:
		list := slices.Clone(v)
		for i := range list {
			if path, ok := list[i].(string); ok && isPath {
				list[i] = s.fromProjectDir(path)
			}
		}
		return list, nil
	case bool:
		return v, nil
	case float64:
		return fmt.Sprint(v), nil
	}
	return nil, errors.New("must be a string, a number, a boolean or a list of strings")
}

func (s *settings) fromProjectDir(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.projectDir, path)
}

// isFlag reports whether a word is one of our flags: --env, --env=prod, -e.
func (s *settings) isFlag(word string) bool {
	if s.flags == nil {
		s.flags = s.words() // quick leaves it to whoever asks
	}
	name, _, _ := strings.Cut(word, "=")
	return s.flags[name]
}

// note records what flags there are, and which the command line itself set.
func (s *settings) note(parsed *kong.Context) {
	for _, path := range parsed.Path {
		for _, flag := range path.Flags {
			s.flags["--"+flag.Name] = true
			if flag.Short != 0 {
				s.flags["-"+string(flag.Short)] = true
			}
			for _, alias := range flag.Aliases {
				s.flags["--"+alias] = true
			}
		}
		if path.Flag != nil && !path.Resolved {
			s.layers[path.Flag.Name] = fromFlag
		}
	}
}

// layer of a flag, by its long name.
func (s *settings) layer(flag string) layer { return s.layers[flag] }

// infuseVariable is the variable that sets a flag: --watch-interval is INFUSE_WATCH_INTERVAL.
func infuseVariable(flag string) string {
	name := append(make([]byte, 0, 64), "INFUSE_"...)
	for _, c := range []byte(flag) {
		switch {
		case c == '-':
			c = '_'
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		name = append(name, c)
	}
	return string(name)
}
