//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// door is a loopback address in front of a server. A wire fault takes the
// connections before the server sees them.
type door struct {
	addr  string
	taken atomic.Int64 // connections that a wire fault took

	t      testing.TB
	pass   chan net.Conn
	closed chan struct{}
	close  func() // closes closed, once
	work   sync.WaitGroup

	mu    sync.Mutex
	in    net.Listener // nil: refused
	wire  func(net.Conn)
	conns map[net.Conn]bool
}

func newDoor(t testing.TB) *door {
	d := &door{t: t, addr: reservePort(t), pass: make(chan net.Conn), closed: make(chan struct{}), conns: map[net.Conn]bool{}}
	d.close = sync.OnceFunc(func() { close(d.closed) })
	d.listen()
	t.Cleanup(func() {
		d.refuse()
		d.Close()
		d.work.Wait()
	})
	return d
}

// reservePort binds a port of 127.0.0.1 and never listens there: who connects is
// refused, and nobody else can have it while the door does not listen either.
func reservePort(t testing.TB) string {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	check(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	check(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
	check(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	bound, err := unix.Getsockname(fd)
	check(t, err)
	return fmt.Sprintf("127.0.0.1:%d", bound.(*unix.SockaddrInet4).Port)
}

// sharePort lets a listener have the reserved port.
func sharePort(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
	return errors.Join(err, failed)
}

func (d *door) listen() {
	in, err := (&net.ListenConfig{Control: sharePort}).Listen(context.Background(), "tcp", d.addr)
	if err != nil {
		d.t.Fatal(err)
	}
	d.mu.Lock()
	d.in = in
	d.mu.Unlock()
	d.work.Go(func() {
		for {
			conn, err := in.Accept()
			if err != nil {
				return
			}
			d.let(conn)
		}
	})
}

func (d *door) let(conn net.Conn) {
	d.mu.Lock()
	wire := d.wire
	d.conns[conn] = true
	d.mu.Unlock()
	if wire != nil {
		d.taken.Add(1)
		d.work.Go(func() { wire(conn) })
		return
	}
	select {
	case d.pass <- conn:
	case <-d.closed:
		conn.Close()
	}
}

// fault gives every connection from now on to wire, and ends those there are.
func (d *door) fault(wire func(net.Conn)) {
	d.mu.Lock()
	d.wire = wire
	d.mu.Unlock()
	d.cut()
}

// cut ends every connection.
func (d *door) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn := range d.conns {
		conn.Close()
	}
	clear(d.conns)
}

// refuse stops listening.
func (d *door) refuse() {
	d.mu.Lock()
	if d.in != nil {
		d.in.Close()
	}
	d.in = nil
	d.mu.Unlock()
	d.cut()
}

// heal takes the fault away.
func (d *door) heal() {
	d.mu.Lock()
	open := d.in != nil
	d.wire = nil
	d.mu.Unlock()
	d.cut()
	if !open {
		d.listen()
	}
}

// The methods of net.Listener, for the server behind the door.

func (d *door) Accept() (net.Conn, error) {
	select {
	case conn := <-d.pass:
		return conn, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

func (d *door) Close() error   { d.close(); return nil }
func (d *door) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// What wire faults do with a connection.

func readRequest(c net.Conn) {
	buf := make([]byte, 16<<10)
	var got []byte
	for !bytes.Contains(got, []byte("\r\n\r\n")) {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		got = append(got, buf[:n]...)
	}
}

func readAll(c net.Conn) { io.Copy(io.Discard, c); c.Close() }

// reset closes a connection so that the other side sees ECONNRESET.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}

// drip sends bytes that come to no end.
func drip(c net.Conn, start string) {
	defer c.Close()
	io.WriteString(c, start)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for range ticker.C {
		if _, err := io.WriteString(c, "1"); err != nil {
			return
		}
	}
}

// flood sends one header line after the other.
func flood(c net.Conn) {
	defer c.Close()
	io.WriteString(c, "HTTP/1.1 200 OK\r\n")
	for line := "X-More: " + string(bytes.Repeat([]byte("x"), 1000)) + "\r\n"; ; {
		if _, err := io.WriteString(c, line); err != nil {
			return
		}
	}
}
