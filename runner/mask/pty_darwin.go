package mask

import (
	"bytes"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	ioctlGetTermios = unix.TIOCGETA
	ioctlSetTermios = unix.TIOCSETA
	disabled        = 0xff // _POSIX_VDISABLE: no such key
)

// openPTY returns a pseudo-terminal (the ioctls behind posix_openpt(3),
// grantpt(3), unlockpt(3) and ptsname(3)).
func openPTY() (file, end *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: "/dev/ptmx", Err: err}
	}
	file, err = newPTYFile(fd)
	var name [128]byte // what TIOCPTYGNAME fills
	for _, request := range []uintptr{unix.TIOCPTYGRANT, unix.TIOCPTYUNLK, unix.TIOCPTYGNAME} {
		if err == nil {
			err = ioctl(fd, request, unsafe.Pointer(&name[0]))
		}
	}
	if err == nil {
		path, _, _ := bytes.Cut(name[:], []byte{0})
		end, err = os.OpenFile(string(path), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return file, end, nil
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// quietly runs f: there is no mask of a single thread without cgo, and f is
// only called in the foreground.
func quietly(f func()) { f() }

// waitReadable is select(2) for two descriptors, -1 is none: poll(2) does not
// know terminals on older systems.
func waitReadable(a, b int, limit time.Duration) (aReady, bReady bool, err error) {
	if a >= unix.FD_SETSIZE || b >= unix.FD_SETSIZE {
		return false, false, unix.EMFILE
	}
	var set unix.FdSet
	for _, fd := range []int{a, b} {
		if fd >= 0 {
			set.Set(fd)
		}
	}
	var timeout *unix.Timeval
	if limit >= 0 {
		t := unix.NsecToTimeval(limit.Nanoseconds())
		timeout = &t
	}
	if _, err := unix.Select(max(a, b)+1, &set, nil, nil, timeout); err != nil && err != unix.EINTR {
		return false, false, err
	} else if err != nil {
		return false, false, nil
	}
	return a >= 0 && set.IsSet(a), set.IsSet(b), nil
}
