package vault

import "errors"

// What can be wrong with a login. ErrNotLoggedIn alone means that there is none.
var (
	ErrNotLoggedIn  = errors.New("not logged in with the Infisical CLI")
	ErrConfig       = errors.New("not a config file of the Infisical CLI")
	ErrNoPassphrase = errors.New("the file vault needs a passphrase, and there is none")
	ErrPassphrase   = errors.New("the passphrase does not open this vault")
	ErrNoEntry      = errors.New("no entry for this user")
	ErrDamaged      = errors.New("the vault's entry is damaged")
	ErrIterations   = errors.New("the vault's entry asks for an absurd amount of work (p2c)")
	ErrUnsupported  = errors.New("the vault's entry is encrypted in an unknown way")
	ErrNoToken      = errors.New("the vault's entry holds no token")
	ErrKeyring      = errors.New("the system keyring cannot be read")
)

// Error is a login that is there but cannot be used.
type Error struct {
	Place string // a file, or the system keyring and the account in it
	Err   error
}

func (e *Error) Error() string { return e.Place + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Hint is the next step.
func (e *Error) Hint() string {
	switch {
	case errors.Is(e.Err, ErrNoPassphrase), errors.Is(e.Err, ErrPassphrase):
		return "set INFISICAL_VAULT_FILE_PASSPHRASE, or run 'infisical login' again"
	case errors.Is(e.Err, ErrKeyring):
		return "unlock the keyring, or run 'infisical vault set file' and 'infisical login' where there is none"
	case errors.Is(e.Err, ErrConfig):
		return "remove the file and run 'infisical login'"
	}
	return "run 'infisical login'"
}
