package environ

import (
	"cmp"
	"sort"
)

// Limits are what the operating system takes. Zero fields mean no limit.
type Limits struct {
	String int // bytes of one NAME=VALUE with its terminator
	Total  int // all of them and the command line, with Pointer bytes for each
	// Pointer is what the kernel counts beside each string.
	Pointer int
	// Slack is kept free for what the kernel adds: the auxiliary vector, the
	// interpreter of a script.
	Slack int
}

// LinuxLimits computes the limits of Linux for a soft stack limit in bytes
// (fs/exec.c, bprm_stack_limits): a quarter of the stack, at least 128 KiB, at
// most 6 MiB, and 32 pages for one string.
func LinuxLimits(stack uint64) Limits {
	return Limits{
		String:  32 * 4096,
		Total:   int(min(max(stack/4, 128<<10), 6<<20)),
		Pointer: 8,
		Slack:   4096,
	}
}

// check refuses an environment that does not fit beside args.
func (l Limits) check(entries []Entry, odd, args []string) error {
	var tooLong []Sized
	total := l.Slack
	for i := range entries {
		e := &entries[i]
		size := len(e.Name) + 1 + e.envSize() + 1
		if l.String > 0 && size > l.String {
			tooLong = append(tooLong, Sized{e.Name, e.Secret, size - 1})
		}
		total += size + l.Pointer
	}
	for _, s := range odd {
		total += len(s) + 1 + l.Pointer
	}
	for _, s := range args {
		total += len(s) + 1 + l.Pointer
	}
	if len(tooLong) > 0 {
		sortSized(tooLong)
		return &SizeError{String: true, Size: tooLong[0].Size, Limit: l.String - 1, Largest: tooLong}
	}
	if l.Total > 0 && total > l.Total {
		return &SizeError{Size: total, Limit: l.Total, Largest: largest(entries, 5)}
	}
	return nil
}

func largest(entries []Entry, n int) []Sized {
	sized := make([]Sized, 0, len(entries))
	for i := range entries {
		e := &entries[i]
		sized = append(sized, Sized{e.Name, e.Secret, len(e.Name) + 1 + e.envSize()})
	}
	sortSized(sized)
	return sized[:min(n, len(sized))]
}

func sortSized(s []Sized) {
	sort.Slice(s, func(i, j int) bool {
		return cmp.Or(cmp.Compare(s[j].Size, s[i].Size), cmp.Compare(s[i].Name, s[j].Name)) < 0
	})
}
