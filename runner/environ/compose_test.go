package environ_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"infuse/fetch/secret"
	"infuse/runner/environ"
)

// sec and pair keep the tables short.
func sec(name, value string) environ.Secret {
	return environ.Secret{Name: name, Value: secret.New(value), Source: "dev:/"}
}

func pair(name, value string) environ.Var {
	return environ.Var{Name: name, Value: secret.New(value)}
}

func compose(t *testing.T, c environ.Config) *environ.Plan {
	t.Helper()
	p, err := environ.Compose(c)
	if err != nil {
		t.Fatalf("composing: %v", err)
	}
	return p
}

func wantEnv(t *testing.T, p *environ.Plan, want ...string) {
	t.Helper()
	if got := p.Environ(); !slices.Equal(got, want) {
		t.Errorf("environment\n got %q\nwant %q", got, want)
	}
}

func wantWarning(t *testing.T, p *environ.Plan, words ...string) {
	t.Helper()
	for _, w := range p.Warnings {
		all := true
		for _, word := range words {
			all = all && strings.Contains(w, word)
		}
		if all {
			return
		}
	}
	t.Errorf("no warning holds all of %q; there are %q", words, p.Warnings)
}

func TestLayers(t *testing.T) {
	c := environ.Config{
		Parent:   []string{"A=parent", "B=parent", "C=parent", "D=parent"},
		Secrets:  []environ.Secret{sec("B", "secret"), sec("C", "secret"), sec("D", "secret")},
		EnvFiles: []environ.EnvFile{{Path: ".env", Vars: []environ.Var{pair("C", "file"), pair("D", "file")}}, {Path: ".env.local", Vars: []environ.Var{pair("C", "later")}}},
		Set:      []environ.Var{pair("D", "first"), pair("D", "set")},
	}
	p := compose(t, c)
	wantEnv(t, p, "A=parent", "B=secret", "C=later", "D=set")
	d, _ := p.Lookup("D")
	var beaten []string
	for _, l := range d.Losers {
		beaten = append(beaten, l.Layer.String())
	}
	if got := strings.Join(beaten, " "); got != "set env-file secret parent" {
		t.Errorf("D beats %q, want the layers from high to low", got)
	}
}

func TestParent(t *testing.T) {
	parent := []string{
		"PATH=/bin", "HOME=/root", "LC_ALL=C", "LANG=C", "EXTRA=1", "AWS_PROFILE=x",
		"INFISICAL_TOKEN=st.1", "EMPTY=", "DUP=first", "DUP=second", "without-equals", "EQ=a=b",
	}
	credentials := []string{"INFISICAL_TOKEN", "INFISICAL_CLIENT_ID"}
	t.Run("kept", func(t *testing.T) {
		p := compose(t, environ.Config{Parent: parent, Credentials: credentials})
		wantEnv(t, p, "AWS_PROFILE=x", "DUP=first", "EMPTY=", "EQ=a=b", "EXTRA=1", "HOME=/root", "LANG=C", "LC_ALL=C", "PATH=/bin", "without-equals")
		if !slices.Equal(p.Removed, []string{"INFISICAL_TOKEN"}) {
			t.Errorf("removed %q", p.Removed)
		}
	})
	t.Run("pass credentials", func(t *testing.T) {
		p := compose(t, environ.Config{Parent: parent, Credentials: credentials, PassCredentials: true})
		if _, ok := p.Lookup("INFISICAL_TOKEN"); !ok {
			t.Error("the token was taken out")
		}
	})
	t.Run("a secret named like a credential passes", func(t *testing.T) {
		p := compose(t, environ.Config{Parent: parent[6:7], Credentials: credentials, Secrets: []environ.Secret{sec("INFISICAL_TOKEN", "theirs")}})
		wantEnv(t, p, "INFISICAL_TOKEN=theirs")
	})
	t.Run("pristine", func(t *testing.T) {
		p := compose(t, environ.Config{Parent: parent, Pristine: true})
		wantEnv(t, p, "HOME=/root", "LANG=C", "LC_ALL=C", "PATH=/bin")
	})
	t.Run("inherit implies pristine", func(t *testing.T) {
		p := compose(t, environ.Config{Parent: parent, Inherit: []string{"AWS_*", "EXTRA"}})
		wantEnv(t, p, "AWS_PROFILE=x", "EXTRA=1", "HOME=/root", "LANG=C", "LC_ALL=C", "PATH=/bin")
	})
	t.Run("inherit does not bring credentials back", func(t *testing.T) {
		p := compose(t, environ.Config{Parent: parent, Credentials: credentials, Inherit: []string{"*"}})
		if _, ok := p.Lookup("INFISICAL_TOKEN"); ok {
			t.Error("the token is there")
		}
	})
}

func TestPreserve(t *testing.T) {
	c := environ.Config{
		Parent:  []string{"A=parent", "B=parent"},
		Secrets: []environ.Secret{sec("A", "secret"), sec("B", "secret"), sec("C", "secret")},
		Set:     []environ.Var{pair("B", "set")},
	}
	c.Preserve = []string{"A", "C"}
	p := compose(t, c)
	wantEnv(t, p, "A=parent", "B=set", "C=secret")
	if a, _ := p.Lookup("A"); len(a.Losers) != 1 || a.Losers[0].Layer != environ.Store {
		t.Errorf("A should show the secret it beat, shows %+v", a.Losers)
	}
	c.Preserve, c.PreserveAll = nil, true
	wantEnv(t, compose(t, c), "A=parent", "B=set", "C=secret")
}

func TestSelect(t *testing.T) {
	secrets := []environ.Secret{sec("DB_URL", "1"), sec("DB_PASS", "2"), sec("API_KEY", "3"), sec("a/b", "4")}
	for name, tc := range map[string]struct {
		config environ.Config
		want   []string
	}{
		"only":         {environ.Config{Only: []string{"DB_*"}}, []string{"DB_PASS=2", "DB_URL=1"}},
		"exclude":      {environ.Config{Exclude: []string{"DB_*", "a/b"}}, []string{"API_KEY=3"}},
		"both":         {environ.Config{Only: []string{"DB_*", "API_KEY"}, Exclude: []string{"*_PASS"}}, []string{"API_KEY=3", "DB_URL=1"}},
		"star":         {environ.Config{Only: []string{"*"}, Exclude: []string{"[A-Z]*"}}, []string{"a/b=4"}},
		"prefix":       {environ.Config{Only: []string{"DB_*"}, Prefix: "TF_VAR_"}, []string{"TF_VAR_DB_PASS=2", "TF_VAR_DB_URL=1"}},
		"rename":       {environ.Config{Only: []string{"DB_*"}, Prefix: "P_", Rename: map[string]string{"DB_URL": "DATABASE_URL"}}, []string{"DATABASE_URL=1", "P_DB_PASS=2"}},
		"rename swaps": {environ.Config{Only: []string{"DB_*"}, Rename: map[string]string{"DB_URL": "DB_PASS", "DB_PASS": "DB_URL"}}, []string{"DB_PASS=1", "DB_URL=2"}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.config.Secrets = secrets
			wantEnv(t, compose(t, tc.config), tc.want...)
		})
	}
	t.Run("warnings", func(t *testing.T) {
		p := compose(t, environ.Config{Secrets: secrets, Only: []string{"NOPE_*"}, Rename: map[string]string{"GONE": "X", "DB_URL": "Y"}})
		wantWarning(t, p, "--only", "NOPE_*")
		wantWarning(t, p, "--rename: GONE")
		if len(p.Skipped) != 4 || p.Skipped[0].Why != "not selected" {
			t.Errorf("skipped %+v", p.Skipped)
		}
	})
	t.Run("bad pattern", func(t *testing.T) {
		_, err := environ.Compose(environ.Config{Only: []string{"[A"}})
		if err == nil || !strings.Contains(err.Error(), "only: ") {
			t.Errorf("got %v", err)
		}
	})
}

func TestRenameOntoExisting(t *testing.T) {
	secrets := []environ.Secret{sec("A", "1"), sec("B", "2"), sec("P_C", "3"), sec("C", "4")}
	for name, c := range map[string]environ.Config{
		"rename":          {Rename: map[string]string{"A": "B"}},
		"two renames":     {Rename: map[string]string{"A": "X", "B": "X"}},
		"rename, prefix":  {Prefix: "P_", Rename: map[string]string{"A": "P_B"}},
		"case on windows": {Rename: map[string]string{"A": "b"}, FoldNames: true},
	} {
		t.Run(name, func(t *testing.T) {
			c.Secrets = secrets
			_, err := environ.Compose(c)
			var rename *environ.RenameError
			if !errors.As(err, &rename) || rename.First != "A" || rename.Second != "B" {
				t.Errorf("got %v, want an error that names A and B", err)
			}
		})
	}
}

func TestConflict(t *testing.T) {
	s := environ.Secret{Name: "K", Value: secret.New("near"), Source: "dev:/m", Shadowed: []environ.Shadow{
		{Source: "dev:/z", Value: secret.New("z"), Conflict: true},
		{Source: "dev:/import", Value: secret.New("import")},
		{Source: "dev:/b", Value: secret.New("b"), Conflict: true},
	}}
	for policy, want := range map[string]string{"": "near", "first": "b", "last": "z"} {
		p := compose(t, environ.Config{Secrets: []environ.Secret{s}, OnConflict: policy})
		wantEnv(t, p, "K="+want)
		if k, _ := p.Lookup("K"); len(k.Losers) != 3 {
			t.Errorf("policy %q: %d losers, want 3", policy, len(k.Losers))
		}
		if policy == "" {
			wantWarning(t, p, "K is in dev:/b and dev:/m and dev:/z", "taking dev:/m")
		}
	}
	_, err := environ.Compose(environ.Config{Secrets: []environ.Secret{s}, OnConflict: "error"})
	var conflict *environ.ConflictError
	if !errors.As(err, &conflict) || !strings.Contains(err.Error(), "dev:/b and dev:/m and dev:/z") {
		t.Errorf("got %v", err)
	}
	if _, err := environ.Compose(environ.Config{Secrets: []environ.Secret{s}, OnConflict: "error", Exclude: []string{"K"}}); err != nil {
		t.Errorf("a conflict of a secret that is not selected: %v", err)
	}
	if _, err := environ.Compose(environ.Config{OnConflict: "best"}); err == nil {
		t.Error("an unknown policy was taken")
	}
	s.Shadowed[2].Value = secret.Value{}
	if _, err := environ.Compose(environ.Config{Secrets: []environ.Secret{s}, OnConflict: "first"}); err == nil {
		t.Error("a value that was not fetched was taken for the empty string")
	}
}

func TestGuard(t *testing.T) {
	guarded := strings.Fields(`PATH HOME USER SHELL PWD TERM LD_PRELOAD LD_AUDIT DYLD_INSERT_LIBRARIES BASH_ENV ENV IFS
		NODE_OPTIONS PYTHONPATH PYTHONSTARTUP PERL5OPT PERL5LIB RUBYOPT JAVA_TOOL_OPTIONS GIT_SSH_COMMAND GIT_CONFIG_COUNT GODEBUG
		XDG_CONFIG_HOME LC_ALL PS1 PS2 EDITOR XAUTHORITY TERMINFO MAIL PROMPT_COMMAND WINDIR USERPROFILE PYTHONWARNINGS
		BROWSER HOSTNAME PHPRC NODE_VERSION BASH_FUNC_ls%%`)
	var secrets []environ.Secret
	for _, name := range guarded {
		secrets = append(secrets, sec(name, "evil"))
	}
	secrets = append(secrets, sec("PATHS", "fine"))
	p := compose(t, environ.Config{Parent: []string{"PATH=/bin"}, Secrets: secrets})
	wantEnv(t, p, "PATH=/bin", "PATHS=fine")
	if len(p.Warnings) != 1 {
		t.Errorf("want one warning, got %q", p.Warnings)
	}
	for _, name := range guarded {
		wantWarning(t, p, environ.Display(name), "--allow-name")
	}
	if len(p.Skipped) != len(guarded) || p.Skipped[0].Why != "guarded" {
		t.Errorf("skipped %+v", p.Skipped)
	}

	p = compose(t, environ.Config{Secrets: secrets, AllowNames: []string{"PATH", "LD_*"}})
	wantEnv(t, p, "LD_AUDIT=evil", "LD_PRELOAD=evil", "PATH=evil", "PATHS=fine")

	p = compose(t, environ.Config{Secrets: []environ.Secret{sec("X", "evil")}, Rename: map[string]string{"X": "PATH"}})
	wantWarning(t, p, "PATH")
	p = compose(t, environ.Config{Secrets: []environ.Secret{sec("PRELOAD", "evil")}, Prefix: "LD_"})
	wantWarning(t, p, "LD_PRELOAD")
	p = compose(t, environ.Config{Secrets: []environ.Secret{sec("Path", "evil")}, FoldNames: true})
	wantWarning(t, p, "Path")

	p = compose(t, environ.Config{
		EnvFiles: []environ.EnvFile{{Path: "f", Vars: []environ.Var{pair("LD_PRELOAD", "mine")}}},
		Set:      []environ.Var{pair("PATH", "mine")},
	})
	wantEnv(t, p, "LD_PRELOAD=mine", "PATH=mine")
	p = compose(t, environ.Config{Secrets: secrets[:1], Export: true})
	wantEnv(t, p, "PATH=evil")
}

func TestRefused(t *testing.T) {
	_, err := environ.Compose(environ.Config{
		Secrets: []environ.Secret{
			sec("", "canary1"), sec("A=B", "canary2"), sec("N\x00L", "canary3"), sec("VAL", "canary4\x00x"), sec("\x1b[31mRED", "fine"),
		},
		EnvFiles: []environ.EnvFile{{Path: "f.env", Vars: []environ.Var{pair("F", "a\x00b")}}},
		Set:      []environ.Var{pair("S", "a\x00b")},
	})
	var refused *environ.RefusedError
	if !errors.As(err, &refused) || len(refused.Refused) != 6 {
		t.Fatalf("got %v", err)
	}
	for _, word := range []string{`""`, `"A=B"`, `"N\x00L"`, "VAL from secret dev:/: the value holds NUL", "F from env-file f.env", "S from set"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not name %s", err, word)
		}
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the error shows a value: %v", err)
	}
	if _, err := environ.Compose(environ.Config{Secrets: []environ.Secret{sec("A", "1"), sec("A", "2")}}); err == nil {
		t.Error("one secret given twice was taken")
	}
}

func TestOddNamesWarnOnce(t *testing.T) {
	p := compose(t, environ.Config{
		Parent:  []string{"npm-parent=1"},
		Secrets: []environ.Secret{sec("with-dash", "1"), sec("a.b", "2"), sec("1X", "3"), sec("\x1b[31mRED", "4"), sec("ok_1", "5")},
	})
	if len(p.Warnings) != 1 {
		t.Fatalf("want one warning, got %q", p.Warnings)
	}
	wantWarning(t, p, "with-dash", "a.b", "1X", `"\x1b[31mRED"`)
	if strings.Contains(p.Warnings[0], "npm-parent") || strings.Contains(p.Warnings[0], "ok_1") {
		t.Errorf("it names too much: %q", p.Warnings)
	}
}

func TestRequire(t *testing.T) {
	c := environ.Config{
		Parent:  []string{"P=1", "PE="},
		Secrets: []environ.Secret{sec("A", "1"), sec("E", ""), sec("F", "file"), sec("FE", "")},
		Files:   []string{"F=F_PATH", "FE"},
		Rename:  map[string]string{"A": "B"},
		Require: []string{"P", "B", "F", "F_PATH"},
	}
	compose(t, c)
	c.Require = []string{"Z", "A", "E", "PE", "B", "FE", "Z"}
	_, err := environ.Compose(c)
	var missing *environ.MissingError
	if !errors.As(err, &missing) || !slices.Equal(missing.Missing, []string{"A", "Z"}) || !slices.Equal(missing.Empty, []string{"E", "FE", "PE"}) {
		t.Errorf("got %v", err)
	}
	if err != nil && err.Error() != "required variables: missing A, Z; empty E, FE, PE" {
		t.Errorf("got %q", err)
	}
}

func TestFiles(t *testing.T) {
	c := environ.Config{
		Parent:  []string{"TLS=parent", "KEEP=1"},
		Secrets: []environ.Secret{sec("TLS", "pem\x00binary"), sec("OTHER", "x")},
		Files:   []string{"TLS"},
		Prefix:  "",
	}
	p := compose(t, c)
	wantEnv(t, p, "KEEP=1", "OTHER=x")
	if got := p.EnvironWith(map[string]string{"TLS_FILE": "/proc/1/fd/3"}); !slices.Equal(got, []string{"KEEP=1", "OTHER=x", "TLS_FILE=/proc/1/fd/3"}) {
		t.Errorf("with the path: %q", got)
	}
	if len(p.Files) != 1 || p.Files[0].Variable != "TLS_FILE" || p.Files[0].Value.Reveal() != "pem\x00binary" || len(p.Files[0].Losers) != 1 {
		t.Errorf("files %+v", p.Files)
	}

	c.Prefix = "APP_"
	if p = compose(t, c); p.Files[0].Variable != "APP_TLS_FILE" {
		t.Errorf("the default variable follows the final name, got %q", p.Files[0].Variable)
	}
	for files, word := range map[string]string{
		"NOPE":      "no selected secret is called NOPE",
		"TLS=OTHER": "belongs to OTHER",
		"TLS=PATH":  "guarded",
		"TLS=":      "SECRET or SECRET=VARIABLE",
		"=X":        "SECRET or SECRET=VARIABLE",
	} {
		c := c
		c.Prefix, c.Files = "", []string{files}
		if _, err := environ.Compose(c); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("--file %s: got %v, want %q", files, err, word)
		}
	}

	c.Prefix, c.Files, c.FileDir = "", nil, true
	p = compose(t, c)
	wantEnv(t, p, "KEEP=1", "TLS=parent")
	if len(p.Files) != 2 || p.Files[0].Name != "OTHER" || p.Files[1].Variable != "" {
		t.Errorf("files %+v", p.Files)
	}
}

func TestFoldNames(t *testing.T) {
	p := compose(t, environ.Config{
		FoldNames:   true,
		Parent:      []string{"Db_Url=parent", "Infisical_Token=x"},
		Credentials: []string{"INFISICAL_TOKEN"},
		Secrets:     []environ.Secret{sec("DB_URL", "secret")},
		Set:         []environ.Var{pair("db_url", "set")},
		Require:     []string{"DB_URL"},
	})
	wantEnv(t, p, "db_url=set")
}
