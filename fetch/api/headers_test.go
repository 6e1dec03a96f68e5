package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"infuse/fetch/api"
)

func TestParseHeaders(t *testing.T) {
	for in, want := range map[string]http.Header{
		"":                        {},
		"  \n":                    {},
		"k=v":                     {"K": {"v"}},
		"k=v k2='v 2'":            {"K": {"v"}, "K2": {"v 2"}},
		`a="x 'y' z"	b=c`:         {"A": {"x 'y' z"}, "B": {"c"}},
		"k=":                      {"K": {""}},
		"k= v":                    {"K": {"v"}}, // the official CLI skips blanks after the equals sign
		"k=a=b":                   {"K": {"a=b"}},
		`k='it\'s'`:               {"K": {`it\'s`}},
		"User-Agent=x accept=y":   {},
		"user-agent=x CF-Id=1":    {"Cf-Id": {"1"}},
		"k=one k=two":             {"K": {"two"}},
		"k='' j=1":                {"K": {""}, "J": {"1"}},
		"CF-Access-Client-Id=a.b": {"Cf-Access-Client-Id": {"a.b"}},
	} {
		got, err := api.ParseHeaders(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
	}
}

func TestParseHeadersRefuses(t *testing.T) {
	for _, in := range []string{"hunter2", "a=1 hunter2", "=hunter2", "na me", "k='hunter2", "k\x00=hunter2", "k='hunter2\r\nX: y'", "k:hunter2=1", "é=hunter2"} {
		h, err := api.ParseHeaders(in)
		if err == nil {
			t.Errorf("%q is accepted as %d headers", in, len(h))
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error repeats the input: %v", in, err)
		}
	}
}
