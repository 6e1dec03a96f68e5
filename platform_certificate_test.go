//go:build unix

package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

// startTLS serves h by TLS. It asks for a client certificate, takes none or one
// of its own authority, and writes into the script's directory: ca.pem,
// client.pem and client.key of app.shop, other.pem and other.key of another
// name, stranger.pem and stranger.key of another authority.
func startTLS(ts *testscript.TestScript, h http.Handler) *httptest.Server {
	own, foreign := newAuthority("clients"), newAuthority("clients")
	pool := x509.NewCertPool()
	pool.AddCert(own.cert)
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that a script means to fail
	s.StartTLS()
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), certificatePEM(s), 0o600))
	for file, cert := range map[string]tls.Certificate{"client": own.issue("app.shop"), "other": own.issue("other.shop"), "stranger": foreign.issue("app.shop")} {
		der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(file+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}), 0o600))
		ts.Check(os.WriteFile(ts.MkAbs(file+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	}
	return s
}
