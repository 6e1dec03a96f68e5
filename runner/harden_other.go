//go:build !linux

package runner

// Harden does nothing here: what this system offers (a core limit, denying debuggers) would be inherited by the child.
func Harden() error { return nil }
