package runner

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Harden closes the process to others of the same user while it holds secrets: no core file, no ptrace, no reading of
// /proc/PID/{environ,mem,maps,fd}. Root still can. execve undoes it, so the child is as it would be without us; that is
// why it is this and not a core limit, which would be inherited.
func Harden() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("setting the process not dumpable: %w", err)
	}
	return nil
}

// ScrubEnviron overwrites the values of the named variables in the block that /proc/self/environ shows; unsetting them
// does not. Copies that the program made of them are not touched. Call it once, before other goroutines start.
func ScrubEnviron(names ...string) error {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return fmt.Errorf("scrubbing the environment: %w", err)
	}
	// proc_pid_stat(5): env_start and env_end are fields 50 and 51; the second one may hold anything, up to the last ')'.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 49 {
		return fmt.Errorf("scrubbing the environment: /proc/self/stat has %d fields", len(fields)+2)
	}
	start, err1 := strconv.ParseUint(fields[47], 10, 64)
	end, err2 := strconv.ParseUint(fields[48], 10, 64)
	if err1 != nil || err2 != nil || start == 0 || end <= start {
		return fmt.Errorf("scrubbing the environment: the kernel does not say where it is")
	}
	block := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), uintptr(start))), int(end-start))
	for len(block) > 0 {
		entry := block
		if i := bytes.IndexByte(block, 0); i >= 0 {
			entry, block = block[:i], block[i+1:]
		} else {
			block = nil
		}
		if i := bytes.IndexByte(entry, '='); i > 0 && slices.Contains(names, string(entry[:i])) {
			clear(entry[i+1:])
		}
	}
	return nil
}
