package runner

import (
	"os"
	"syscall"
	"unsafe"
)

// sigaction is the kernel's struct sigaction, of which the library's is a translation: at most 40 bytes on any
// architecture, and all zero is SIG_DFL on every one.
type sigaction [64]byte

// swapAction is rt_sigaction(2) behind the back of the Go runtime, which has a handler on every signal and no way to take
// it off. Neither pointer has to be there.
func swapAction(s syscall.Signal, next, previous *sigaction) syscall.Errno {
	const setSize = 8 // bytes in the kernel's sigset_t
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(next)), uintptr(unsafe.Pointer(previous)), setSize, 0, 0)
	return errno
}

// defaultActions are the handlers of the Go runtime that were taken off.
type defaultActions map[syscall.Signal]*sigaction

// set puts the default action on each signal. All of them or none: false.
func (d *defaultActions) set(signals []os.Signal) bool {
	*d = make(defaultActions, len(signals))
	for _, s := range signals {
		s, previous := s.(syscall.Signal), new(sigaction)
		if swapAction(s, new(sigaction), previous) != 0 {
			d.restore()
			return false
		}
		(*d)[s] = previous
	}
	return true
}

// restore puts the handlers back.
func (d *defaultActions) restore() {
	for s, previous := range *d {
		_ = swapAction(s, previous, nil)
	}
	*d = nil
}
