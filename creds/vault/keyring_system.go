//go:build !nokeyring

package vault

import "github.com/zalando/go-keyring"

var errNotFound = keyring.ErrNotFound

// Get asks the operating system.
func (s System) Get(service, account string) (string, error) {
	if err := s.reachable(); err != nil {
		return "", err
	}
	return keyring.Get(service, account)
}
