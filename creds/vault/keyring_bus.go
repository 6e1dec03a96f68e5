//go:build !nokeyring && unix && !darwin

package vault

import (
	"errors"
	"fmt"
	"os"
)

// reachable reports that there is no session bus, by the same signs by which
// godbus looks for one. Without a sign it would run dbus-launch(1), whose daemon
// stays behind for good and has no keyring.
func (s System) reachable() error {
	if s.SessionBus != "" && s.SessionBus != "autolaunch:" {
		return nil
	}
	for _, sign := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(fmt.Sprintf("/run/user/%d/%s", os.Getuid(), sign)); err == nil {
			return nil
		}
	}
	return errors.New("no session bus: DBUS_SESSION_BUS_ADDRESS is not set")
}
