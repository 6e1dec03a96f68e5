//go:build !linux

package runner

// Harden does nothing here: what this system offers (a core limit, denying debuggers) would be inherited by the child.
func Harden() error { return nil }

// ScrubEnviron does nothing here: the block is not shown to others of the same user by a file.
func ScrubEnviron(names ...string) error { return nil }
