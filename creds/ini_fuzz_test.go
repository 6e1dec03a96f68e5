//go:build !noidentities

package creds

import (
	"strings"
	"testing"
)

// FuzzINI: any text is read to its end, and no value is made up.
func FuzzINI(f *testing.F) {
	f.Add("[default]\naws_access_key_id = A # c\n[profile x]\nregion=eu\n  nested = 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, section := range parseINI(text) {
			for key, value := range section {
				if !strings.Contains(text, value) || key != strings.TrimSpace(key) {
					t.Errorf("%q = %q", key, value)
				}
			}
		}
	})
}
