//go:build !linux

package runner

// monotonicMicroseconds is of use to systemd only.
func monotonicMicroseconds() int64 { return 0 }
