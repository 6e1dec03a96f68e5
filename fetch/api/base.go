package api

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// DefaultBase is the server that is asked when nothing names another.
const DefaultBase = "https://us.infisical.com"

// ParseBase reads the address of a server, such as https://eu.infisical.com or
// https://example.com/infisical. Trailing slashes and one trailing /api are
// dropped (the official tools write the address with and without it), a path
// prefix is kept. User information, a query and a fragment are refused, since
// they would travel with every request and into every log on the way. No
// error quotes the input: it may hold a password.
func ParseBase(s string) (*url.URL, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, errors.New("the server address is empty")
	}
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("the server address is not a valid URL: it looks like https://infisical.example.com")
	}
	u.Scheme = strings.ToLower(u.Scheme)
	switch {
	case !strings.Contains(s, "://"):
		return nil, errors.New("the server address has no scheme: it starts with https:// (or http:// on this machine)")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the server address starts with %s://: only https:// and http:// are known", u.Scheme)
	case u.User != nil:
		return nil, errors.New("the server address holds user information (the part before @): credentials are given separately")
	case strings.Contains(s, "?"):
		return nil, errors.New("the server address holds a query (the part after ?)")
	case strings.Contains(s, "#"):
		return nil, errors.New("the server address holds a fragment (the part after #)")
	case u.Hostname() == "":
		return nil, errors.New("the server address names no host")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return nil, errors.New("the server address has a port outside 1 to 65535")
		}
	}
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	prefix = strings.TrimRight(strings.TrimSuffix(prefix, "/api"), "/")
	return withPath(&url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, prefix)
}

// Insecure reports whether secrets would cross a network in the clear: http to
// a host that is not this machine.
func Insecure(u *url.URL) bool {
	if u.Scheme != "http" {
		return false
	}
	host := u.Hostname()
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761, section 6.3
		return false
	}
	ip := net.ParseIP(host)
	return ip == nil || !ip.IsLoopback()
}

// withPath returns a copy of u with an escaped path, so that a slash inside a
// segment (%2F in a secret's name) stays what it is.
func withPath(u *url.URL, escaped string) (*url.URL, error) {
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, errors.New("the address holds a broken % escape")
	}
	v := *u
	v.Path, v.RawPath = path, escaped
	return &v, nil
}
