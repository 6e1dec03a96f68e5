package runner

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// DefaultPath is where a command is looked for when there is no PATH at all.
const DefaultPath = `C:\Windows\System32`

func samePathVariable(key string) bool { return strings.EqualFold(key, "PATH") }

// Lookup finds the file that name means on the given PATH, with the extensions of PATHEXT's usual value. The working
// directory is searched only when it is named: an empty element is skipped.
//
// The error is a [*StartError].
func Lookup(name, path string) (string, error) {
	if strings.ContainsAny(name, `/\:`) {
		return withExtension(name, name)
	}
	for _, dir := range filepath.SplitList(path) {
		if dir == "" {
			continue
		}
		if file, err := withExtension(name, filepath.Join(dir, name)); err == nil {
			return file, nil
		}
	}
	return "", startError(name, syscall.ERROR_FILE_NOT_FOUND)
}

func withExtension(name, file string) (string, error) {
	if filepath.Ext(file) != "" && isFile(file) {
		return file, nil
	}
	for _, ext := range []string{".com", ".exe", ".bat", ".cmd"} {
		if isFile(file + ext) {
			return file + ext, nil
		}
	}
	return "", startError(name, syscall.ERROR_FILE_NOT_FOUND)
}

func isFile(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}

func startError(command string, err error) *StartError {
	status := 126
	if errors.Is(err, fs.ErrNotExist) {
		status = 127
	}
	return &StartError{Command: command, Status: status, Err: err}
}
