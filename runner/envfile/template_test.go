package envfile

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"infuse/runner/environ"
)

// fakeSource answers from a list and remembers what it was asked.
type fakeSource struct {
	items []Item
	err   error
	asked []Query
}

func (s *fakeSource) Secrets(_ context.Context, q Query) ([]Item, error) {
	s.asked = append(s.asked, q)
	return s.items, s.err
}

func TestTemplate(t *testing.T) {
	vars := []environ.Var{variable("B", "two"), variable("A", `it's "x"`), variable("EMPTY", ""), variable("with-dash", "d"), variable("J", `{"k":["v"]}`)}
	source := &fakeSource{items: []Item{{Key: "K1", Value: "v1", SecretPath: "/p"}, {Key: "K2", Value: "v2", Comment: "c"}}}
	for text, want := range map[string]string{
		`{{ .A }}|{{ index . "with-dash" }}`:                                                                                                         `it's "x"|d`,
		`{{ range $k, $v := . }}{{ $k }};{{ end }}`:                                                                                                  "A;B;EMPTY;J;with-dash;",
		`{{ quote .A }} {{ .A | json }} {{ .A | squote }} {{ shellQuote .A }}`:                                                                       `"it's \"x\"" "it's \"x\"" 'it's "x"' 'it'\''s "x"'`,
		`{{ .B | b64 }} {{ .B | b64enc | b64dec }} {{ .B | upper | lower }}`:                                                                         "dHdv two two",
		`{{ required "B is needed" .B }} {{ default "d" .EMPTY }} {{ default "d" .B }}`:                                                              "two d two",
		`{{ (fromJson .J).k }} {{ toJson (splitList "," "a,b") }}`:                                                                                   `[v] ["a","b"]`,
		`{{ "a\nb" | indent 2 }}{{ "c" | nindent 1 }}`:                                                                                               "  a\n  b\n c",
		`{{ .B | replace "t" "T" | trimSuffix "o" | trimPrefix "T" }} {{ trim " x " }}`:                                                              "w x",
		`{{ hasPrefix "t" .B }} {{ hasSuffix "t" .B }} {{ contains "w" .B }}`:                                                                        "true false true",
		`{{ join "-" (splitList "," "a,b") }} {{ hasKey . "B" }} {{ get . "NO" }}.`:                                                                  "a-b true .",
		`{{ ternary "y" "n" (empty .EMPTY) }} {{ if .EMPTY }}x{{ end }}`:                                                                             "y ",
		`{{ with secret "p" "dev" "/x" }}{{ range . }}{{ .Key }}={{ .Value }}{{ .SecretPath }}{{ .Comment }} {{ end }}{{ end }}`:                     "K1=v1/p K2=v2c ",
		"{{ range listSecrets `p` `dev` `/` `{\"recursive\":true,\"expandSecretReferences\":false}` }}{{ .Key }}{{ end }}":                           "K1K2",
		`{{ range listSecretsByProjectSlug "slug" "dev" "/" }}{{ .Key }}{{ end }}{{ with getSecretByName "p" "dev" "/" "K2" }}{{ .Value }}{{ end }}`: "K1K2v2",
	} {
		got, err := ExecuteTemplate(t.Context(), text, vars, source)
		if err != nil || string(got) != want {
			t.Errorf("%s\n got %q (%v)\nwant %q", text, got, err, want)
		}
	}
	for _, q := range []Query{
		{ProjectID: "p", Environment: "dev", Path: "/x", Expand: true},
		{ProjectID: "p", Environment: "dev", Path: "/", Recursive: true},
		{ProjectSlug: "slug", Environment: "dev", Path: "/", Expand: true},
		{ProjectID: "p", Environment: "dev", Path: "/", Name: "K2", Expand: true},
	} {
		if !slices.Contains(source.asked, q) {
			t.Errorf("nobody asked %+v", q)
		}
	}
}

func TestTemplateFails(t *testing.T) {
	const canary = "c4n4ry\n\"value"
	vars := []environ.Var{variable("S", canary), variable("EMPTY", "")}
	down := &fakeSource{err: errors.New("the server is down")}
	for text, words := range map[string]string{
		"start {{ .NOPE }}":                       `map has no entry for key "NOPE"`,
		"start {{ .S":                             "unclosed action",
		"\n\nstart {{ .S | nosuch }}":             "line 3: function \"nosuch\" not defined",
		`{{ .S }} {{ required "why not" .EMPTY}}`: "why not",
		`{{ .S }} {{ fail "stop" }}`:              "stop",
		`{{ fail .S }}`:                           "[redacted]",
		`{{ index .S .S }}`:                       "index",
		`{{ .S.Field }}`:                          "can't evaluate field",
		`{{ fromJson .S }}`:                       "not JSON",
		`{{ b64dec .S }}`:                         "not base64",
		`{{ template "x" }}`:                      "x",
		`{{ env "HOME" }}`:                        "not defined",
		`{{ secret "p" "dev" "/" }}`:              "the server is down",
		`{{ secret "p" "dev" "/" "not json" }}`:   "options are not JSON",
		`{{ secret "p" "dev" "/" "{}" "{}" }}`:    "more than one argument",
	} {
		got, err := ExecuteTemplate(t.Context(), text, vars, down)
		if err == nil || !strings.Contains(err.Error(), words) || got != nil {
			t.Errorf("%s: got %q, %v; want %q", text, got, err, words)
		}
		if err != nil && (strings.Contains(err.Error(), "c4n4ry") || strings.Contains(err.Error(), "template: template")) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := ExecuteTemplate(t.Context(), `{{ getSecretByName "p" "dev" "/" "X" }}`, nil, &fakeSource{}); err == nil || !strings.Contains(err.Error(), "there is no secret X in dev:/") {
		t.Errorf("got %v", err)
	}
	if _, err := ExecuteTemplate(t.Context(), `{{ secret "p" "dev" "/" }}`, nil, nil); err == nil || !strings.Contains(err.Error(), "no server to ask") {
		t.Errorf("got %v", err)
	}
	cause := errors.New("cause")
	if _, err := ExecuteTemplate(t.Context(), `{{ secret "p" "dev" "/" }}`, nil, &fakeSource{err: cause}); !errors.Is(err, cause) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestFunctions(t *testing.T) {
	names := Functions()
	for _, want := range []string{"quote", "json", "b64", "required"} {
		if !slices.Contains(names, want) {
			t.Errorf("there is no function %s", want)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("not sorted: %q", names)
	}
	for name, f := range textFunctions() {
		if reflect.TypeOf(f).Kind() != reflect.Func {
			t.Errorf("%s is no function", name)
		}
	}
}
