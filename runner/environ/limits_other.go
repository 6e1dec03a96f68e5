//go:build !linux && !windows

package environ

// SystemLimits are those of Darwin and the BSDs: ARG_MAX counts the strings and
// a pointer for each, and one string has no limit of its own
// (bsd/kern/kern_exec.c, NCARGS).
func SystemLimits() Limits {
	return Limits{Total: 1 << 20, Pointer: 8, Slack: 4096}
}
