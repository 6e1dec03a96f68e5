package environ_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"infuse/fetch/secret"
	"infuse/runner/environ"
	"pgregory.net/rapid"
)

var names = rapid.OneOf(
	rapid.SampledFrom([]string{"PATH", "HOME", "A", "B", "AB", "a", "LD_PRELOAD", "with-dash", "LC_ALL", "INFISICAL_TOKEN", "X", "X_FILE"}),
	rapid.StringMatching(`[A-Z_][A-Z0-9_]{0,5}`),
)

func drawConfig(t *rapid.T) environ.Config {
	distinct := func(label string) []string { return rapid.SliceOfNDistinct(names, 0, 8, rapid.ID).Draw(t, label) }
	value := func(label string) secret.Value {
		return secret.New(rapid.StringN(0, 5, 20).Filter(noNUL).Draw(t, label))
	}
	var c environ.Config
	for _, n := range distinct("parent") {
		c.Parent = append(c.Parent, n+"="+value("v").Reveal())
	}
	for _, n := range distinct("secrets") {
		s := environ.Secret{Name: n, Value: value("v"), Source: rapid.SampledFrom([]string{"dev:/", "dev:/b"}).Draw(t, "source")}
		if rapid.Bool().Draw(t, "conflict") {
			s.Shadowed = []environ.Shadow{{Source: "dev:/c", Value: value("v"), Conflict: true}}
		}
		c.Secrets = append(c.Secrets, s)
	}
	for _, n := range distinct("set") {
		c.Set = append(c.Set, environ.Var{Name: n, Value: value("v")})
	}
	var file environ.EnvFile
	for _, n := range distinct("file") {
		file.Vars = append(file.Vars, environ.Var{Name: n, Value: value("v")})
	}
	c.EnvFiles = []environ.EnvFile{file}
	c.Credentials = distinct("credentials")
	c.Preserve, c.Inherit = distinct("preserve"), distinct("inherit")
	c.Pristine, c.PreserveAll = rapid.Bool().Draw(t, "pristine"), rapid.Bool().Draw(t, "preserve all")
	if rapid.Bool().Draw(t, "filter") {
		c.Only, c.Exclude = append(distinct("only"), "A*", "X*"), distinct("exclude")
	}
	c.Prefix = rapid.SampledFrom([]string{"", "P_", "LD_"}).Draw(t, "prefix")
	c.Rename = map[string]string{}
	for _, n := range distinct("rename") {
		c.Rename[n] = rapid.StringMatching(`R[0-9]{2}`).Draw(t, "to")
	}
	c.OnConflict = rapid.SampledFrom([]string{"", "first", "last", "error"}).Draw(t, "policy")
	c.AllowNames, c.Require = distinct("allow"), distinct("require")
	if rapid.IntRange(0, 3).Draw(t, "lenient") > 0 {
		c.Require = nil
	}
	if len(c.Secrets) > 0 && rapid.Bool().Draw(t, "with file") {
		c.Files = []string{c.Secrets[0].Name}
	}
	c.FoldNames = rapid.Bool().Draw(t, "fold")
	return c
}

func noNUL(s string) bool { return !strings.Contains(s, "\x00") }

// TestOrderDoesNotMatter composes the same input in two orders: the same plan
// to the byte, or the same error. With folded names, two spellings in one list
// are a question of order by nature, so that they are left out there.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t)
		if c.FoldNames && mixedCase(c) {
			t.Skip("two spellings of one name")
		}
		before := fmt.Sprintf("%+v", c)
		first, errFirst := environ.Compose(c)
		if fmt.Sprintf("%+v", c) != before {
			t.Fatal("Compose changed its input")
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for _, list := range [][]string{c.Parent, c.Credentials, c.Preserve, c.Inherit, c.Only, c.Exclude, c.AllowNames, c.Require} {
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
		r.Shuffle(len(c.Secrets), func(i, j int) { c.Secrets[i], c.Secrets[j] = c.Secrets[j], c.Secrets[i] })
		r.Shuffle(len(c.Set), func(i, j int) { c.Set[i], c.Set[j] = c.Set[j], c.Set[i] })
		vars := c.EnvFiles[0].Vars
		r.Shuffle(len(vars), func(i, j int) { vars[i], vars[j] = vars[j], vars[i] })
		second, errSecond := environ.Compose(c)
		if fmt.Sprint(errFirst) != fmt.Sprint(errSecond) {
			t.Fatalf("errors differ: %v and %v", errFirst, errSecond)
		}
		if errFirst != nil {
			return
		}
		if a, b := must(json.Marshal(first)), must(json.Marshal(second)); string(a) != string(b) {
			t.Fatalf("plans differ:\n%s\n%s", a, b)
		}
		if !slices.Equal(first.Environ(), second.Environ()) || first.Digest() != second.Digest() || !first.Diff(second).Empty() {
			t.Fatal("same table, different environments")
		}
		checkEnviron(t, c, first)
	})
}

func mixedCase(c environ.Config) bool {
	lists := [][]string{{}, {}, {}, {}}
	for _, kv := range c.Parent {
		name, _, _ := strings.Cut(kv, "=")
		lists[0] = append(lists[0], name)
	}
	for _, s := range c.Secrets {
		lists[1] = append(lists[1], s.Name)
	}
	for _, v := range c.Set {
		lists[2] = append(lists[2], v.Name)
	}
	for _, v := range c.EnvFiles[0].Vars {
		lists[3] = append(lists[3], v.Name)
	}
	for _, list := range lists {
		seen := map[string]bool{}
		for _, name := range list {
			name = strings.ToUpper(name)
			if seen[name] {
				return true
			}
			seen[name] = true
		}
	}
	return false
}

// checkEnviron holds for every plan: sorted, each name once, --set on top, no
// credential of the parent's.
func checkEnviron(t *rapid.T, c environ.Config, p *environ.Plan) {
	env := p.Environ()
	seen := map[string]string{}
	last := ""
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		if _, twice := seen[name]; twice {
			t.Fatalf("%s stands there twice", name)
		}
		if !c.FoldNames && name < last {
			t.Fatalf("%s after %s", name, last)
		}
		seen[name], last = value, name
	}
	for _, v := range c.Set {
		if seen[v.Name] != v.Value.Reveal() {
			t.Fatalf("--set %s did not win", v.Name)
		}
	}
	for _, e := range p.Entries {
		if e.Layer == environ.Parent && slices.Contains(c.Credentials, e.Name) {
			t.Fatalf("the parent's credential %s got through", e.Name)
		}
		if e.Layer == environ.Store && e.PathOf == "" && environ.Guarded(e.Name, c.FoldNames) && !slices.Contains(c.AllowNames, e.Name) && !c.FoldNames {
			t.Fatalf("the guarded secret %s got through", e.Name)
		}
	}
}

// TestDigestSeparates builds pairs of plans that a concatenation would confuse.
func TestDigestSeparates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vars := rapid.MapOfN(rapid.StringMatching(`[A-C=]{1,3}`).Filter(func(s string) bool { return !strings.Contains(s, "=") }),
			rapid.StringMatching(`[A-C=\n]{0,3}`), 0, 3)
		a, b := vars.Draw(t, "a"), vars.Draw(t, "b")
		p, q := fromMap(t, a), fromMap(t, b)
		same := slices.Equal(p.Environ(), q.Environ())
		if (p.Digest() == q.Digest()) != same || p.Diff(q).Empty() != same {
			t.Fatalf("digest or diff disagree with the environments %q and %q", p.Environ(), q.Environ())
		}
	})
}

func fromMap(t *rapid.T, m map[string]string) *environ.Plan {
	var c environ.Config
	for name, value := range m {
		c.Set = append(c.Set, environ.Var{Name: name, Value: secret.New(value)})
	}
	p, err := environ.Compose(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
