package main

import (
	"errors"
	"fmt"
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
	getenv  func(string) string
	project map[string]any // the key "infuse" of .infisical.json, nil until it is read
	layers  map[string]layer
	unused  map[string]bool
	flags   map[string]bool // every flag of the chosen command, with its dashes
}

// neverFromProject are the settings that a checked-in file must not make: they
// could send credentials elsewhere or run code.
var neverFromProject = map[string]bool{
	"url": true, "domain": true, "credential-process": true, "insecure-skip-verify": true,
	"pass-credentials": true, "allow-name": true, "set": true, "trust-project-domain": true,
	"token": true, "token-file": true, "client-id": true, "client-secret": true, "client-secret-file": true,
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
		return projectValue(value)
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

// projectValue turns a JSON value into what kong's mappers read.
func projectValue(value any) (any, error) {
	switch v := value.(type) {
	case string, bool, []any:
		return v, nil
	case float64:
		return fmt.Sprint(v), nil
	}
	return nil, errors.New("must be a string, a number, a boolean or a list of strings")
}

// isFlag reports whether a word is one of our flags: --env, --env=prod, -e.
func (s *settings) isFlag(word string) bool {
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
	return "INFUSE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
