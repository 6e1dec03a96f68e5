package environ

import "golang.org/x/sys/unix"

// SystemLimits reads the limits of this process, which a child inherits.
func SystemLimits() Limits {
	var stack unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &stack); err != nil {
		return LinuxLimits(8 << 20)
	}
	return LinuxLimits(stack.Cur)
}
