//go:build faults && unix

package main

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

// known is something that must not be printed: a secret value, a token, a
// client secret, a passphrase.
type known struct{ what, text string }

// scanForSecrets fails the test when output holds one of the secrets, as it is
// or encoded. It names which, and shows the line without it.
func scanForSecrets(t testing.TB, output string, secrets []known) {
	t.Helper()
	for _, secret := range secrets {
		if len(secret.text) < 6 { // found by accident
			continue
		}
		for _, form := range secretForms(secret.text) {
			at := strings.Index(output, form)
			if at < 0 {
				continue
			}
			line := output[strings.LastIndexByte(output[:at], '\n')+1:]
			line, _, _ = strings.Cut(line, "\n")
			t.Errorf("%s is in the output: %s", secret.what, strings.ReplaceAll(line, form, "<HERE>"))
			break
		}
	}
}

// secretForms are the ways in which a secret could be printed.
func secretForms(text string) []string {
	forms := []string{text}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) >= 8 && line != text {
			forms = append(forms, line)
		}
	}
	// Inside a longer base64 text the first and last characters depend on the
	// neighbours: what is left of each of the three alignments does not.
	for skip := range 3 {
		if len(text) < skip+9 {
			break
		}
		whole := (len(text) - skip) / 3 * 3
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(text[skip:skip+whole])))
		forms = append(forms, base64.URLEncoding.EncodeToString([]byte(text[skip:skip+whole])))
	}
	if escaped := url.QueryEscape(text); escaped != text {
		forms = append(forms, escaped, url.PathEscape(text))
	}
	return forms
}
