//go:build unix

package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// notifySocket is a place for sd_notify(3) messages that nobody reads.
func notifySocket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "infuse") // short: a socket's name has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: file, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = socket.Close()
		_ = os.RemoveAll(dir)
	})
	return file
}
