//go:build unix && !linux

package runner

import (
	"errors"
	"syscall"
	"time"
)

// becomeSubreaper: orphans go to process 1 here.
func becomeSubreaper() (undo func(), err error) { return func() {}, errors.ErrUnsupported }

func deathSignal(*syscall.SysProcAttr) {}

func (t *tree) childless() bool { return false }

// reap: there are no orphans to collect; the child and the helper are waited for by number.
func (t *tree) reap(time.Time, *news) {}
