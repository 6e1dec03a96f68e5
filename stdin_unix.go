//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// emptyStdin puts /dev/null in the place of a standard input that was read to
// its end for a credential, so that COMMAND does not wait on what is left of it.
func emptyStdin() error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	return dup2(int(null.Fd()), unix.Stdin)
}
