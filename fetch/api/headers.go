package api

import (
	"errors"
	"net/http"
	"strings"
)

// ParseHeaders reads the format of INFISICAL_CUSTOM_HEADERS,
//
//	CF-Access-Client-Id=abc CF-Access-Client-Secret='d e f'
//
// as the official CLI does: pairs separated by blanks, a value bare or in
// single or double quotes, in which a quote after a backslash does not end it
// (the backslash stays). User-Agent and Accept are skipped. Unlike there, a
// name or value that cannot stand in a header is an error, and no error quotes
// the input: these headers are credentials.
func ParseHeaders(s string) (http.Header, error) {
	h := http.Header{}
	for n := 1; ; n++ {
		s = strings.TrimSpace(s)
		if s == "" {
			return h, nil
		}
		name, rest, ok := strings.Cut(s, "=")
		if !ok || name == "" || !headerName(name) {
			return nil, headerError(n, "it is not written NAME=VALUE")
		}
		rest = strings.TrimLeft(rest, " \t\r\n")
		var value string
		if value, s, ok = headerValue(rest); !ok {
			return nil, headerError(n, "its value has no closing quote")
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, headerError(n, "its value holds a control character")
		}
		if strings.EqualFold(name, "User-Agent") || strings.EqualFold(name, "Accept") {
			continue
		}
		h.Set(name, value)
	}
}

func headerValue(s string) (value, rest string, ok bool) {
	if s == "" {
		return "", "", true
	}
	if q := s[0]; q == '"' || q == '\'' {
		for i := 1; i < len(s); i++ {
			if s[i] == q && s[i-1] != '\\' {
				return s[1:i], s[i+1:], true
			}
		}
		return "", "", false
	}
	if i := strings.IndexAny(s, " \t\r\n\v\f"); i >= 0 {
		return s[:i], s[i:], true
	}
	return s, "", true
}

// headerName reports whether s is a token of RFC 9110, section 5.6.2.
func headerName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0 {
			continue
		}
		return false
	}
	return s != ""
}

func headerError(n int, what string) error {
	return errors.New("custom headers: entry " + ordinal(n) + ": " + what)
}

func ordinal(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return "10 or later"
}

// headers is the outermost round tripper: who we are, and what a proxy in
// front of the server wants to see. What a request sets itself stays.
type headers struct {
	next  http.RoundTripper
	agent string
	extra http.Header
}

func (t *headers) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", t.agent)
	for name, values := range t.extra {
		if _, set := req.Header[name]; !set {
			req.Header[name] = values
		}
	}
	return t.next.RoundTrip(req)
}
