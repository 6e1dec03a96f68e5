//go:build !nokeyring && !(unix && !darwin)

package vault

// reachable: where there is no session bus the system answers itself.
func reachable() error { return nil }
