package main

import (
	"bytes"
	"io"
	"reflect"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// slow is what parse does when quick gives up.
func slow(t *rapid.T, args []string, s *settings) (*runCommand, error) {
	p := &program{args: args, stdout: io.Discard, stderr: io.Discard}
	for _, e := range commands() {
		if e.name != "run" {
			continue
		}
		k, built, err := grammar(p, []entry{e}, kong.Resolvers(s), kong.Exit(func(int) { t.Fatal("help") }))
		if err != nil {
			t.Fatal(err)
		}
		s.layers, s.flags = map[string]layer{}, map[string]bool{}
		parsed, err := k.Parse(append([]string{"run"}, args...))
		if err != nil {
			return nil, err
		}
		s.note(parsed)
		return built[0].(*runCommand), nil
	}
	t.Fatal("there is no command run")
	return nil, nil
}

// TestQuickIsKong holds the quick reading of a command line to kong's: where
// quick does not give up, kong accepts the same words and fills in the same.
func TestQuickIsKong(t *testing.T) {
	flags := appendQuickFlags(nil, reflect.ValueOf(new(runCommand)).Elem())
	words := []string{"--", "--", "true", "-", "-e", "-er", "-r", "-vv", "-q", "-x", "--no-imports", "--domain", "--unknown", "", "--env=", "--env", "--env=a=b", "--watch=maybe"}
	values := []string{"true", "false", "yes", "0", "prod", "a,b", `a\,b`, "/x", "30s", "-5", "7", "007", "0x10", "1e3", "text", "restart", "fail", "info", "TERM", "x y", "é", "--", "~", "@file", "${HOME}", "$$"}
	for _, f := range flags {
		words = append(words, "--"+f.name, "--"+f.name, "--"+f.name+"=true", "--"+f.name+"=5")
	}
	quicks, total := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(words), rapid.SampledFrom(values)), 0, 6).Draw(t, "args")
		environ := map[string]string{}
		for range rapid.IntRange(0, 5).Draw(t, "variables") {
			f := rapid.SampledFrom(flags).Draw(t, "variable")
			environ[infuseVariable(f.name)] = rapid.SampledFrom(values).Draw(t, "value")
		}
		for _, name := range []string{"INFISICAL_URL", "INFISICAL_ENVIRONMENT", "INFISICAL_SECRET_PATH", "INFISICAL_WORKSPACE_ID"} {
			if rapid.Bool().Draw(t, name) {
				environ[name] = rapid.SampledFrom(values).Draw(t, "value")
			}
		}
		getenv := func(name string) string { return environ[name] }
		quickSettings, slowSettings := &settings{getenv: getenv}, &settings{getenv: getenv}
		total++
		got, ok := quick(args, quickSettings)
		if !ok {
			return
		}
		quicks++
		want, err := slow(t, args, slowSettings)
		if err != nil {
			t.Fatalf("kong refuses what quick takes: %v", err)
		}
		if diff := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Fatalf("quick reads it otherwise than kong (-kong +quick):\n%s", diff)
		}
		if diff := cmp.Diff(slowSettings.layers, quickSettings.layers); diff != "" {
			t.Fatalf("layers (-kong +quick):\n%s", diff)
		}
		if diff := cmp.Diff(slowSettings.flags, quickSettings.words()); diff != "" {
			t.Fatalf("flags (-kong +quick):\n%s", diff)
		}
	})
	if !t.Failed() && quicks*10 < total {
		t.Errorf("quick gave up %d times out of %d: the property was hardly tested", total-quicks, total)
	}
}

// TestQuickTakesTheUsual: the command lines of every day do not wait for kong.
func TestQuickTakesTheUsual(t *testing.T) {
	environ := map[string]string{
		"INFUSE_CACHE": "/var/cache/infuse", "INFUSE_PREFER_CACHE": "true", "INFUSE_QUIET": "true", "INFUSE_WATCH_INTERVAL": "30s",
		"INFISICAL_URL": "https://infisical.example.com", "INFISICAL_PROJECT_ID": "id", "INFISICAL_SECRET_PATH": "/backend",
	}
	for _, args := range [][]string{
		{"--", "npm", "start"},
		{"npm", "start", "--port", "8080"},
		{"-e", "prod", "--", "./server"},
		{"--env=prod", "--path", "/a", "--path=/b", "--watch", "--on-change", "signal:HUP", "--file-dir", "/run/secrets", "--", "nginx", "-g", "daemon off;"},
		{"-r", "-q", "--set", "A=B", "--cache", "--timeout=5s", "--retries", "2", "--mode", "exec", "--", "true"},
	} {
		if _, ok := quick(args, &settings{getenv: func(name string) string { return environ[name] }}); !ok {
			t.Errorf("%q needs the grammar", args)
		}
	}
	for _, args := range [][]string{{"--help"}, {"--no-imports", "--", "true"}, {"--domain", "x", "true"}, {"--mode", "no", "true"}} {
		if _, ok := quick(args, &settings{getenv: func(string) string { return "" }}); ok {
			t.Errorf("%q is for kong", args)
		}
	}
}

func BenchmarkParseRun(b *testing.B) {
	environ := []string{"PATH=/bin", "INFISICAL_URL=http://127.0.0.1:1", "INFISICAL_PROJECT_ID=id"}
	for name, args := range map[string][]string{"quick": {"run", "-e", "dev", "--", "true"}, "kong": {"run", "--no-recursive", "-e", "dev", "--", "true"}} {
		b.Run(name, func(b *testing.B) {
			b.Chdir(b.TempDir())
			b.ReportAllocs()
			for b.Loop() {
				p := &program{args: args, environ: environ, stdout: io.Discard, stderr: new(bytes.Buffer)}
				if _, err := parse(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
