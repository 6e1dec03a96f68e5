package runner

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// SealedFile puts data into a file that lives in memory only and that nobody can change any more. name is shown in
// /proc/PID/fd and is no secret. The file is closed by execve; see [PathForExec] and [Config.Files].
func SealedFile(name string, data []byte) (*os.File, error) {
	name = name[:min(len(name), 249)] // memfd_create(2)
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("creating a memory file for %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), "memfd:"+name)
	if err := fill(f, data); err != nil {
		f.Close()
		return nil, fmt.Errorf("filling the memory file for %s: %w", name, err)
	}
	if _, err := os.Stat(fdPath(os.Getpid(), fd)); err != nil {
		f.Close()
		return nil, fmt.Errorf("memory file for %s: its path leads through /proc, which is not mounted here", name)
	}
	return f, nil
}

func fill(f *os.File, data []byte) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	if _, err := f.Seek(0, 0); err != nil {
		return err
	}
	if err := f.Chmod(0o444); err != nil { // who may come this far is decided by /proc/PID/fd
		return err
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	_, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals)
	return err
}

// PathForExec lets the file survive execve and returns the path under which the program that [Exec] starts, and all its
// children, can open it: by our process id, which stays. (/proc/self/fd would be lost below programs that close what they
// do not know.)
func PathForExec(f *os.File) (string, error) {
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil {
		return "", fmt.Errorf("keeping %s open: %w", f.Name(), err)
	}
	return fdPath(os.Getpid(), int(f.Fd())), nil
}

func fdPath(pid, fd int) string {
	return "/proc/" + strconv.Itoa(pid) + "/fd/" + strconv.Itoa(fd)
}
