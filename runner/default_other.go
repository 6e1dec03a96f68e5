//go:build !linux

package runner

import "os"

// defaultActions cannot be put in place without the C library.
type defaultActions struct{}

func (*defaultActions) set([]os.Signal) bool { return false }

func (*defaultActions) restore() {}
