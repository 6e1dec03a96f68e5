package creds

import (
	"fmt"
	"strings"

	"infuse/fetch/api"
)

// ServerURL decides which server is asked. explicit is the address the user
// named ("" if none), the credential's URL the one that issued it. A credential
// that belongs to one server is never sent to another. The answer is "" when
// neither names one.
func ServerURL(explicit string, c Credential) (string, error) {
	if c.URL == "" {
		return explicit, nil
	}
	own, err := normalURL(c.URL)
	if err != nil {
		return "", &ProviderError{Provider: c.Provider, Err: fmt.Errorf("the server it belongs to: %w", err)}
	}
	if explicit == "" {
		return own, nil
	}
	asked, err := normalURL(explicit)
	if err != nil {
		return "", err
	}
	if canonical(asked) != canonical(own) {
		return "", &ProviderError{Provider: c.Provider, Err: wrong(
			"drop the URL, or use a credential of that server",
			"it belongs to %s, not to %s", own, asked)}
	}
	return own, nil
}

// canonical maps the two names of the US cloud to one.
func canonical(u string) string {
	if u == "https://app.infisical.com" {
		return api.DefaultBase
	}
	return u
}

// normalURL is the one spelling of an address that addresses are compared in.
func normalURL(s string) (string, error) {
	u, err := api.ParseBase(s)
	if err != nil {
		return "", err
	}
	if p := u.Port(); p == "443" && u.Scheme == "https" || p == "80" && u.Scheme == "http" {
		u.Host = strings.TrimSuffix(u.Host, ":"+p)
	}
	return u.String(), nil
}
