package store_test

import (
	"strings"
	"testing"

	"infuse/fetch/store"
)

func TestReferences(t *testing.T) {
	refs := store.References("${A} $A ${B.c-d._x.KEY} ${prod.KEY} ${} ${ A } ${a b} ${A}", "dev", "/sub")
	want := []store.Reference{
		{Text: "${A}", Environment: "dev", Path: "/sub", Key: "A"},
		{Text: "${B.c-d._x.KEY}", Environment: "B", Path: "/c-d/_x", Key: "KEY"},
		{Text: "${prod.KEY}", Environment: "prod", Path: "/", Key: "KEY"},
		{Text: "${A}", Environment: "dev", Path: "/sub", Key: "A"},
	}
	if len(refs) != len(want) {
		t.Fatalf("got %v", refs)
	}
	for i := range refs {
		if refs[i] != want[i] {
			t.Errorf("%d: got %v, want %v", i, refs[i], want[i])
		}
	}
}

func TestExpand(t *testing.T) {
	values := map[string]string{
		"dev / PLAIN": "plain", "dev / EMPTY": "", "dev / NESTED": "<${PLAIN}>", "dev / DOLLARS": "$$ $& $1",
		"dev / A": "${B}", "dev / B": "${A}", "dev / SELF": "${SELF}", "dev / GROW": "x${GROW}",
		"dev /backend KEY": "backend ${LOCAL}", "dev /backend LOCAL": "local", "dev / LOCAL": "root",
		"prod / PLAIN": "prod-plain", "dev / ODD": "${prod.PLAIN}|${dev.backend.KEY}|${LOCAL}",
		"dev / HUGE": strings.Repeat("h", 3<<20), "dev / DOUBLE": "${DOUBLE}${DOUBLE}",
	}
	lookup := func(env, path, key string) (string, bool) {
		value, ok := values[env+" "+path+" "+key]
		return value, ok
	}
	for value, want := range map[string]string{
		"none":                       "none",
		"${PLAIN}":                   "plain",
		"a${PLAIN}b${PLAIN}":         "aplainbplain",
		"${NESTED}":                  "<plain>",
		"x${MISSING}y":               "x${MISSING}y",
		"[${EMPTY}]":                 "[${EMPTY}]",
		"${dev.no.such.KEY}":         "${dev.no.such.KEY}",
		"${nosuchenv.KEY}":           "${nosuchenv.KEY}",
		"<${DOLLARS}>":               "<$$ $& $1>",
		"${dev.backend.KEY}":         "backend local",
		"${LOCAL}${dev.backend.KEY}": "rootbackend local",
		"${ODD}":                     "prod-plain|backend local|root",
		"${SELF}":                    "${SELF}",
		"${B}":                       "${A}", // the value of A: as recorded, what is left of a circle names its start
		"${GROW}":                    strings.Repeat("x", store.MaxReferenceDepth+1) + "${GROW}",
	} {
		if got := store.Expand(value, "dev", "/", lookup); got != want {
			t.Errorf("%s expands to %.200q, want %.200q", value, got, want)
		}
	}
	if got := store.Expand(strings.Repeat("${HUGE}", 10), "dev", "/", lookup); len(got) > 9<<20 || !strings.HasSuffix(got, "${HUGE}") {
		t.Errorf("ten large values expand to %d bytes", len(got))
	}
	if got := store.Expand(strings.Repeat("${DOUBLE}", 1000), "dev", "/", lookup); len(got) > 32<<20 {
		t.Errorf("a value of a thousand doubling references expands to %d bytes", len(got))
	}
}

// TestExpandStore: references reach other environments of the store; a broken file there is an error, a missing one is not.
func TestExpandStore(t *testing.T) {
	s := open(t, write(t, map[string]string{
		"dev.env":      "A='${prod.api.KEY}'\nB='${nowhere.KEY}'\n",
		"prod/api.env": "KEY='${OTHER}!'\nOTHER=o\n",
		"bad.env":      "not a dotenv file!\n",
		"uses.env":     "C='${bad.KEY}'\n",
	}))
	tree, err := s.Tree("dev")
	if err != nil {
		t.Fatal(err)
	}
	expanded, err := s.Expand("dev", tree)
	if err != nil {
		t.Fatal(err)
	}
	if got := flat(expanded); got["/ A"] != "o!" || got["/ B"] != "${nowhere.KEY}" {
		t.Errorf("got %v", got)
	}
	if got := flat(tree); got["/ A"] != "${prod.api.KEY}" {
		t.Error("Expand changed its argument")
	}
	if tree, err = s.Tree("uses"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Expand("uses", tree); err == nil || !strings.Contains(err.Error(), "bad.env") {
		t.Errorf("got %v", err)
	}
}
