package runner

import "golang.org/x/sys/unix"

// monotonicMicroseconds is what Type=notify-reload wants to see next to RELOADING=1.
func monotonicMicroseconds() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return ts.Nano() / 1000
}
