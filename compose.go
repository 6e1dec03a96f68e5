package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"infuse/creds"
	"infuse/fetch"
	"infuse/fetch/secret"
	"infuse/fetch/store"
	"infuse/runner/environ"
)

// layers reads what composing needs beside the secrets: dotenv files, --set and
// the lists of names. It is done before any request, and again when a watched
// file changes.
func (f *environmentFlags) layers(p *program) (environ.Config, error) {
	config := environ.Config{
		Parent:          p.environ,
		Credentials:     creds.EnvironmentNames(),
		PassCredentials: f.PassCredentials,
		Pristine:        f.Pristine,
		Inherit:         f.Inherit,
		PreserveAll:     f.PreserveEnv.On && f.PreserveEnv.Value == "",
		Preserve:        f.PreserveEnv.list(),
		Only:            f.Only,
		Exclude:         f.Exclude,
		Prefix:          f.Prefix,
		OnConflict:      f.OnConflict,
		AllowNames:      f.AllowName,
		Require:         slices.Clone(f.Require),
	}
	for _, file := range f.EnvFile {
		vars, undefined, err := readEnvFile(file)
		if err != nil {
			return config, fmt.Errorf("--env-file: %w", err)
		}
		if len(undefined) > 0 {
			p.warnOnce("values of the file refer with $ to what nothing above them in it defines, which is empty: a dotenv file sees neither secrets nor the environment; single quotes keep a $",
				"file", file, "names", strings.Join(undefined, ","))
		}
		if p.settings.layer("env-file") == fromProject {
			vars = f.guard(p, file, vars)
		}
		config.EnvFiles = append(config.EnvFiles, environ.EnvFile{Path: file, Vars: vars})
	}
	for _, pair := range f.Set {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return config, usage("run", errors.New("--set wants NAME=VALUE")) // not quoted: it may be a value
		}
		config.Set = append(config.Set, environ.Var{Name: name, Value: secret.New(value)})
	}
	for _, pair := range f.Rename {
		from, to, ok := strings.Cut(pair, "=")
		if !ok || from == "" || to == "" {
			return config, usage("run", fmt.Errorf("--rename wants SECRET=NAME, not %q", pair))
		}
		if config.Rename == nil {
			config.Rename = map[string]string{}
		}
		config.Rename[from] = to
	}
	for _, file := range f.RequireFrom {
		vars, _, err := readEnvFile(file)
		if err != nil {
			return config, fmt.Errorf("--require-from: %w", err)
		}
		for _, v := range vars {
			config.Require = append(config.Require, v.Name)
		}
	}
	return config, nil
}

// guard drops what changes how programs load code from a dotenv file that a
// checked-in file named: --env-file may set such names, a repository may not.
func (f *environmentFlags) guard(p *program, file string, vars []environ.Var) []environ.Var {
	return slices.DeleteFunc(vars, func(v environ.Var) bool {
		if !environ.Guarded(v.Name, runtime.GOOS == "windows") || slices.Contains(f.AllowName, v.Name) {
			return false
		}
		p.warnOnce("guarded name skipped: "+projectFileName+" named the file it stands in", "name", v.Name, "file", file)
		return true
	})
}

// readEnvFile reads a dotenv file with godotenv's rules, and tells whose values
// refer to something in vain. Its error names the file, and never quotes what is in it.
func readEnvFile(file string) (vars []environ.Var, undefined []string, err error) {
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, readError(err)
	}
	parsed, err := store.Parse(body)
	if err != nil {
		return nil, nil, hinted(fmt.Errorf("reading %s: %w", file, err), "write each line as NAME=value or NAME='value'")
	}
	vars = make([]environ.Var, 0, len(parsed))
	for _, name := range slices.Sorted(maps.Keys(parsed)) {
		vars = append(vars, environ.Var{Name: name, Value: secret.New(parsed[name])})
	}
	return vars, store.Undefined(body), nil
}

// readError words a failure of os.ReadFile, which begins with its system call.
func readError(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("reading %s: %w", failed.Path, failed.Err)
	}
	return err
}

// composeSnapshot adds the secrets and composes.
func composeSnapshot(config environ.Config, snapshot *fetch.Snapshot) (*environ.Plan, error) {
	config.Secrets = make([]environ.Secret, len(snapshot.Secrets))
	var places placeNames
	for i := range snapshot.Secrets {
		config.Secrets[i] = toEnviron(&snapshot.Secrets[i], &places)
	}
	plan, err := environ.Compose(config)
	return plan, composeHint(err)
}

// composeHint adds the next step to what composition refuses.
func composeHint(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*environ.MissingError](err); ok {
		return hinted(err, "set them on the server, or in --env-file or --set")
	}
	return err
}

// toEnviron is a secret as composition takes it.
func toEnviron(s *fetch.Secret, places *placeNames) environ.Secret {
	e := environ.Secret{
		Name: s.Key, Value: s.Value, Source: places.name(s.Origin), Kind: kindOfOrigin(s.Origin),
		Unresolved: s.Unresolved, Hidden: s.Hidden,
	}
	for _, shadow := range s.Shadowed {
		e.Shadowed = append(e.Shadowed, environ.Shadow{
			Source: places.name(shadow.Origin), Kind: kindOfOrigin(shadow.Origin), Value: shadow.Value, Conflict: shadow.Conflict,
		})
	}
	return e
}

// placeNames spells where a secret comes from, once for all that come from there.
type placeNames struct{ environment, path, text string }

func (n *placeNames) name(o fetch.Origin) string {
	if n.text == "" || o.Environment != n.environment || o.Path != n.path {
		*n = placeNames{o.Environment, o.Path, o.Environment + ":" + o.Path}
	}
	return n.text
}

func kindOfOrigin(o fetch.Origin) string {
	switch {
	case o.Personal:
		return "personal"
	case o.Import:
		return "import"
	}
	return "shared"
}
