package envfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"infuse/fetch/secret"
	"infuse/runner/environ"
)

func variable(name, value string) environ.Var {
	return environ.Var{Name: name, Value: secret.New(value)}
}

// TestFiles pins what the formats look like: scripts and diffs see it.
func TestFiles(t *testing.T) {
	vars := []environ.Var{variable("B", "it's"), variable("C_1", "two\nlines"), variable("A", "x $Y")}
	for format, want := range map[string]string{
		"dotenv":     "A='x $Y'\nB=it's\nC_1='two\nlines'\n",
		"shell":      "export A='x $Y'\nexport B='it'\\''s'\nexport C_1='two\nlines'\n",
		"fish":       "set -gx A 'x $Y'\nset -gx B 'it\\'s'\nset -gx C_1 'two\nlines'\n",
		"powershell": "${env:A} = 'x $Y'\n${env:B} = 'it''s'\n${env:C_1} = [regex]::Unescape('two\\u000alines')\n",
		"systemd":    "A=\"x \\$Y\"\nB=\"it's\"\nC_1=\"two\nlines\"\n",
		"json":       "{\n  \"A\": \"x $Y\",\n  \"B\": \"it's\",\n  \"C_1\": \"two\\nlines\"\n}\n",
		"yaml":       "A: \"x $Y\"\nB: \"it's\"\nC_1: \"two\\nlines\"\n",
		"toml":       "A = \"x $Y\"\nB = \"it's\"\nC_1 = \"two\\nlines\"\n",
		"csv":        "Key,Value\nA,x $Y\nB,it's\nC_1,\"two\nlines\"\n",
		"properties": "A=x $Y\nB=it's\nC_1=two\\nlines\n",
		"k8s-secret": "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"infuse\"\ntype: Opaque\ndata:\n  \"A\": \"eCAkWQ==\"\n  \"B\": \"aXQncw==\"\n  \"C_1\": \"dHdvCmxpbmVz\"\n",
	} {
		var out bytes.Buffer
		if err := Write(&out, format, vars); err != nil || out.String() != want {
			t.Errorf("%s: %v\n got %q\nwant %q", format, err, out.String(), want)
		}
	}
	if vars[0].Name != "B" {
		t.Error("Write sorted the caller's list")
	}
	var out bytes.Buffer
	if err := Write(&out, "docker", append(vars, variable("D", "x"))); err == nil || out.Len() > 0 {
		t.Errorf("a refused file was written: %q", out.String())
	}
	if err := Write(&out, "docker", vars[2:]); err != nil || out.String() != "A=x $Y\n" {
		t.Errorf("docker: %v %q", err, out.String())
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, format := range formatNames()[:len(dialects)] {
		file, err := Encode(format, Document{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range libraries {
			if r.format != format {
				continue
			}
			if got, err := r.read(file); err != nil || len(got) != 0 {
				t.Errorf("%s reads an empty %s as %q: %v", r.name, format, got, err)
			}
		}
	}
}

func TestTheLastOfTwoCounts(t *testing.T) {
	data, err := Encode("shell", Document{Vars: []environ.Var{variable("A", "1"), variable("B", "b"), variable("A", "2")}})
	if err != nil || string(data) != "export A='2'\nexport B='b'\n" {
		t.Errorf("%v %q", err, data)
	}
}

func TestRefusedError(t *testing.T) {
	_, err := Encode("dotenv", Document{Vars: []environ.Var{
		variable("OK", "x"), variable("CR", "c4n4ry\r"), variable("with-dash", "c4n4ry"), variable("\x1b[31m", "c4n4ry"),
	}})
	var refused *RefusedError
	if !errors.As(err, &refused) || len(refused.Refused) != 3 {
		t.Fatalf("got %v", err)
	}
	want := `the format dotenv cannot carry "\x1b[31m" (the name is not letters, digits, _ and .), CR (the value holds a carriage return), with-dash (the name is not letters, digits, _ and .)`
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if hint := refused.Hint(); hint != "--format json|infisical-json|yaml|toml|properties can" {
		t.Errorf("hint %q", hint)
	}
	_, err = Encode("json", Document{Vars: []environ.Var{variable("A", "\xff"), variable("B\xff", "x"), variable("", "x")}})
	if !errors.As(err, &refused) || !strings.Contains(refused.Hint(), "no one format carries all of them") || !strings.Contains(refused.Hint(), `"": no format`) {
		t.Errorf("got %v; %s", err, refused.Hint())
	}
}

func TestFormats(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Formats() {
		for _, name := range append(f.Aliases, f.Name) {
			if seen[name] {
				t.Errorf("%s stands there twice", name)
			}
			seen[name] = true
			if got, ok := Lookup(name); !ok || got.Name != f.Name {
				t.Errorf("%s leads to %q", name, got.Name)
			}
		}
		if f.Reader == "" {
			t.Errorf("%s does not say who reads it", f.Name)
		}
	}
	for _, name := range strings.Fields("dotenv docker shell dotenv-eval dotenv-export fish powershell systemd json infisical-json yaml toml csv properties k8s-secret github-actions") {
		if !seen[name] {
			t.Errorf("there is no format %s", name)
		}
	}
	if Formats()[0].Name != "dotenv" {
		t.Error("dotenv is the default and comes first")
	}
	_, err := Encode("dotnev", Document{})
	var unknown *UnknownFormatError
	if !errors.As(err, &unknown) || !strings.Contains(err.Error(), "unknown format dotnev: there are dotenv, docker,") || !strings.Contains(err.Error(), "template") {
		t.Errorf("got %v", err)
	}
}

func TestInfisicalJSON(t *testing.T) {
	data, err := Encode("infisical-json", Document{
		Vars: []environ.Var{variable("B", "<b>"), variable("A", "1")},
		Details: map[string]Detail{"A": {
			Workspace: "w1", Type: "personal", ID: "id1", SecretPath: "/backend", Comment: "c", Tags: []Tag{{ID: "t", Slug: "s"}},
		}},
	})
	want := `[
  {"key":"A","workspace":"w1","value":"1","type":"personal","_id":"id1","secretPath":"/backend","tags":[{"_id":"t","name":"","slug":"s","color":""}],"comment":"c","Etag":"","skipMultilineEncoding":false},
  {"key":"B","workspace":"","value":"<b>","type":"","_id":"","secretPath":"","tags":[],"comment":"","Etag":"","skipMultilineEncoding":false}
]
`
	if err != nil || string(data) != want {
		t.Errorf("%v\n got %s\nwant %s", err, data, want)
	}
	if !json.Valid(data) {
		t.Error("not JSON")
	}
}

func TestSecretMetadata(t *testing.T) {
	vars := []environ.Var{variable("A", "1")}
	data, err := Encode("k8s-secret", Document{Vars: vars, SecretName: "my-app.env", Namespace: "prod"})
	if err != nil || !strings.Contains(string(data), "  name: \"my-app.env\"\n  namespace: \"prod\"\n") {
		t.Errorf("%v\n%s", err, data)
	}
	for _, name := range []string{"My-App", "-a", "a-", "a..b", "a b", "a\nb", strings.Repeat("a", 254)} {
		if _, err := Encode("k8s-secret", Document{Vars: vars, SecretName: name}); err == nil || !strings.Contains(err.Error(), "the name of the Secret") {
			t.Errorf("%q: %v", name, err)
		}
	}
	large := []environ.Var{variable("A", strings.Repeat("x", 1<<20))}
	if _, err := Encode("k8s-secret", Document{Vars: large}); err == nil || !strings.Contains(err.Error(), "at most 1048576 bytes") {
		t.Errorf("a Secret of more than 1 MiB: %v", err)
	}
}

// TestGitHubDelimiter: a value cannot end itself, because it cannot know how.
func TestGitHubDelimiter(t *testing.T) {
	vars := []environ.Var{variable("A", "x"), variable("B", "x")}
	first, err := Encode("github-actions", Document{Vars: vars})
	if err != nil {
		t.Fatal(err)
	}
	delimiters := regexp.MustCompile(`<<(infuse_[A-Z2-7]{26})\n`).FindAllSubmatch(first, -1)
	if len(delimiters) != 2 || bytes.Equal(delimiters[0][1], delimiters[1][1]) {
		t.Fatalf("not two delimiters of their own: %s", first)
	}
	second, err := Encode("github-actions", Document{Vars: vars})
	if err != nil || bytes.Equal(first, second) {
		t.Errorf("the delimiters repeat: %v", err)
	}
}

func TestMasks(t *testing.T) {
	got := Masks([]environ.Var{variable("B", "100%\r\nnext\n"), variable("A", "x y"), variable("E", ""), variable("S", " \n")})
	if want := "::add-mask::x y\n::add-mask::100%25%0D%0Anext%0A\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestDockerLineLength finds the longest line that docker's reader takes.
func TestDockerLineLength(t *testing.T) {
	d := find("docker")
	for size := 65500; size < 65560; size++ {
		v := variable("K", strings.Repeat("x", size))
		file := d.entry(nil, item{name: v.Name, value: reveal(v.Value)})
		_, err := readDocker(file)
		if d.check(v.Name, reveal(v.Value)) == "" && err != nil {
			t.Fatalf("%d bytes are taken and not read: %v", size, err)
		}
		if size <= 65530 && d.check(v.Name, reveal(v.Value)) != "" {
			t.Fatalf("%d bytes are refused", size)
		}
	}
}

// TestNpmLockNamesNoServer keeps the address of a registry out of the project.
func TestNpmLockNamesNoServer(t *testing.T) {
	lock, err := os.ReadFile("testdata/npm/package-lock.json")
	if err != nil || bytes.Contains(lock, []byte("resolved")) || !bytes.Contains(lock, []byte("integrity")) {
		t.Errorf("the lock file has addresses, or no checksums: %v", err)
	}
}

// TestShellSyntax lets each shell check the file without running it.
func TestShellSyntax(t *testing.T) {
	data, err := Encode("dotenv-eval", Document{Vars: []environ.Var{variable("A", "it's `id` $(id)\n")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, shell := range []string{"sh", "dash", "bash", "zsh"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			skip(t, &missingError{"no " + shell + " here"})
		}
		cmd := exec.Command(path, "-n")
		cmd.Stdin = bytes.NewReader(data)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v %s", shell, err, out)
		}
	}
}

func TestWriteReportsAFullPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	_ = w.Close()
	if err := Write(w, "json", nil); err == nil || !strings.HasPrefix(err.Error(), "writing json: ") {
		t.Errorf("got %v", err)
	}
}

func TestSortedIsByBytes(t *testing.T) {
	got := sorted([]environ.Var{variable("b", ""), variable("A", ""), variable("_", ""), variable("B", "")})
	var names []string
	for _, v := range got {
		names = append(names, v.Name)
	}
	if !slices.IsSorted(names) || len(names) != 4 {
		t.Errorf("%q", names)
	}
}
