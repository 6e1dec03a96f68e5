//go:build unix && !linux

package envfile

import (
	"errors"
	"testing"
)

func mountSmall(string) error { return errors.New("only Linux has tmpfs") }

func unmount(*testing.T, string) {}
