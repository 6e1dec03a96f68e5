package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"infuse/fetch/store"
)

// write makes a store directory of files, by their slash-separated names.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, dir string) store.Store {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// flat is a tree as "folder KEY" -> value; a folder without entries is "folder".
func flat(tree store.Tree) map[string]string {
	out := map[string]string{}
	for folder, entries := range tree {
		if len(entries) == 0 {
			out[folder] = ""
		}
		for _, e := range entries {
			out[folder+" "+e.Key] = e.Value.Reveal()
		}
	}
	return out
}

func ExampleStore_Tree() {
	s, err := store.Open("../../testdata/demo")
	if err != nil {
		fmt.Println(err)
		return
	}
	tree, err := s.Tree("dev")
	if err != nil {
		fmt.Println(err)
		return
	}
	tree, err = s.Expand("dev", tree)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range tree["/backend"] {
		fmt.Println(e.Key, e.Value.Reveal())
	}
	// Output:
	// API_KEY demo-backend-key
	// QUEUE_URL amqp://127.0.0.1/jobs
}

func TestTree(t *testing.T) {
	dir := write(t, map[string]string{
		"dev.env":              "B=2\nA=1\n",
		"dev/backend.env":      "C=3\n",
		"dev/backend/db.env":   "D=4\n",
		"dev/deep/er/than.env": "E=5\n",
		"dev/.hidden.env":      "NO=1\n",
		"dev/notes.txt":        "not a secret",
		"prod/api.env":         "F=6\n",
		".git/config.env":      "NO=1\n",
		"with space.env":       "G=7\n",
		"ünïcode/ordner x.env": "H=8\n",
	})
	s := open(t, dir)
	envs, err := s.Environments()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"dev", "prod", "with space", "ünïcode"}; !slices.Equal(envs, want) {
		t.Errorf("environments %q, want %q", envs, want)
	}
	for env, want := range map[string]string{
		"dev":        "map[/ A:1 / B:2 /backend C:3 /backend/db D:4 /deep: /deep/er: /deep/er/than E:5]",
		"prod":       "map[/: /api F:6]",
		"with space": "map[/ G:7]",
		"ünïcode":    "map[/: /ordner x H:8]",
	} {
		tree, err := s.Tree(env)
		if err != nil {
			t.Errorf("%s: %v", env, err)
		}
		if got := fmt.Sprint(flat(tree)); got != want {
			t.Errorf("%s: %s, want %s", env, got, want)
		}
	}
	tree, _ := s.Tree("dev")
	if a := tree["/"]; len(a) != 2 || a[0].Key != "A" || a[0].File != filepath.Join(dir, "dev.env") {
		t.Errorf("entries of / are %v: not sorted, or without their file", a)
	}
}

// TestValues is what godotenv makes of a line; it is the reader, so this pins what the README may promise.
func TestValues(t *testing.T) {
	dir := write(t, map[string]string{"dev.env": "\ufeff# comment\r\n" +
		"BARE=a b # comment\r\nexport EXPORTED=yes\nYAML: too\n" +
		"RAW='${prod.KEY} $HOME \\n'\nDOUBLE=\"two\\nlines\"\n" +
		"BASE=x\nLOCAL=${BASE}/y\nUNKNOWN=${NOT_THERE}z\nDOTTED=${prod.KEY}\nEMPTY=\n" +
		"MULTI='one\r\ntwo\n'\nwith.dot=1\n1DIGIT=2\nTWICE=first\nTWICE=second\n"})
	tree, err := open(t, dir).Tree("dev")
	if err != nil {
		t.Fatal(err)
	}
	got := flat(tree)
	for key, want := range map[string]string{
		"BARE": "a b", "EXPORTED": "yes", "YAML": "too", "RAW": `${prod.KEY} $HOME \n`, "DOUBLE": "two\nlines",
		"LOCAL": "x/y", "UNKNOWN": "z", "EMPTY": "", "MULTI": "one\ntwo\n", "with.dot": "1", "1DIGIT": "2", "TWICE": "second",
	} {
		if value, ok := got["/ "+key]; !ok || value != want {
			t.Errorf("%s is %q, %v; want %q", key, value, ok, want)
		}
	}
}

func TestErrors(t *testing.T) {
	const canary = "c4n4ry"
	big := "X=" + strings.Repeat("x", store.MaxFileSize)
	for name, c := range map[string]struct{ text, want string }{
		"no equals sign":      {"A=1\nB=2\nJUST " + canary + "!\nC=3\n", "line 3: not NAME=VALUE"},
		"after crlf":          {"A=1\r\nB=2\r\nJUST " + canary + "!\r\n", "line 3: not NAME=VALUE"},
		"dash in the name":    {"A=1\nTO-DAY=" + canary + "\n", "line 2: not NAME=VALUE"},
		"quote does not end":  {"A=1\nB='" + canary + "\nC=2\n", "line 2: the quoted value does not end"},
		"double does not end": {"A=1\nB=\"" + canary + "\n", "line 2: the quoted value does not end"},
		"last line is a word": {"A=1\n" + canary, "no ="},
		"value without name":  {"A=1\n=" + canary + "\n", "no name"},
		"UTF-16":              {"\xff\xfeA\x00=\x001\x00", "UTF-16"},
		"not UTF-8":           {"A=1\nB=\xe9" + canary + "\n", "line 2: not valid UTF-8"},
		"too large":           {big, "larger than 8 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{"dev.env": c.text})
			_, err := open(t, dir).Tree("dev")
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "dev.env") {
				t.Errorf("%v; want %q and the file", err, c.want)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error shows a value: %v", err)
			}
		})
	}
}

func TestNoEnvironment(t *testing.T) {
	s := open(t, write(t, map[string]string{"dev.env": "A=1", "prod.env": "A=1", "x/dev.env": ""}))
	for _, env := range []string{"staging", "", "..", "../dev", "x/dev", ".", "DEV", "dev.env"} {
		_, err := s.Tree(env)
		if !errors.Is(err, store.ErrNoEnvironment) {
			t.Errorf("%q: %v", env, err)
		} else if !strings.Contains(err.Error(), "dev, prod, x") {
			t.Errorf("%q: %v does not name those that are there", env, err)
		}
	}
	if _, err := open(t, t.TempDir()).Tree("dev"); !errors.Is(err, store.ErrNoEnvironment) {
		t.Errorf("empty store: %v", err)
	}
}

func TestOpen(t *testing.T) {
	if _, err := store.Open(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(file); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("file: %v", err)
	}
}

// TestManyComments: godotenv recurses once for each comment line, so that a large file of them would take a gigabyte.
func TestManyComments(t *testing.T) {
	for lines, ok := range map[int]bool{20000: true, 20001: false, store.MaxFileSize/2 - 10: false} {
		dir := write(t, map[string]string{"dev.env": strings.Repeat("#\n", lines) + "A=1\n"})
		if _, err := open(t, dir).Tree("dev"); (err == nil) != ok {
			t.Errorf("%d lines: %v", lines, err)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := write(t, map[string]string{"dev.env": "", "dev/a.env": "", "dev/b/c.env": "", "prod.env": ""})
	got, err := open(t, dir).Files("dev")
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i], _ = filepath.Rel(dir, got[i])
		got[i] = filepath.ToSlash(got[i])
	}
	if want := []string{".", "dev", "dev.env", "dev/a.env", "dev/b", "dev/b/c.env"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
