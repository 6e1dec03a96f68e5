//go:build unix

package main

import (
	"io"
	"net"
)

// wireFaults break the connection itself, logins included.
func wireFaults() []fault {
	wire := func(name string, do func(net.Conn), says string) fault {
		return failingFault(fault{name: name, says: says, arm: func(w *world) { w.door.fault(do) }}, "2", "1").logins("0", "0")
	}
	slow := func(f fault) fault {
		f.flags = []string{"--timeout", "3s", "--cache-wait", "1s"}
		f.first.requests, f.copied.requests, f.watched.requests = "1-2", "1-2", "1"
		return f
	}
	// An answer to a login that breaks off is not asked for again: it took place.
	middle := wire("reset in the middle of the answer", func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"accessToken\":\"")
		reset(c)
	}, "reset|closed")
	middle.first.requests, middle.copied.requests = "1", "1"
	return []fault{
		failingFault(fault{name: "connection refused", says: "refused", arm: func(w *world) { w.door.refuse() }}, "0", "0").logins("0", "0"),
		wire("reset before the answer", func(c net.Conn) { readRequest(c); reset(c) }, "reset|closed"),
		wire("closed before the answer", func(c net.Conn) { readRequest(c); c.Close() }, "closed|reset"),
		middle,
		slow(wire("never an answer", readAll, "no answer within")),
		slow(wire("slow loris: a header byte now and then", func(c net.Conn) {
			readRequest(c)
			drip(c, "HTTP/1.1 200 OK\r\nX-Slow: ")
		}, "no answer within")),
		slow(wire("slow loris: a body byte now and then", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
			drip(c, "")
		}, "no answer within|stopped")),
		wire("not HTTP", func(c net.Conn) { readRequest(c); io.WriteString(c, "220 mail.example.com ESMTP\r\n"); c.Close() }, "not HTTP"),
		wire("an answer and another one that nobody asked for", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n{\"accessToken\":\"swordfish-of-somebody\"}")
			readAll(c)
		}, "503"),
		wire("headers without end", func(c net.Conn) { readRequest(c); flood(c) }, "headers of the answer are too large|reset|closed"),
		unknownHost(),
	}
}

// unknownHost: a name that no DNS server knows (RFC 6761, section 6.4). The
// start before the fault reaches the server through a proxy.
func unknownHost() fault {
	f := failingFault(fault{name: "unknown host", says: "no such host|looking up", prepare: func(w *world) {
		w.env = map[string]string{"INFISICAL_URL": "http://fault.invalid", "http_proxy": "http://" + w.door.addr}
	}, arm: func(w *world) { delete(w.env, "http_proxy") }}, "0", "0").logins("0", "0")
	f.watched = want{} // a running process keeps its proxy
	return f
}
