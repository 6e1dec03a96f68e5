package mask

import "time"

var started = time.Now()

// cpuTime is the time that has passed: close enough on an idle machine.
func cpuTime() time.Duration { return time.Since(started) }
