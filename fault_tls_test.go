//go:build unix

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// tlsFaults change the server's certificate between two connections.
func tlsFaults() []fault {
	with := func(name, says string, change func(*tls.Config, *authority)) fault {
		return failingFault(fault{
			name: name, says: says,
			prepare: func(w *world) { serveTLS(w, change) },
			arm:     func(w *world) { w.bad.Store(true); w.door.cut() },
		}, "0", "0").logins("0", "0")
	}
	plain := failingFault(fault{
		name: "TLS: the server speaks none", says: "does not speak TLS",
		prepare: func(w *world) { serveTLS(w, func(*tls.Config, *authority) {}) },
		arm: func(w *world) {
			w.door.fault(func(c net.Conn) {
				c.Read(make([]byte, 1<<10))
				io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
				c.Close()
			})
		},
	}, "1", "1").logins("0", "0")
	return []fault{
		with("TLS: certificate expired", "certificate expired on", func(c *tls.Config, ca *authority) {
			c.Certificates = []tls.Certificate{ca.server(-time.Hour, "127.0.0.1")}
		}),
		with("TLS: unknown authority", "unknown authority", func(c *tls.Config, ca *authority) {
			c.Certificates = []tls.Certificate{newAuthority(ca.t, "Somebody Else").server(time.Hour, "127.0.0.1")}
		}),
		with("TLS: certificate for another host", "not for 127.0.0.1", func(c *tls.Config, ca *authority) {
			c.Certificates = []tls.Certificate{ca.server(time.Hour, "other.example.com")}
		}),
		with("TLS: the server wants a client certificate", "client certificate", func(c *tls.Config, _ *authority) {
			c.ClientAuth = tls.RequireAnyClientCert
		}),
		plain,
	}
}

// serveTLS gives a world a certificate that infuse trusts, and, while the world
// is bad, a configuration that change has spoiled.
func serveTLS(w *world, change func(*tls.Config, *authority)) {
	ca := newAuthority(w.t, "Test Root")
	file := filepath.Join(w.dir, "ca.pem")
	check(w.t, os.WriteFile(file, ca.pem, 0o600))
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

// authority signs certificates.
type authority struct {
	t    testing.TB
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
	return &authority{t: t, cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *authority) server(valid time.Duration, host string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(a.t, err)
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
	check(a.t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
