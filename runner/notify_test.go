//go:build unix

package runner

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestNotifier(t *testing.T) {
	names := []string{filepath.Join(t.TempDir(), "notify")}
	if runtime.GOOS == "linux" {
		names = append(names, fmt.Sprintf("@infuse-test-%d", os.Getpid()))
	}
	for _, name := range names {
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		n, err := NewNotifier(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			send func() error
			want string
		}{
			{func() error { return n.Ready("serving\nREADY=0") }, "READY=1\nSTATUS=serving READY=0"},
			{func() error { return n.Reloading("restart") }, "RELOADING=1\nMONOTONIC_USEC="},
			{func() error { return n.Status("3 secrets") }, "STATUS=3 secrets"},
			{n.Stopping, "STOPPING=1"},
		} {
			if err := test.send(); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
			b := make([]byte, 1000)
			read, err := conn.Read(b)
			if err != nil || !strings.HasPrefix(string(b[:read]), test.want) {
				t.Errorf("%s: %q, %v; want %q", name, b[:read], err, test.want)
			}
			if runtime.GOOS == "linux" && strings.Contains(test.want, "MONOTONIC") && strings.Contains(string(b[:read]), "USEC=0\n") {
				t.Error("no time")
			}
		}
	}
}

func TestNotifierWithoutSocket(t *testing.T) {
	n, err := NewNotifier("")
	if err != nil || n.Ready("x") != nil || n.Stopping() != nil {
		t.Error("a missing socket is an error")
	}
	if _, err := NewNotifier("relative"); err == nil {
		t.Error("a relative name was taken")
	}
	gone, err := NewNotifier(filepath.Join(t.TempDir(), "gone"))
	if err != nil {
		t.Fatal(err)
	}
	if gone.Ready("x") == nil {
		t.Error("nobody listens, and it is no error")
	}
}
