package runner

import (
	"fmt"
	"net"
	"strings"
)

// Notifier tells systemd, or whoever set NOTIFY_SOCKET, how things are going: sd_notify(3). A nil Notifier says nothing.
type Notifier struct{ address *net.UnixAddr }

// NewNotifier returns a Notifier for the value of NOTIFY_SOCKET; nil if it is empty. A name that starts with @ is in the
// abstract name space.
func NewNotifier(socket string) (*Notifier, error) {
	switch {
	case socket == "":
		return nil, nil
	case socket[0] != '/' && socket[0] != '@':
		return nil, fmt.Errorf("notify socket %q: neither a path nor an abstract name", socket)
	}
	return &Notifier{&net.UnixAddr{Name: socket, Net: "unixgram"}}, nil
}

// Ready says that the child runs. The parent of the child is the one systemd knows: units need NotifyAccess=all
// if the child is to talk as well.
func (n *Notifier) Ready(status string) error { return n.send("READY=1", "STATUS="+status) }

// Reloading says that a restart or reload has begun; Ready ends it.
func (n *Notifier) Reloading(status string) error {
	return n.send("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", monotonicMicroseconds()), "STATUS="+status)
}

// Stopping says that the end has begun.
func (n *Notifier) Stopping() error { return n.send("STOPPING=1") }

// Status is one line for people.
func (n *Notifier) Status(status string) error { return n.send("STATUS=" + status) }

func (n *Notifier) send(lines ...string) error {
	if n == nil {
		return nil
	}
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(line, "\n", " ")
	}
	conn, err := net.DialUnix("unixgram", nil, n.address)
	if err != nil {
		return fmt.Errorf("notifying the service manager: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("notifying the service manager: %w", err)
	}
	return nil
}
