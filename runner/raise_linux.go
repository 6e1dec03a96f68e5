package runner

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Raise makes the process die of the signal, leaving no core file: what is in our memory is nobody's business. The Go
// runtime has a handler on every signal, so the default action is put back behind its back. It returns where that does
// not kill: process 1 is protected by the kernel, and ends with 128+n instead.
func Raise(sig syscall.Signal) {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	runtime.LockOSThread()
	_ = swapAction(sig, new(sigaction), nil)
	set := sigset(sig)
	_ = unix.PthreadSigmask(unix.SIG_UNBLOCK, &set, nil)
	_ = unix.Tgkill(unix.Getpid(), unix.Gettid(), sig)
}

// sigset is the set of the given signals, on 32 and 64 bit alike.
func sigset(signals ...syscall.Signal) (set unix.Sigset_t) {
	bits := 8 * uint(unsafe.Sizeof(set.Val[0]))
	for _, s := range signals {
		if n := uint(s) - 1; n < 64 {
			set.Val[n/bits] |= 1 << (n % bits)
		}
	}
	return set
}
