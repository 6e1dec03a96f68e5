package vault

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// readFileVault opens the user's file in ~/infisical-keyring.
func readFileVault(config Config, file *configFile, login *Login) ([]byte, error) {
	path := filepath.Join(config.Home, "infisical-keyring", fileName(file.Email))
	b, err := readRegular(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{Place: path, Err: ErrNoEntry}
	case err != nil:
		return nil, &Error{Place: path, Err: err}
	}
	login.Files = append(login.Files, path)
	passphrase := file.passphrase(config.Passphrase)
	if passphrase.Empty() {
		return nil, &Error{Place: path, Err: ErrNoPassphrase}
	}
	plain, err := decrypt(strings.TrimSpace(string(b)), passphrase)
	if err != nil {
		return nil, &Error{Place: path, Err: err}
	}
	return plain, nil
}

// fileName escapes an account as the CLI's keyring does: only / and %. The
// names . and .. would leave the directory and are nobody's address.
func fileName(account string) string {
	name := strings.NewReplacer("%", "%25", "/", "%2F").Replace(account)
	if name == "." || name == ".." {
		name = strings.ReplaceAll(name, ".", "%2E")
	}
	return name
}
