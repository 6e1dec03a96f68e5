//go:build nokeyring

package vault

import (
	"strings"
	"testing"
)

// TestAbsentKeyring: a build without the system keyring says so.
func TestAbsentKeyring(t *testing.T) {
	_, err := System{}.Get(service, "me@example.com")
	if err == nil || !strings.Contains(err.Error(), "not in this build of infuse") {
		t.Error(err)
	}
}
