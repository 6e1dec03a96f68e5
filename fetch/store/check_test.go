package store

import (
	"slices"
	"strings"
	"testing"
)

func TestParseRefusesWhatIsMisread(t *testing.T) {
	for text, want := range map[string]string{
		"OK=1\nK=\"say \\\"hi\\\"\"\n": "line 2: a quoted value that ends in an escaped quote",
		`K='it\''`:                     "line 1: a quoted value that ends in an escaped quote",
		"A=1\nA 2 = bad line\n":        "line 2: the name holds a blank",
		"export A B=1":                 "line 1: the name holds a blank",
		"\nexport\tA B=1":              "line 2: the name holds a blank",
		"a line\n":                     "not NAME=VALUE",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		`K=C:\dir\`:          `C:\dir\`,
		`K='say "hi"'`:       `say "hi"`,
		`K="say \"hi\" now"`: `say "hi" now`,
		`K = spaced`:         "spaced",
	} {
		if values, err := Parse([]byte(text)); err != nil || values["K"] != want {
			t.Errorf("%q: %q, %v", text, values["K"], err)
		}
	}
}

func TestUndefined(t *testing.T) {
	for text, want := range map[string][]string{
		"A=1\nB=$A/${A}":                     nil,
		"B=${A}\nA=1":                        {"B"},
		"DSN=\"${DB_URL}/x\"\nX=$HOST:$PORT": {"DSN", "X"},
		"PASSWORD=p$SSW0RD":                  {"PASSWORD"}, // of the value nothing
		"PATH=$PATH:/x":                      {"PATH"},
		"\xef\xbb\xbfA=$B":                   {"A"},
		`A='$HOME' # ${NOPE}`:                nil,
		`A=\$HOME`:                           nil,
		"A=$lower $(CMD)":                    nil,
		"HOME=/x":                            nil,
	} {
		if got := Undefined([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
