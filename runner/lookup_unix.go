//go:build unix

package runner

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// DefaultPath is where execvp(3) looks when there is no PATH at all.
const DefaultPath = "/bin:/usr/bin"

func samePathVariable(key string) bool { return key == "PATH" }

// Lookup finds the file that execvp(3) would run for name on the given PATH, which should be the one the child will have.
// A name with a slash is not searched for. An empty element is the working directory; a file that is there and may not be
// executed is remembered, and is the error only if no later element has a better one.
//
// The error is a [*StartError]. The result always holds a slash.
func Lookup(name, path string) (string, error) {
	if name == "" {
		return "", startError(name, syscall.ENOENT)
	}
	if strings.Contains(name, "/") {
		if err := executable(name); err != nil {
			return "", startError(name, err)
		}
		return name, nil
	}
	var refused error
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			dir = "."
		}
		file := strings.TrimSuffix(dir, "/") + "/" + name
		err := executable(file)
		switch {
		case err == nil:
			return file, nil
		case errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EISDIR):
			if refused == nil {
				refused = fmt.Errorf("%s: %w", file, err)
			}
		case notThere(err):
		default:
			return "", startError(name, fmt.Errorf("%s: %w", file, err))
		}
	}
	if refused != nil {
		return "", startError(name, refused)
	}
	return "", startError(name, notOnPath{})
}

// notOnPath is ENOENT in words of its own.
type notOnPath struct{}

func (notOnPath) Error() string { return "not found on PATH" }
func (notOnPath) Unwrap() error { return syscall.ENOENT }

// notThere lists the errors after which glibc's execvp tries the next directory.
func notThere(err error) bool {
	for _, e := range []syscall.Errno{syscall.ENOENT, syscall.ENOTDIR, syscall.ESTALE, syscall.ENODEV, syscall.ETIMEDOUT} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// executable asks what execve(2) would: a regular file that this user may execute, on a file system that allows it.
func executable(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		if e, ok := errors.AsType[*os.PathError](err); ok {
			return e.Err
		}
		return err
	}
	if info.IsDir() {
		return syscall.EISDIR
	}
	if !info.Mode().IsRegular() {
		return syscall.EACCES
	}
	return unix.Faccessat(unix.AT_FDCWD, file, unix.X_OK, unix.AT_EACCESS)
}

// startError gives an exec error its status: 127 for what is not there, 126 for the rest.
func startError(command string, err error) *StartError {
	status := 126
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) {
		status = 127
	}
	return &StartError{Command: command, Status: status, Err: err}
}
