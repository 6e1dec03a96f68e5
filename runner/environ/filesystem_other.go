//go:build !linux

package environ

// OnDisk is known on Linux only.
func OnDisk(string) bool { return false }
