package environ_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"infuse/fetch/secret"
	"infuse/runner/environ"
)

func TestDiff(t *testing.T) {
	raw := func(name, value string) environ.Secret {
		s := sec(name, value)
		s.Unresolved = true
		return s
	}
	for name, tc := range map[string]struct {
		old, new   []environ.Secret
		files      []string
		want       string
		unresolved bool
	}{
		"same":                {old: []environ.Secret{sec("A", "1")}, new: []environ.Secret{sec("A", "1")}, want: "nothing changed"},
		"all three":           {old: []environ.Secret{sec("A", "1"), sec("B", "1")}, new: []environ.Secret{sec("B", "2"), sec("C", "1")}, want: "changed: B; added: C; removed: A"},
		"expanded":            {old: []environ.Secret{raw("A", "${X}")}, new: []environ.Secret{sec("A", "1")}, want: "changed: A", unresolved: true},
		"raw again":           {old: []environ.Secret{sec("A", "1")}, new: []environ.Secret{raw("A", "${X}")}, want: "changed: A", unresolved: true},
		"one real difference": {old: []environ.Secret{sec("A", "1"), sec("B", "1")}, new: []environ.Secret{raw("A", "${X}"), sec("B", "2")}, want: "changed: A, B"},
		"in a file":           {old: []environ.Secret{sec("A", "1")}, new: []environ.Secret{sec("A", "2")}, files: []string{"A"}, want: "changed: A"},
	} {
		t.Run(name, func(t *testing.T) {
			old := compose(t, environ.Config{Secrets: tc.old, Files: tc.files})
			p := compose(t, environ.Config{Secrets: tc.new, Files: tc.files})
			c := p.Diff(old)
			if c.String() != tc.want || c.Unresolved != tc.unresolved {
				t.Errorf("got %q, unresolved %v", c, c.Unresolved)
			}
			if (p.Digest() == old.Digest()) != c.Empty() {
				t.Error("the digest disagrees")
			}
		})
	}
	if c := compose(t, environ.Config{Secrets: []environ.Secret{sec("A", "1")}}).Diff(nil); c.String() != "added: A" {
		t.Errorf("against nothing: %q", c)
	}
}

// TestListShowsWhatIsRefused: a list is where people look for the name that run
// refused, so it is there with the reason.
func TestListShowsWhatIsRefused(t *testing.T) {
	const canary = "c4n4ry"
	c := environ.Config{
		Secrets:   []environ.Secret{sec("A=B", canary), sec("GOOD", canary), sec("NUL", canary+"\x00"), sec("", canary)},
		NamesOnly: true,
	}
	p := compose(t, c)
	var text bytes.Buffer
	if err := p.WriteText(&text, environ.TableConfig{}); err != nil {
		t.Fatal(err)
	}
	const want = `NAME   FROM          BYTES  NOTE
GOOD   secret dev:/  6
""     secret dev:/  -      refused: the name is empty
"A=B"  secret dev:/  -      refused: the name holds "="
NUL    secret dev:/  -      refused: the value holds NUL
`
	if text.String() != want {
		t.Errorf("got\n%s", text.String())
	}
	b, err := json.Marshal(p)
	if err != nil || !strings.Contains(string(b), `"refused":[{"name":"","source":"secret dev:/","why":"the name is empty"}`) || strings.Contains(string(b), canary) {
		t.Errorf("%v: %s", err, b)
	}
	c.NamesOnly = false
	refused, ok := errors.AsType[*environ.RefusedError](second(environ.Compose(c)))
	if !ok || len(refused.Refused) != 3 {
		t.Errorf("composed for a program: %v", refused)
	}
}

func second(_ *environ.Plan, err error) error { return err }

func TestTable(t *testing.T) {
	const canary = "c4n4ry-value"
	s := environ.Secret{Name: "DB", Value: secret.New(canary), Source: "dev:/", Kind: "personal", Unresolved: true,
		Shadowed: []environ.Shadow{{Source: "prod:/shared", Kind: "import", Value: secret.New(canary)}}}
	pem := sec("PEM", canary)
	pem.Source = "dev:/\x1b[31m"
	p := compose(t, environ.Config{
		Parent:      []string{"DB=" + canary, "HOME=/", "INFISICAL_TOKEN=" + canary},
		Credentials: []string{"INFISICAL_TOKEN"},
		Secrets:     []environ.Secret{s, pem, sec("PATH", canary), sec("SKIP", canary)},
		Exclude:     []string{"SKIP"},
		Files:       []string{"PEM"},
		Rename:      map[string]string{"DB": "DB"},
		Set:         []environ.Var{pair("FLAG", canary)},
	})
	var text bytes.Buffer
	if err := p.WriteText(&text, environ.TableConfig{}); err != nil {
		t.Fatal(err)
	}
	want := `NAME      FROM                      BYTES  NOTE
DB        secret dev:/              12     personal; holds an unresolved reference; beats secret prod:/shared, parent
FLAG      set                       12
PEM       secret "dev:/\x1b[31m"    12     file, path in PEM_FILE
PEM_FILE  secret "dev:/\x1b[31m"    -      path of PEM
PATH      secret dev:/              -      skipped: guarded
SKIP      secret dev:/              -      skipped: not selected
and 1 from the parent's environment
taken out of the parent's environment: INFISICAL_TOKEN
`
	if squeeze(text.String()) != squeeze(want) {
		t.Errorf("got\n%s\nwant\n%s", text.String(), want)
	}
	text.Reset()
	if err := p.WriteText(&text, environ.TableConfig{Parent: true}); err != nil || !strings.Contains(text.String(), "HOME") {
		t.Errorf("with the parent: %v\n%s", err, text.String())
	}

	raw := must(json.Marshal(p))
	var doc struct {
		Variables []struct {
			Name, Layer, Source, Secret, Delivery, Variable, PathOf string
			Size                                                    int
			Losers                                                  []struct{ Layer, Source string }
		}
		Skipped  []struct{ Name, Why string }
		Removed  []string
		Warnings []string
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Variables) != 5 || doc.Variables[0].Name != "DB" || doc.Variables[0].Layer != "secret" || len(doc.Variables[0].Losers) != 2 ||
		doc.Variables[3].Delivery != "file" || doc.Variables[3].Variable != "PEM_FILE" || doc.Variables[4].PathOf != "PEM" ||
		len(doc.Skipped) != 2 || len(doc.Removed) != 1 || len(doc.Warnings) != 1 {
		t.Errorf("JSON is %s", raw)
	}
	for _, out := range []string{text.String(), string(raw), fmt.Sprintf("%v %+v %#v", p, p, p), fmt.Sprint(p.Entries, p.Files)} {
		if strings.Contains(out, canary) {
			t.Errorf("a value got out: %s", out)
		}
	}
	if raw := must(json.Marshal(&environ.Plan{})); string(raw) != `{"variables":[],"skipped":[],"removed":[],"warnings":[]}` {
		t.Errorf("an empty plan is %s", raw)
	}
}

// squeeze ignores the width of the columns.
func squeeze(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func TestHidden(t *testing.T) {
	s := environ.Secret{Name: "H", Source: "dev:/", Hidden: true}
	for _, c := range []environ.Config{{}, {Export: true}, {FileDir: true}, {Files: []string{"H"}}} {
		c.Secrets = []environ.Secret{s}
		if _, err := environ.Compose(c); err == nil || !strings.Contains(err.Error(), "H from secret dev:/: the server hides the value") {
			t.Errorf("%+v: got %v", c, err)
		}
	}
	p := compose(t, environ.Config{Secrets: []environ.Secret{s}, NamesOnly: true, Require: []string{"H", "Z"}})
	var text bytes.Buffer
	if err := p.WriteText(&text, environ.TableConfig{}); err != nil || !strings.Contains(text.String(), "hides the value") {
		t.Errorf("%v: %s", err, text.String())
	}
}

func BenchmarkCompose10000(b *testing.B) {
	c := environ.Config{Limits: environ.Limits{String: 1 << 30}}
	for i := range 10000 {
		c.Secrets = append(c.Secrets, environ.Secret{
			Name: fmt.Sprintf("SECRET_%05d", (i*7919)%10000), Value: secret.New(strings.Repeat("x", 500)), Source: "dev:/",
		})
	}
	for i := range 60 {
		c.Parent = append(c.Parent, fmt.Sprintf("PARENT_%d=%d", i, i))
	}
	b.Run("Compose", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := environ.Compose(c); err != nil {
				b.Fatal(err)
			}
		}
	})
	p, err := environ.Compose(c)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Environ", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.Environ()
		}
	})
	b.Run("Digest", func(b *testing.B) {
		for b.Loop() {
			p.Digest()
		}
	})
	b.Run("Diff", func(b *testing.B) {
		for b.Loop() {
			p.Diff(p)
		}
	})
}
