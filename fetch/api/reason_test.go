package api

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
)

// TestAlertInTime: whether the server's alert comes before or after the request
// was written is chance; the words are the same.
func TestAlertInTime(t *testing.T) {
	alert := &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}
	for _, err := range []error{alert, fmt.Errorf("readLoopPeekFailLocked: %w", alert)} {
		if got := reason(&url.URL{Host: "h"}, err); !strings.HasPrefix(got, "h: TLS: the server refused: certificate required (does it") {
			t.Errorf("%v: %s", err, got)
		}
	}
}
