//go:build !linux

package runner

import (
	"errors"
	"fmt"
	"os"
)

// SealedFile needs Linux: other systems have no sealed memory files that a path leads to.
func SealedFile(name string, data []byte) (*os.File, error) {
	return nil, fmt.Errorf("memory file for %s: %w", name, errors.ErrUnsupported)
}

// PathForExec needs Linux.
func PathForExec(f *os.File) (string, error) {
	return "", fmt.Errorf("memory file %s: %w", f.Name(), errors.ErrUnsupported)
}
