package api_test

import (
	"strings"
	"testing"

	"infuse/fetch/api"
)

func TestParseBase(t *testing.T) {
	for in, want := range map[string]string{
		"https://eu.infisical.com":          "https://eu.infisical.com",
		"  https://eu.infisical.com/\n":     "https://eu.infisical.com",
		"https://eu.infisical.com/api":      "https://eu.infisical.com",
		"https://eu.infisical.com/api/":     "https://eu.infisical.com",
		"https://eu.infisical.com//api//":   "https://eu.infisical.com",
		"https://h/api/api":                 "https://h/api",
		"https://h/infisical":               "https://h/infisical",
		"https://h/infisical/api/":          "https://h/infisical",
		"https://h/my%2Fprefix/":            "https://h/my%2Fprefix",
		"https://h/myapi":                   "https://h/myapi",
		"HTTPS://Secrets.Example.COM:8443/": "https://secrets.example.com:8443",
		"http://127.0.0.1:8080":             "http://127.0.0.1:8080",
		"http://[::1]:8080/x":               "http://[::1]:8080/x",
	} {
		u, err := api.ParseBase(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		} else if u.String() != want {
			t.Errorf("%q: %s, want %s", in, u, want)
		}
	}
}

func TestParseBaseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "empty",
		"   ":                          "empty",
		"eu.infisical.com":             "no scheme",
		"localhost:8080":               "no scheme",
		"eu.infisical.com/api":         "no scheme",
		"ftp://h":                      "ftp://",
		"file:///etc":                  "file://",
		"javascript:alert(1)":          "no scheme",
		"https://":                     "no host",
		"https:///path":                "no host",
		"https://:443":                 "no host",
		"https://me:hunter2@h":         "user information",
		"https://hunter2@h/":           "user information",
		"https://h/?token=hunter2":     "query",
		"https://h?":                   "query",
		"https://h/#hunter2":           "fragment",
		"https://h#":                   "fragment",
		"https://h:99999":              "port",
		"https://h:0":                  "port",
		"https://h:hunter2":            "not a valid URL",
		"https://h/%zzhunter2":         "not a valid URL",
		"https://hunter2\x00":          "not a valid URL",
		"https://me:hunter2@h:x:y/%zz": "not a valid URL",
	} {
		u, err := api.ParseBase(in)
		switch {
		case err == nil:
			t.Errorf("%q is accepted as %s", in, u)
		case !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want something about %q", in, err, want)
		case strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%q: the error repeats the password: %v", in, err)
		}
	}
}

func TestInsecure(t *testing.T) {
	for in, want := range map[string]bool{
		"https://h": false, "http://h": true, "http://10.0.0.1": true, "http://127.0.0.1:1": false, "http://127.9.9.9": false,
		"http://[::1]": false, "http://localhost": false, "http://app.localhost:80": false, "http://localhost.evil.com": true, "http://[fe80::1]": true,
	} {
		u, err := api.ParseBase(in)
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if got := api.Insecure(u); got != want {
			t.Errorf("Insecure(%s) = %v, want %v", in, got, want)
		}
	}
}
