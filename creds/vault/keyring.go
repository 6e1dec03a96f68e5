package vault

import (
	"context"
	"errors"
	"fmt"
)

// service is the name the CLI stores its entries under.
const service = "infisical-cli"

// Keyring is the part of a keyring that is needed. Its Get returns an error that is
// ErrNoEntry, or keyring.ErrNotFound of github.com/zalando/go-keyring, when there is no entry.
type Keyring interface {
	Get(service, account string) (string, error)
}

// System is the operating system's keyring: Secret Service on Linux, Keychain
// on macOS, the Credential Manager on Windows.
type System struct {
	// SessionBus is DBUS_SESSION_BUS_ADDRESS of this process, where the Secret
	// Service is found. Without it, and without a bus in /run/user, nobody is asked.
	SessionBus string
}

func keyringPlace(account string) string { return "system keyring, entry " + account }

// readSystemKeyring waits no longer than ctx. A keyring that asks the user to
// unlock it cannot be interrupted: the question is then left open, and its
// goroutine ends with the answer or with the process.
func readSystemKeyring(ctx context.Context, ring Keyring, account string) ([]byte, error) {
	type answer struct {
		entry string
		err   error
	}
	got := make(chan answer, 1)
	go func() {
		entry, err := ring.Get(service, account)
		got <- answer{entry, err}
	}()
	var a answer
	select {
	case a = <-got:
	case <-ctx.Done():
		a.err = ctx.Err()
	}
	place := keyringPlace(account)
	switch {
	case errors.Is(a.err, errNotFound), errors.Is(a.err, ErrNoEntry):
		return nil, &Error{Place: place, Err: ErrNoEntry}
	case a.err != nil:
		return nil, &Error{Place: place, Err: fmt.Errorf("%w: %w", ErrKeyring, a.err)}
	}
	return []byte(a.entry), nil
}
