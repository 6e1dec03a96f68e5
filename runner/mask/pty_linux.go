package mask

import (
	"os"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	ioctlGetTermios = unix.TCGETS
	ioctlSetTermios = unix.TCSETS
	disabled        = 0 // _POSIX_VDISABLE: no such key
)

// openPTY returns a pseudo-terminal (pts(4)). Nobody's controlling terminal
// changes by that.
func openPTY() (file, end *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: "/dev/ptmx", Err: err}
	}
	file, err = newPTYFile(fd)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	var number uint32
	if err == nil {
		number, err = unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	}
	if err == nil {
		end, err = os.OpenFile("/dev/pts/"+strconv.FormatUint(uint64(number), 10), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return file, end, nil
}

// quietly runs f with SIGTTOU and SIGTTIN blocked, so that a terminal that has
// just been given to somebody else does not stop us (tcsetattr(3)). Blocked,
// not ignored: a child would inherit that.
func quietly(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set, old unix.Sigset_t
	word := 8 * int(unsafe.Sizeof(set.Val[0]))
	for _, sig := range []int{int(unix.SIGTTOU), int(unix.SIGTTIN)} {
		set.Val[(sig-1)/word] |= 1 << ((sig - 1) % word)
	}
	if unix.PthreadSigmask(unix.SIG_BLOCK, &set, &old) == nil {
		defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }()
	}
	f()
}

// waitReadable is poll(2) for two descriptors; -1 is none.
func waitReadable(a, b int, limit time.Duration) (aReady, bReady bool, err error) {
	fds := []unix.PollFd{{Fd: int32(a), Events: unix.POLLIN}, {Fd: int32(b), Events: unix.POLLIN}}
	timeout := -1
	if limit >= 0 {
		timeout = int(limit.Milliseconds())
	}
	if _, err := unix.Poll(fds, timeout); err != nil && err != unix.EINTR {
		return false, false, err
	} else if err != nil {
		return false, false, nil
	}
	return fds[0].Revents != 0, fds[1].Revents != 0, nil
}
