//go:build faults && unix

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"infuse/fetch"
	"infuse/fetch/devserver"
	"infuse/fetch/secret"
)

const listRoute = "/api/v4/secrets"

// faultCases are the rows of the matrix.
func faultCases() []fault {
	var cases []fault
	for _, group := range [][]fault{statusFaults(), loginFaults(), wireFaults(), tlsFaults(), answerFaults(), tokenFaults(), clockFaults(), copyFaults()} {
		cases = append(cases, group...)
	}
	return cases
}

// failingFault is what comes of a server that fails: nothing starts, a copy stands
// in, a running program stays. At a start some failures are tried once more; a
// look while watching never is: the next look is its retry.
func failingFault(f fault, started, watched string) fault {
	f.first = want{got: gotNothing, status: 125, requests: started, logins: "1"}
	f.copied = want{got: gotCopy, requests: started, logins: "1"}
	f.watched = want{got: gotStays, status: 7, requests: watched, logins: "0"}
	return f
}

// refusedFault is what comes of an answer that is no: a copy is no help.
func refusedFault(f fault, started, watched string) fault {
	f = failingFault(f, started, watched)
	f.copied.got, f.copied.status = gotNothing, 125
	return f
}

// passingFault is what comes of a fault that is overcome.
func passingFault(f fault, started, startLogins, watched, watchedLogins string) fault {
	f.first = want{got: gotValue, requests: started, logins: startLogins}
	f.copied = f.first
	f.watched = want{got: gotNewValue, status: 7, requests: watched, logins: watchedLogins}
	return f
}

// retriedFault is what comes of a failure that is over after one retry.
func retriedFault(f fault) fault {
	f.first = want{got: gotValue, requests: "3", logins: "1", silent: true}
	f.copied = f.first
	f.watched = want{got: gotStays, status: 7, requests: "1", logins: "0"}
	return f
}

func listFault(f devserver.Fault) func(*world) {
	return func(w *world) {
		if f.Path == "" {
			f.Path = listRoute
		}
		if f.Times == 0 {
			f.Times = -1
		}
		w.server.Inject(f)
	}
}

func statusFaults() []fault {
	var cases []fault
	for _, status := range []int{408, 425, 429, 500, 502, 503, 504} {
		f := devserver.Fault{Status: status, Body: `{"statusCode":` + fmt.Sprint(status) + `,"message":"Not now","error":"Trouble"}`}
		cases = append(cases, failingFault(fault{name: fmt.Sprint(status, " ", http.StatusText(status)), arm: listFault(f), says: fmt.Sprint(status)}, "3", "1"))
	}
	for _, status := range []int{400, 403, 404, 422} {
		cases = append(cases, refusedFault(fault{name: fmt.Sprint(status, " ", http.StatusText(status)), arm: listFault(devserver.Fault{Status: status}), says: fmt.Sprint(status)}, "2", "1"))
	}
	// A refused token is replaced once, and no more.
	unauthorized := refusedFault(fault{name: "401 Unauthorized", arm: listFault(devserver.Fault{Status: 401}), says: "401", lasts: true}, "4", "3")
	unauthorized.first.logins, unauthorized.copied.logins, unauthorized.watched.logins = "2", "2", "1"
	page := devserver.HTML(502)
	return append(cases, unauthorized,
		retriedFault(fault{name: "503 once, then well", arm: listFault(devserver.Fault{Status: 503, Times: 1})}),
		retriedFault(fault{name: "429 with Retry-After: 1, then well", arm: listFault(devserver.Fault{Status: 429, Times: 1, Header: http.Header{"Retry-After": {"1"}}})}),
		retriedFault(fault{name: "503 with a Retry-After date, then well", arm: func(w *world) {
			date := time.Now().Add(time.Second).UTC().Format(http.TimeFormat)
			listFault(devserver.Fault{Status: 503, Times: 1, Header: http.Header{"Retry-After": {date}}})(w)
		}}),
		failingFault(fault{name: "429 with Retry-After: 3600", arm: listFault(devserver.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}), says: "429"}, "2", "1"),
		failingFault(fault{name: "429 that names 60 seconds in words", flags: []string{"--timeout", "50s"}, arm: listFault(devserver.Fault{Status: 429}), says: "429"}, "2", "1"),
		failingFault(fault{name: "502 with a web page", arm: listFault(page), says: "502.*not from Infisical"}, "3", "1"),
	)
}

// loginFaults: while watching, the token expires, so that a login is needed.
func loginFaults() []fault {
	login := func(f devserver.Fault) func(*world) {
		f.Path, f.Times = loginRoute, -1
		return func(w *world) {
			w.server.Inject(f)
			w.server.ExpireTokens(w.identity.ID)
		}
	}
	final := func(name string, arm func(*world), says string) fault {
		f := refusedFault(fault{name: name, arm: arm, says: says, lasts: true}, "1", "2")
		f.watched.logins = "1"
		return f
	}
	lost := failingFault(fault{name: "login: 503", arm: login(devserver.Fault{Status: 503}), says: "503"}, "2", "2")
	lost.first.logins, lost.copied.logins, lost.watched.logins = "2", "2", "1"
	page := devserver.HTML(200)
	walled := failingFault(fault{name: "login: a web page", arm: login(page), says: "web page"}, "1", "2-3")
	walled.watched.logins = "1-2"
	return []fault{
		final("login: 400", login(devserver.Fault{Status: 400}), "400"),
		final("login: 401, the client secret was revoked", func(w *world) {
			w.server.RevokeClientSecrets(w.identity.ID)
			w.server.ExpireTokens(w.identity.ID)
		}, "401"),
		final("login: 401, the identity is locked out", func(w *world) {
			for range 3 {
				w.tryLogin("not-the-client-secret")
			}
			w.server.ExpireTokens(w.identity.ID)
			w.resetCounts()
		}, "401.*locked"),
		final("login: 401, the client secret is used up", func(w *world) {
			w.server.Inject(devserver.Fault{Path: loginRoute, Times: -1, Status: 401, Body: `{"statusCode":401,"message":"Access denied due to client secret usage limit reached","error":"UnauthorizedError"}`})
			w.server.ExpireTokens(w.identity.ID)
		}, "usage limit"),
		final("login: 403", login(devserver.Fault{Status: 403}), "403"),
		final("login: 404, the identity is gone", login(devserver.Fault{Status: 404}), "404"),
		lost, walled,
	}
}

// tryLogin logs in from outside.
func (w *world) tryLogin(clientSecret string) {
	body := fmt.Sprintf(`{"clientId":%q,"clientSecret":%q}`, w.identity.ClientID, clientSecret)
	resp, err := http.Post(w.url+loginRoute, "application/json", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
}

// wireFaults break the connection itself, logins included.
func wireFaults() []fault {
	wire := func(name string, do func(net.Conn), says string) fault {
		f := failingFault(fault{name: name, says: says, arm: func(w *world) { w.door.fault(do) }}, "2", "1")
		f.first.logins, f.copied.logins = "0", "0"
		return f
	}
	slow := func(f fault) fault {
		f.flags = []string{"--timeout", "3s", "--cache-wait", "1s"}
		f.first.requests, f.copied.requests, f.watched.requests = "1-2", "1-2", "1"
		return f
	}
	refusedConnection := wire("connection refused", nil, "refused")
	refusedConnection.arm = func(w *world) { w.door.refuse() }
	refusedConnection.first.requests, refusedConnection.copied.requests, refusedConnection.watched.requests = "0", "0", "0"
	// An answer to a login that breaks off is not asked for again: it took place.
	middle := wire("reset in the middle of the answer", func(c net.Conn) {
		readRequest(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"accessToken\":\"")
		reset(c)
	}, "reset|closed")
	middle.first.requests, middle.copied.requests = "1", "1"
	return []fault{
		refusedConnection,
		wire("reset before the answer", func(c net.Conn) { readRequest(c); reset(c) }, "reset|closed"),
		wire("closed before the answer", func(c net.Conn) { readRequest(c); c.Close() }, "closed|reset"),
		middle,
		slow(wire("never an answer", func(c net.Conn) { readAll(c) }, "no answer within")),
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
		wire("headers without end", func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for line := "X-More: " + strings.Repeat("x", 1000) + "\r\n"; ; {
				if _, err := io.WriteString(c, line); err != nil {
					c.Close()
					return
				}
			}
		}, "headers of the answer are too large|reset|closed"),
		unknownHost(),
	}
}

// unknownHost: a name that no DNS server knows (RFC 6761, section 6.4). The
// start before the fault reaches the server through a proxy.
func unknownHost() fault {
	f := fault{name: "unknown host", says: "no such host|looking up"}
	f.setup = func(w *world) {
		w.env = map[string]string{"INFISICAL_URL": "http://fault.invalid", "http_proxy": "http://" + w.door.addr}
	}
	f.arm = func(w *world) { delete(w.env, "http_proxy") }
	f = failingFault(f, "0", "0")
	f.first.logins, f.copied.logins = "0", "0"
	f.watched = want{} // a running process keeps its proxy
	return f
}

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

// tlsFaults change the server's certificate between two connections.
func tlsFaults() []fault {
	with := func(name, says string, change func(*tls.Config, *authority)) fault {
		f := fault{name: name, says: says}
		f.setup = func(w *world) {
			ca := newAuthority(w.t, "Test Root")
			file := filepath.Join(w.dir, "ca.pem")
			if err := os.WriteFile(file, ca.pem, 0o600); err != nil {
				w.t.Fatal(err)
			}
			w.env = map[string]string{"INFISICAL_CA_CERT": file}
			good := ca.server(w.t, time.Hour, "127.0.0.1")
			bad := &tls.Config{Certificates: []tls.Certificate{good}}
			change(bad, ca)
			var mu sync.Mutex
			armed := false
			w.tls = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
				mu.Lock()
				defer mu.Unlock()
				if armed {
					return bad, nil
				}
				return &tls.Config{Certificates: []tls.Certificate{good}}, nil
			}}
			arm := func(on bool) {
				mu.Lock()
				defer mu.Unlock()
				armed = on
			}
			w.repair = func() { arm(false) }
			w.spoil = func() { arm(true); w.door.cut() }
		}
		f.arm = func(w *world) { w.spoil() }
		f = failingFault(f, "0", "0")
		f.first.logins, f.copied.logins = "0", "0"
		return f
	}
	plain := fault{name: "TLS: the server speaks none", says: "does not speak TLS"}
	plain.setup = with("", "", func(*tls.Config, *authority) {}).setup
	plain.arm = func(w *world) {
		w.door.fault(func(c net.Conn) {
			c.Read(make([]byte, 1<<10))
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
			c.Close()
		})
	}
	plain = failingFault(plain, "1", "1")
	plain.first.logins, plain.copied.logins = "0", "0"
	return []fault{
		with("TLS: certificate expired", "certificate expired on", func(c *tls.Config, ca *authority) {
			c.Certificates = []tls.Certificate{ca.server(nil, -time.Hour, "127.0.0.1")}
		}),
		with("TLS: unknown authority", "unknown authority", func(c *tls.Config, _ *authority) {
			c.Certificates = []tls.Certificate{newAuthority(nil, "Somebody Else").server(nil, time.Hour, "127.0.0.1")}
		}),
		with("TLS: certificate for another host", "not for 127.0.0.1", func(c *tls.Config, ca *authority) {
			c.Certificates = []tls.Certificate{ca.server(nil, time.Hour, "other.example.com")}
		}),
		with("TLS: the server wants a client certificate", "client certificate", func(c *tls.Config, _ *authority) {
			c.ClientAuth = tls.RequireAnyClientCert
		}),
		plain,
	}
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t testing.TB, name string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	return &authority{cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *authority) server(t testing.TB, valid time.Duration, host string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(valid),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	check(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// check is for what cannot fail but by a mistake of the test.
func check(t testing.TB, err error) {
	switch {
	case err == nil:
	case t == nil:
		panic(err)
	default:
		t.Helper()
		t.Fatal(err)
	}
}

// answerFaults are answers that are complete and wrong.
func answerFaults() []fault {
	answers := func(contentType, body string) func(*world) {
		return listFault(devserver.Fault{Status: 200, Body: body, Header: http.Header{"Content-Type": {contentType}}})
	}
	const isJSON = "application/json; charset=utf-8"
	custom := func(answer func(*world, http.ResponseWriter, *http.Request)) func(*world) {
		return func(w *world) {
			w.setAnswer(func(rw http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != listRoute {
					return false
				}
				answer(w, rw, r)
				return true
			})
		}
	}
	page := devserver.HTML(200)
	return []fault{
		failingFault(fault{name: "a web page at every address", arm: func(w *world) {
			listFault(devserver.Fault{Path: "/api/v4/*", Status: 200, Body: page.Body, Header: page.Header})(w)
			listFault(devserver.Fault{Path: "/api/v3/*", Status: 200, Body: page.Body, Header: page.Header})(w)
		}, says: "web page"}, "3", "2"),
		failingFault(fault{name: "an empty body", arm: custom(func(_ *world, rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", isJSON)
		}), says: "empty"}, "2", "1"),
		failingFault(fault{name: "JSON that is cut", arm: answers(isJSON, `{"secrets":[{"secretKey":"KEY","secretVal`), says: "cut"}, "2", "1"),
		failingFault(fault{name: "an answer shorter than it says", arm: listFault(devserver.Fault{Truncate: true}), says: "closed|broke off"}, "3", "1"),
		failingFault(fault{name: "wrong content type", arm: func(w *world) {
			w.setAnswer(func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/secrets") {
					return false
				}
				rw.Header().Set("Content-Type", "text/plain")
				io.WriteString(rw, "everything is fine")
				return true
			})
		}, says: "text/plain"}, "3", "2"),
		passingFault(fault{name: "no v4, but a web page: an old server", arm: answers("text/html", devserver.HTMLPage)}, "3", "1", "3", "0"),
		failingFault(fault{name: "JSON of another shape", arm: answers(isJSON, `{"secrets":"none","imports":7}`), says: "shape"}, "2", "1"),
		failingFault(fault{name: "JSON nested 100,000 deep", arm: answers(isJSON, `{"secrets":`+strings.Repeat("[", 100000)+strings.Repeat("]", 100000)+`}`), says: "JSON"}, "2", "1"),
		failingFault(fault{name: "100 MB", arm: listFault(devserver.Fault{Size: 100 << 20}), says: "larger than the limit"}, "2", "1"),
		failingFault(fault{name: "100 MB without a length", arm: custom(func(_ *world, rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", isJSON)
			io.WriteString(rw, `{"secrets":[{"secretKey":"KEY","secretValue":"`)
			for chunk := bytes.Repeat([]byte("x"), 1<<20); ; {
				if _, err := rw.Write(chunk); err != nil {
					return
				}
			}
		}), says: "larger than the limit"}, "2", "1"),
		failingFault(fault{name: "gzip bomb", arm: custom(func(_ *world, rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", isJSON)
			rw.Header().Set("Content-Encoding", "gzip")
			rw.Write(bomb())
		}), says: "larger than the limit"}, "2", "1"),
		failingFault(fault{name: "gzip that is broken", arm: custom(func(_ *world, rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", isJSON)
			rw.Header().Set("Content-Encoding", "gzip")
			io.WriteString(rw, "this is not gzip at all")
		}), says: "gzip|broke off"}, "3", "1"),
		failingFault(fault{name: "redirect loop", arm: listFault(devserver.Fault{Status: 302, Header: http.Header{"Location": {listRoute}}}), says: "redirects in a loop"}, "7", "6"),
		failingFault(fault{name: "redirect to another host", arm: func(w *world) {
			other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.elsewhere.Add(1) }))
			w.t.Cleanup(other.Close)
			listFault(devserver.Fault{Status: 307, Header: http.Header{"Location": {other.URL + listRoute}}})(w)
		}, says: "redirects to another host"}, "2", "1"),
		refusedFault(fault{name: "the identity lost the project", arm: func(w *world) { w.server.SetRole(w.identity.ID, w.project.ID(), "") }, lasts: true, says: "403"}, "2", "1"),
		refusedFault(fault{name: "the folder is gone", flags: []string{"--path", "/", "--path", "/app"}, arm: func(w *world) { w.project.DeleteFolder("dev", "/app") }, lasts: true, says: "no such folder.*/app"}, "2-3", "1-2"),
	}
}

// bomb is 100 MB in 100 kB.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	for range 100 {
		z.Write(chunk)
	}
	z.Close()
	return b.Bytes()
})

// tokenFaults: the token dies at the wrong moment. One new login makes it good.
func tokenFaults() []fault {
	// at calls do before the nth list is answered.
	at := func(n int, do func(*world)) func(*world) {
		return func(w *world) {
			seen := 0
			w.setAnswer(func(_ http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == listRoute {
					if seen++; seen == n {
						do(w)
					}
				}
				return false
			})
		}
	}
	revoke := func(w *world) { w.server.RevokeTokens(w.identity.ID) }
	expire := func(w *world) { w.server.ExpireTokens(w.identity.ID) }
	identity := func(id devserver.Identity) func(*world) { return func(w *world) { w.identity = id } }
	static := func(name string, arm func(*world)) fault {
		f := refusedFault(fault{name: name, setup: func(w *world) { w.static = true }, arm: arm, lasts: true, says: "refused the token"}, "1", "1")
		f.first.logins, f.copied.logins = "0", "0"
		return f
	}
	return []fault{
		static("a bare token that was revoked", revoke),
		static("a bare token that expired", expire),
		passingFault(fault{name: "the token is revoked before the list", arm: at(1, revoke)}, "4", "2", "4", "1"),
		passingFault(fault{name: "the token expires before the list", arm: at(1, expire)}, "4", "2", "4", "1"),
		passingFault(fault{name: "the token expires between two lists", flags: []string{"--path", "/app", "--path", "/"}, arm: at(2, expire)}, "5", "2", "6", "1"),
		passingFault(fault{name: "a token that is good for one request", setup: identity(devserver.Identity{Uses: 1})}, "2", "1", "6", "2"),
		passingFault(fault{name: "expiresIn 0: no limit", setup: identity(devserver.Identity{TTL: -1, MaxTTL: -1})}, "2", "1", "2", "0"),
	}
}

// clockFaults: the two clocks are a day apart. The server decides.
func clockFaults() []fault {
	skew := func(name string, by time.Duration) fault {
		now := func() time.Time { return time.Now().Add(by) }
		return passingFault(fault{name: name, setup: func(w *world) { w.config.Now = now }, arm: func(w *world) {
			w.setAnswer(func(rw http.ResponseWriter, _ *http.Request) bool {
				rw.Header().Set("Date", now().UTC().Format(http.TimeFormat))
				return false
			})
		}}, "2", "1", "2", "0")
	}
	return []fault{
		skew("the server's clock is a day ahead", 24*time.Hour),
		skew("the server's clock is a day behind", -24*time.Hour),
	}
}

// copyFaults are about the offline copy. While it cannot be written, what the
// server says counts. While it cannot be read, the server is down as well.
func copyFaults() []fault {
	const kept = "could not be kept"
	writing := func(name string, needs func() string, arm func(*world)) fault {
		f := passingFault(fault{name: name, keeps: true, needs: needs, arm: arm}, "2", "1", "2", "0")
		f.first.says, f.copied.says = kept, kept
		return f
	}
	reading := func(name, says string, arm func(*world)) fault {
		f := fault{name: name, keeps: true, says: says, flags: []string{"--cache-wait", "50s"}}
		f.arm = func(w *world) {
			if w.moment == firstStart { // there is a copy, and the server is well
				w.once()
			}
			arm(w)
			if w.moment == withCopy {
				w.door.refuse()
			}
		}
		f = passingFault(f, "2", "1", "2", "0")
		f.copied = want{got: gotNothing, status: 125, requests: "0", logins: "0"}
		return f
	}
	return []fault{
		writing("disk full: the copy", mountable, func(w *world) {
			w.mount()
			full := filepath.Join(w.cache, "full")
			if err := os.WriteFile(full, make([]byte, 1<<20), 0o600); err == nil {
				w.t.Fatal("the disk did not become full")
			}
		}),
		writing("read-only cache", mountable, func(w *world) {
			w.mount()
			check(w.t, mountReadOnly(w.cache))
		}),
		writing("the cache directory is a file", nil, func(w *world) {
			check(w.t, os.RemoveAll(w.cache))
			check(w.t, os.WriteFile(w.cache, nil, 0o600))
		}),
		reading("a damaged copy", "damaged", func(w *world) {
			w.editCopy(func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
		}),
		reading("a copy that is cut", "damaged", func(w *world) {
			w.editCopy(func(b []byte) []byte { return b[:len(b)/2] })
		}),
		reading("an empty copy", "damaged", func(w *world) {
			w.editCopy(func([]byte) []byte { return nil })
		}),
		reading("a foreign copy: another credential's", "another credential", func(w *world) {
			w.plantCopy("somebody-else's-client-secret", w.url, 0)
		}),
		reading("a foreign copy: another server's", "another scope, server or identity", func(w *world) {
			w.plantCopy(w.identity.ClientSecret, "https://elsewhere.example.com", 0)
		}),
		reading("a copy that is too old", "--cache-max-age", func(w *world) {
			w.plantCopy(w.identity.ClientSecret, w.url, -25*time.Hour)
		}),
		reading("a copy from the future", "clock", func(w *world) {
			w.plantCopy(w.identity.ClientSecret, w.url, 25*time.Hour)
		}),
		reading("a copy that others may write", "chmod", func(w *world) {
			check(w.t, os.Chmod(w.copyFile(), 0o666))
		}),
		reading("a cache directory that others may write", "chmod", func(w *world) {
			check(w.t, os.Chmod(w.cache, 0o777))
		}),
		reading("a link instead of the copy", "refused", func(w *world) {
			moved := filepath.Join(w.dir, "moved")
			check(w.t, os.Rename(w.copyFile(), moved))
			check(w.t, os.Symlink(moved, w.lastCopy))
		}),
		reading("a pipe instead of the copy", "refused", func(w *world) {
			name := w.copyFile()
			check(w.t, os.Remove(name))
			check(w.t, syscall.Mkfifo(name, 0o600))
		}),
		twoWriters(),
	}
}

// twoWriters: eight processes keep the same copy at once; what is there
// afterwards is whole.
func twoWriters() fault {
	f := fault{name: "eight processes write one copy", keeps: true, arm: func(w *world) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				var stderr lockedBuffer
				cmd := w.command(nil, "true")
				cmd.Stderr = &stderr
				if status := runToEnd(w.t, cmd); status != 0 || stderr.String() != "" {
					w.t.Errorf("one of the writers: status %d\n%s", status, stderr.String())
				}
			})
		}
		all.Wait()
		if left, _ := filepath.Glob(filepath.Join(w.cache, "*")); len(left) != 1 {
			w.t.Errorf("the cache holds %q", left)
		}
		w.before = w.now()
		w.project.Set("dev", "/", "KEY", "swordfish-third-value")
		w.mu.Lock()
		w.value = "swordfish-third-value"
		w.mu.Unlock()
		w.door.refuse()
	}}
	f.first = want{got: gotCopy, requests: "0", logins: "0"}
	f.copied = f.first
	return f
}

// mountable says why a small file system cannot be mounted here.
var mountable = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "infuse-mount-")
	if err != nil {
		return err.Error()
	}
	defer os.Remove(dir)
	if err := mountMemory(dir); err != nil {
		return "mounting a file system is not permitted: " + err.Error()
	}
	if err := unmount(dir); err != nil {
		return err.Error()
	}
	return ""
})

// mount puts a small file system in the place of the cache directory, with
// what is in it.
func (w *world) mount() {
	files, _ := filepath.Glob(filepath.Join(w.cache, "*.jwe"))
	contents := map[string][]byte{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		check(w.t, err)
		contents[file] = b
	}
	check(w.t, os.MkdirAll(w.cache, 0o700))
	check(w.t, mountMemory(w.cache))
	w.t.Cleanup(func() { check(w.t, unmount(w.cache)) })
	for file, b := range contents {
		check(w.t, os.WriteFile(file, b, 0o600))
	}
}

// copyFile is the one offline copy.
func (w *world) copyFile() string {
	files, err := filepath.Glob(filepath.Join(w.cache, "*.jwe"))
	if err != nil || len(files) != 1 {
		w.t.Fatalf("the cache holds %q (%v), want one copy", files, err)
	}
	w.lastCopy = files[0]
	return files[0]
}

func (w *world) editCopy(edit func([]byte) []byte) {
	b, err := os.ReadFile(w.copyFile())
	check(w.t, err)
	check(w.t, os.WriteFile(w.lastCopy, edit(b), 0o600))
}

// planted is a source of one old value.
type planted struct{ age time.Duration }

func (p planted) Fetch(context.Context, fetch.Scope) (*fetch.Snapshot, error) {
	return &fetch.Snapshot{
		Secrets:   []fetch.Secret{{Key: "KEY", Value: secret.New("swordfish-planted-value"), Origin: fetch.Origin{Environment: "dev", Path: "/"}}},
		FetchedAt: time.Now().Add(p.age),
	}, nil
}

// plantCopy replaces the copy by one with another key, server or age.
func (w *world) plantCopy(key, origin string, age time.Duration) {
	scope := fetch.Scope{ProjectID: w.project.ID(), Environment: "dev", Paths: []string{"/"}, Imports: true, Expand: true, Personal: true}
	dir := filepath.Join(w.dir, "planted")
	maker := &fetch.Copy{
		Dir: dir, Origin: origin, Identity: w.identity.ClientID, Key: secret.New(key),
		Source: planted{age},
	}
	_, err := maker.Fetch(w.t.Context(), scope)
	check(w.t, err)
	files, _ := filepath.Glob(filepath.Join(dir, "*.jwe"))
	if len(files) != 1 {
		w.t.Fatalf("planted %q", files)
	}
	b, err := os.ReadFile(files[0])
	check(w.t, err)
	if origin == w.url && filepath.Base(files[0]) != filepath.Base(w.copyFile()) {
		w.t.Fatal("the planted copy has another name than the one of infuse: the scope is not the same")
	}
	check(w.t, os.WriteFile(w.copyFile(), b, 0o600))
}
