package api

import (
	"fmt"
	"net/http"
	"net/url"
)

// maxRedirects is how many redirects one request follows.
const maxRedirects = 5

// redirectError is a redirect that is not followed.
type redirectError struct{ reason string }

func (e *redirectError) Error() string { return e.reason }

// checkRedirect follows redirects on the same host only. net/http takes the
// Authorization header off on the way to another host, but the custom headers
// are credentials too, and a body may be one: nothing of ours goes elsewhere.
// The target is named by scheme and host; its path and query may hold
// someone's tokens.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from, to := via[len(via)-1].URL, req.URL
	target := clean(to.Scheme+"://"+to.Host, 300)
	switch {
	case to.Scheme != "http" && to.Scheme != "https", to.User != nil:
		return &redirectError{"the server redirects to an address that is not followed"}
	case from.Scheme == "https" && to.Scheme == "http":
		return &redirectError{"the server redirects from https to " + target + ": not followed"}
	case !sameServer(from, to):
		return &redirectError{"the server redirects to another host (" + target + "): not followed, credentials are not sent along"}
	case req.Method != via[0].Method:
		// 301, 302 and 303 turn a POST into a GET without a body.
		return &redirectError{fmt.Sprintf("the server redirects a %s to %s, which would lose it: use that address", via[0].Method, target)}
	case len(via) > maxRedirects:
		return &redirectError{fmt.Sprintf("the server redirects in a loop: more than %d redirects", maxRedirects)}
	}
	return nil
}

// sameServer reports whether a redirect stays: the same scheme, host and port,
// or the step up from http to https of one host.
func sameServer(from, to *url.URL) bool {
	if from.Hostname() != to.Hostname() {
		return false
	}
	if from.Scheme == to.Scheme {
		return port(from) == port(to)
	}
	return from.Scheme == "http" && to.Scheme == "https"
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}
