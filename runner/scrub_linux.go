package runner

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

// ScrubEnviron overwrites the values of the named variables in the block that /proc/self/environ shows; unsetting them
// does not. Copies are not touched, such as those that the Go runtime made of all of them: os.Environ stays as it is.
func ScrubEnviron(names ...string) error {
	block, err := ownBlock(50) // env_start, env_end
	if err != nil {
		return fmt.Errorf("scrubbing the environment: %w", err)
	}
	for entry := range entries(block) {
		if i := bytes.IndexByte(entry, '='); i > 0 && slices.Contains(names, string(entry[:i])) {
			clear(entry[i+1:])
		}
	}
	return nil
}

// ScrubArgs overwrites the end of command line arguments, in the block that ps(1) and /proc/self/cmdline show: keep says
// how much of an argument everybody may see. os.Args lies in that block: who still needs a part of it has to have copied
// it (strings.Clone), and nothing may read it meanwhile.
func ScrubArgs(keep func(arg string) int) error {
	block, err := ownBlock(48) // arg_start, arg_end
	if err != nil {
		return fmt.Errorf("scrubbing the arguments: %w", err)
	}
	for arg := range entries(block) {
		for i := keep(string(arg)); i < len(arg); i++ {
			arg[i] = '*'
		}
	}
	return nil
}

// ownBlock is the part of our memory between two addresses of /proc/self/stat, by the number of the first in
// proc_pid_stat(5). Field 2 may hold anything, up to the last ')'.
func ownBlock(field int) ([]byte, error) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < field-1 {
		return nil, fmt.Errorf("/proc/self/stat has %d fields", len(fields)+2)
	}
	start, err1 := strconv.ParseUint(fields[field-3], 10, 64)
	end, err2 := strconv.ParseUint(fields[field-2], 10, 64)
	if err1 != nil || err2 != nil || start == 0 || end <= start {
		return nil, fmt.Errorf("the kernel does not say where field %d of /proc/self/stat is", field)
	}
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), uintptr(start))), int(end-start)), nil
}

// entries are the parts of a block that end in NUL.
func entries(block []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(block) > 0 {
			entry, rest, _ := bytes.Cut(block, []byte{0})
			if block = rest; !yield(entry) {
				return
			}
		}
	}
}
