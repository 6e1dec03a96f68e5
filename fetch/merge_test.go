package fetch_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"infuse/fetch"
	"infuse/fetch/api"
)

func row(key, value, path, kind string) api.Secret {
	return api.Secret{Key: key, Value: &value, Path: path, Type: kind, Environment: "dev"}
}

func imported(env, path string, rows ...api.Secret) api.Import {
	return api.Import{Environment: env, Path: path, Secrets: rows}
}

// lines shows the outcome of a merge, one secret a line.
func lines(secrets []fetch.Secret) []string {
	var out []string
	for _, s := range secrets {
		line := fmt.Sprintf("%s=%s from %s", s.Key, s.Value.Reveal(), s.Origin)
		if len(s.Shadowed) > 0 {
			line += fmt.Sprintf(" over %v", s.Shadowed)
		}
		if s.Conflict {
			line += " conflict"
		}
		if s.Unresolved {
			line += " unresolved"
		}
		if s.Hidden {
			line += " hidden"
		}
		out = append(out, line)
	}
	return out
}

func TestMerge(t *testing.T) {
	scope := fetch.Scope{ProjectID: "p", Environment: "dev", Paths: []string{"/"}, Personal: true}
	shared := func(key, value, path string) api.Secret { return row(key, value, path, "shared") }
	for name, c := range map[string]struct {
		scope fetch.Scope
		lists []*api.SecretList
		want  []string
	}{
		"empty": {scope, []*api.SecretList{{}}, nil},
		"sorted, and paths that are left out": {scope, []*api.SecretList{{Secrets: []api.Secret{shared("B", "2", ""), shared("A", "1", "/")}}},
			[]string{"A=1 from dev:/", "B=2 from dev:/"}},
		"a local secret beats an import": {scope, []*api.SecretList{{
			Secrets: []api.Secret{shared("A", "local", "/")},
			Imports: []api.Import{imported("prod", "/x", shared("A", "imported", ""))},
		}}, []string{"A=local from dev:/ over [prod:/x (import)]"}},
		"the last import wins": {scope, []*api.SecretList{{Imports: []api.Import{
			imported("dev", "/one", shared("A", "1", ""), shared("B", "1", "")), imported("prod", "/two", shared("A", "2", "")), imported("dev", "/three", shared("C", "3", "")),
		}}}, []string{"A=2 from prod:/two (import) over [dev:/one (import)]", "B=1 from dev:/one (import)", "C=3 from dev:/three (import)"}},
		"within one import the first": {scope, []*api.SecretList{{Imports: []api.Import{
			imported("dev", "/one", shared("A", "first", ""), shared("A", "second", "")),
		}}}, []string{"A=first from dev:/one (import)"}},
		"a personal secret beats the shared one": {scope, []*api.SecretList{{Secrets: []api.Secret{shared("A", "all", "/"), row("A", "mine", "/", "personal")}}},
			[]string{"A=mine from dev:/ (personal) over [dev:/]"}},
		"unless it is not wanted": {fetch.Scope{Environment: "dev", Paths: []string{"/"}}, []*api.SecretList{{Secrets: []api.Secret{row("A", "mine", "/", "personal"), shared("A", "all", "/"), row("B", "mine", "/", "personal")}}},
			[]string{"A=all from dev:/"}},
		"a personal secret of a deeper folder does not": {scope, []*api.SecretList{{Secrets: []api.Secret{row("A", "mine", "/x", "personal"), shared("A", "all", "/")}}},
			[]string{"A=all from dev:/ over [dev:/x (personal)] conflict"}},
		"a personal secret in an import": {scope, []*api.SecretList{{Imports: []api.Import{imported("dev", "/x", shared("A", "all", ""), row("A", "mine", "", "personal"))}}},
			[]string{"A=mine from dev:/x (import, personal) over [dev:/x (import)]"}},
		"the nearest folder wins, then the path order": {scope, []*api.SecretList{{Secrets: []api.Secret{
			shared("A", "deep", "/a/b"), shared("A", "z", "/z"), shared("A", "y", "/y"), shared("B", "ab", "/a/b"), shared("B", "aa", "/a/a"), shared("C", "only", "/a/b"),
		}}}, []string{"A=y from dev:/y over [dev:/z dev:/a/b] conflict", "B=aa from dev:/a/a over [dev:/a/b] conflict", "C=only from dev:/a/b"}},
		"nearest to the requested path": {fetch.Scope{Environment: "dev", Paths: []string{"/app"}}, []*api.SecretList{{Secrets: []api.Secret{
			shared("A", "deep", "/app/a"), shared("A", "here", "/app"),
		}}}, []string{"A=here from dev:/app over [dev:/app/a] conflict"}},
		"a later path wins": {fetch.Scope{Environment: "dev", Paths: []string{"/a", "/b"}}, []*api.SecretList{
			{Secrets: []api.Secret{shared("A", "a", "/a"), shared("B", "a", "/a"), shared("I", "a", "/a")}},
			{Secrets: []api.Secret{shared("A", "b", "/b")}, Imports: []api.Import{imported("prod", "/x", shared("I", "import of b", ""))}},
		}, []string{"A=b from dev:/b over [dev:/a]", "B=a from dev:/a", "I=import of b from prod:/x (import) over [dev:/a]"}},
		"one place twice is no shadow": {fetch.Scope{Environment: "dev", Paths: []string{"/", "/b"}}, []*api.SecretList{
			{Secrets: []api.Secret{shared("A", "b", "/b")}}, {Secrets: []api.Secret{shared("A", "b", "/b")}},
		}, []string{"A=b from dev:/b"}},
		"references that are left": {scope, []*api.SecretList{{Secrets: []api.Secret{
			shared("A", "x${NOT-HERE}y", "/"), shared("B", "${dev.a_b.C}", "/"), shared("C", "a$b ${ } ${} $(x) ${a", "/"), shared("D", "${ ${X}", "/"),
		}}}, []string{"A=x${NOT-HERE}y from dev:/ unresolved", "B=${dev.a_b.C} from dev:/ unresolved", "C=a$b ${ } ${} $(x) ${a from dev:/", "D=${ ${X} from dev:/ unresolved"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := fetch.Merge(c.scope, c.lists)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, lines(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMergeHidden(t *testing.T) {
	scope := fetch.Scope{Environment: "dev", Paths: []string{"/"}}
	masked, flagged, absent := row("MASKED", "<hidden-by-infisical>", "/", "shared"), row("FLAGGED", "x", "/", "shared"), row("ABSENT", "", "/", "shared")
	flagged.Hidden, absent.Value = true, nil
	loser := row("LOSER", "<hidden-by-infisical>", "", "shared")
	list := &api.SecretList{
		Secrets: []api.Secret{row("OPEN", "1", "/", "shared"), masked, flagged, absent, row("LOSER", "2", "/", "shared")},
		Imports: []api.Import{imported("dev", "/x", loser)},
	}
	_, err := fetch.Merge(scope, []*api.SecretList{list})
	hidden, ok := errors.AsType[*fetch.HiddenError](err)
	if !ok || !slices.Equal(hidden.Names, []string{"ABSENT", "FLAGGED", "MASKED"}) {
		t.Fatalf("%v", err)
	}
	scope.NamesOnly = true
	got, err := fetch.Merge(scope, []*api.SecretList{list})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ABSENT= from dev:/ hidden", "FLAGGED= from dev:/ hidden", "LOSER=2 from dev:/ over [dev:/x (import)]", "MASKED= from dev:/ hidden", "OPEN=1 from dev:/"}
	if diff := cmp.Diff(want, lines(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestConflictGivesItsValues: whoever wants the other folder's value has it,
// unless the server keeps it back.
func TestConflictGivesItsValues(t *testing.T) {
	masked := row("A", "<hidden-by-infisical>", "/c", "shared")
	list := &api.SecretList{
		Secrets: []api.Secret{row("A", "1", "/a", "shared"), row("A", "2", "/b", "shared"), masked},
		Imports: []api.Import{imported("prod", "/x", row("A", "3", "", "shared"))},
	}
	got, err := fetch.Merge(fetch.Scope{Environment: "dev", Paths: []string{"/"}}, []*api.SecretList{list})
	if err != nil || len(got) != 1 || len(got[0].Shadowed) != 3 {
		t.Fatalf("%v, %v", lines(got), err)
	}
	b, c, x := got[0].Shadowed[0], got[0].Shadowed[1], got[0].Shadowed[2]
	if !b.Conflict || b.Hidden || b.Value.Reveal() != "2" {
		t.Errorf("%s: %+v", b.Origin, b)
	}
	if !c.Conflict || !c.Hidden || !c.Value.IsZero() {
		t.Errorf("%s: %+v", c.Origin, c)
	}
	if x.Conflict || x.Hidden || !x.Value.IsZero() {
		t.Errorf("%s: %+v", x.Origin, x)
	}
}

// TestMergeDoesNotDependOnOrder: servers answer in random order.
func TestMergeDoesNotDependOnOrder(t *testing.T) {
	folders := rapid.SampledFrom([]string{"/", "/a", "/b", "/a/b", "/a/c", "/z"})
	rapid.Check(t, func(t *rapid.T) {
		rows := func(label string) []api.Secret {
			return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) api.Secret {
				return row(rapid.SampledFrom([]string{"A", "B", "C", "D"}).Draw(t, "key"), rapid.SampledFrom([]string{"1", "2", "${X}"}).Draw(t, "value"),
					folders.Draw(t, "folder"), rapid.SampledFrom([]string{"shared", "shared", "personal"}).Draw(t, "type"))
			}), 0, 12).Draw(t, label)
		}
		list := &api.SecretList{Secrets: rows("rows")}
		for range rapid.IntRange(0, 3).Draw(t, "imports") {
			list.Imports = append(list.Imports, imported("prod", folders.Draw(t, "import"), rows("imported")...))
		}
		scope := fetch.Scope{Environment: "dev", Paths: []string{"/"}, Personal: rapid.Bool().Draw(t, "personal")}
		want, err := fetch.Merge(scope, []*api.SecretList{list})
		if err != nil {
			t.Fatal(err)
		}
		shuffled := &api.SecretList{Secrets: slices.Clone(list.Secrets), Imports: list.Imports}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		r.Shuffle(len(shuffled.Secrets), func(i, j int) {
			shuffled.Secrets[i], shuffled.Secrets[j] = shuffled.Secrets[j], shuffled.Secrets[i]
		})
		got, err := fetch.Merge(scope, []*api.SecretList{shuffled})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
			t.Fatalf("another order, another outcome:\n%s", diff)
		}
		checkRules(t, scope, list, got)
	})
}

// checkRules states the precedence of one path without ranks: no candidate of
// a winner's key stands above it.
func checkRules(t *rapid.T, scope fetch.Scope, list *api.SecretList, got []fetch.Secret) {
	if !slices.IsSortedFunc(got, func(a, b fetch.Secret) int { return strings.Compare(a.Key, b.Key) }) {
		t.Fatal("not sorted")
	}
	for _, s := range got {
		local := slices.ContainsFunc(list.Secrets, func(r api.Secret) bool { return r.Key == s.Key && (scope.Personal || r.Type != "personal") })
		if local == s.Origin.Import {
			t.Fatalf("%s: import %v although local %v", s.Key, s.Origin.Import, local)
		}
		if s.Origin.Personal && !scope.Personal {
			t.Fatalf("%s is personal", s.Key)
		}
		for _, r := range list.Secrets {
			if r.Key != s.Key || !scope.Personal && r.Type == "personal" {
				continue
			}
			near, far := len(strings.Split(strings.Trim(s.Origin.Path, "/"), "/")), len(strings.Split(strings.Trim(r.Path, "/"), "/"))
			if s.Origin.Path == "/" {
				near = 0
			}
			if r.Path == "/" {
				far = 0
			}
			if far < near || far == near && r.Path < s.Origin.Path {
				t.Fatalf("%s is taken from %s although it stands in %s", s.Key, s.Origin.Path, r.Path)
			}
			if r.Path == s.Origin.Path && r.Type == "personal" && !s.Origin.Personal {
				t.Fatalf("%s: the personal one of %s lost", s.Key, r.Path)
			}
		}
	}
}

func TestDigest(t *testing.T) {
	digest := func(rows ...api.Secret) [32]byte {
		secrets, err := fetch.Merge(fetch.Scope{Environment: "dev", Paths: []string{"/"}}, []*api.SecretList{{Secrets: rows}})
		if err != nil {
			t.Fatal(err)
		}
		s := fetch.Snapshot{Secrets: secrets}
		return s.Digest()
	}
	base := digest(row("A", "1", "/", "shared"), row("B", "2", "/", "shared"))
	if base != digest(row("B", "2", "/x", "shared"), row("A", "1", "/", "shared")) {
		t.Error("it depends on order or place")
	}
	for _, other := range [][]api.Secret{
		{row("A", "1B2", "/", "shared")}, {row("A1", "", "/", "shared"), row("B", "2", "/", "shared")}, {row("A", "1", "/", "shared")},
		{row("A", "1", "/", "shared"), row("B", "3", "/", "shared")}, nil,
	} {
		if base == digest(other...) {
			t.Errorf("%d other secrets have the same digest", len(other))
		}
	}
}

func TestLookup(t *testing.T) {
	secrets, err := fetch.Merge(fetch.Scope{Environment: "dev", Paths: []string{"/"}}, []*api.SecretList{{Secrets: []api.Secret{row("B", "2", "/", "shared"), row("A", "1", "/", "shared")}}})
	if err != nil {
		t.Fatal(err)
	}
	s := &fetch.Snapshot{Secrets: secrets}
	if got, ok := s.Lookup("B"); !ok || got.Value.Reveal() != "2" {
		t.Errorf("%v %v", got, ok)
	}
	if _, ok := s.Lookup("C"); ok {
		t.Error("C is found")
	}
}

// BenchmarkMerge is 10,000 secrets.
func BenchmarkMerge(b *testing.B) {
	list := &api.SecretList{}
	for i := range 10_000 {
		list.Secrets = append(list.Secrets, row(fmt.Sprintf("SERVICE_%05d_TOKEN", (i*7919)%10_000), strings.Repeat("v", 40), "/", "shared"))
	}
	scope := fetch.Scope{Environment: "dev", Paths: []string{"/"}}
	for b.Loop() {
		if _, err := fetch.Merge(scope, []*api.SecretList{list}); err != nil {
			b.Fatal(err)
		}
	}
}
