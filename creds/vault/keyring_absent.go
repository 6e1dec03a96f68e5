//go:build nokeyring

package vault

import "errors"

// errNotFound is what no keyring of such a build says.
var errNotFound = errors.New("no entry")

// Get of a build with the tag nokeyring only says so.
func (System) Get(service, account string) (string, error) {
	return "", errors.New("not in this build of infuse: use one without the tag nokeyring, or the file vault (`infisical vault set file`)")
}
