package runner

import "errors"

const canExec = false

// Exec is not possible on Windows: a parent always stays. Use [Supervise].
func Exec(path string, argv, env []string) error {
	return startError(path, errors.ErrUnsupported)
}
