// Package vault reads what the official Infisical CLI leaves behind after
// `infisical login`: its config file, and the token in one of its two vaults.
//
//	login, err := vault.Open(ctx, vault.Config{Home: home})
//	if errors.Is(err, vault.ErrNotLoggedIn) {
//		// nobody logged in: not an error for most
//	}
//
// The "file" vault is one encrypted file a user in ~/infisical-keyring; the
// "auto" vault is the keyring of the operating system. Nothing is ever written.
//
// Every other failure is an *[Error] that names the file and wraps one of the
// Err values of this package.
package vault
