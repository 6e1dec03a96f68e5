//go:build unix

package main

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"
)

// tlsFaults change the server's certificate between two connections.
func tlsFaults() []fault {
	with := func(name, says string, change func(*tls.Config, authority)) fault {
		return failingFault(fault{
			name: name, says: says,
			prepare: func(w *world) { serveTLS(w, change) },
			arm:     func(w *world) { w.bad.Store(true); w.door.cut() },
		}, "0", "0").logins("0", "0")
	}
	plain := failingFault(fault{
		name: "TLS: the server speaks none", says: "does not speak TLS",
		prepare: func(w *world) { serveTLS(w, func(*tls.Config, authority) {}) },
		arm: func(w *world) {
			w.door.fault(func(c net.Conn) {
				c.Read(make([]byte, 1<<10))
				io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
				c.Close()
			})
		},
	}, "1", "1").logins("0", "0")
	return []fault{
		with("TLS: certificate expired", "certificate expired on", func(c *tls.Config, ca authority) {
			c.Certificates = []tls.Certificate{ca.server(-time.Hour, "127.0.0.1")}
		}),
		with("TLS: unknown authority", "unknown authority", func(c *tls.Config, ca authority) {
			c.Certificates = []tls.Certificate{newAuthority("Somebody Else").server(time.Hour, "127.0.0.1")}
		}),
		with("TLS: certificate for another host", "not for 127.0.0.1", func(c *tls.Config, ca authority) {
			c.Certificates = []tls.Certificate{ca.server(time.Hour, "other.example.com")}
		}),
		with("TLS: the server wants a client certificate", "client certificate", func(c *tls.Config, _ authority) {
			c.ClientAuth = tls.RequireAnyClientCert
		}),
		plain,
	}
}

// serveTLS gives a world a certificate that infuse trusts, and, while the world
// is bad, a configuration that change has spoiled.
func serveTLS(w *world, change func(*tls.Config, authority)) {
	ca := newAuthority("Test Root")
	file := filepath.Join(w.dir, "ca.pem")
	check(w.t, os.WriteFile(file, ca.pem(), 0o600))
	w.env = map[string]string{"INFISICAL_CA_CERT": file}
	good := &tls.Config{Certificates: []tls.Certificate{ca.server(time.Hour, "127.0.0.1")}}
	bad := good.Clone()
	change(bad, ca)
	w.tls = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if w.bad.Load() {
			return bad, nil
		}
		return good, nil
	}}
}
