package api

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
)

// TestLateAlert: the alert about a client certificate is named though net/http
// met it while it wrote the request, and wrapped it.
func TestLateAlert(t *testing.T) {
	alert := &net.OpError{Op: "remote error", Err: errors.New("tls: unknown certificate authority")}
	for _, err := range []error{
		alert,
		fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", alert),
		&url.Error{Op: "Post", URL: "https://h/x?secret", Err: fmt.Errorf("write: %w", alert)},
	} {
		e := networkError(Call{Method: "POST", Path: "/x"}, &url.URL{Scheme: "https", Host: "h"}, err)
		if !strings.Contains(e.Error(), "h: TLS: the server refused: unknown certificate authority (does it want a client certificate?)") {
			t.Errorf("%v became %v", err, e)
		}
	}
}
