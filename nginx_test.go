//go:build unix

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNginxReload: a certificate that was exchanged on the server reaches nginx
// as files and a HUP. Nothing is restarted.
func TestNginxReload(t *testing.T) {
	t.Parallel()
	require(t, "nginx")
	dir, port := t.TempDir(), freePort(t)
	store := filepath.Join(dir, "store", "dev.env")
	writeFile(t, store, certificateSecrets(t, 1))
	writeFile(t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf(`
error_log stderr notice;
pid nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  server {
    listen 127.0.0.1:%s ssl;
    ssl_certificate secrets/TLS_CERT;
    ssl_certificate_key secrets/TLS_KEY;
    location / { return 200 ok; }
  }
}
`, port))
	s := startService(t, dir, "run", "--url", "file:store", "-e", "dev", "--watch", "--on-change", "signal:HUP", "--file-dir", filepath.Join(dir, "secrets"),
		"--", "nginx", "-p", dir, "-e", "stderr", "-c", "nginx.conf", "-g", "daemon off;")
	serial := func() string {
		conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{InsecureSkipVerify: true}) // its own certificate is looked at below
		if err != nil {
			return ""
		}
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	eventually(t, "nginx serves the first certificate", func() bool { return serial() == "1" })
	pid, err := os.ReadFile(filepath.Join(dir, "nginx.pid"))
	if err != nil {
		t.Fatal(err)
	}
	for n := 2; n <= 3; n++ {
		writeFile(t, store, certificateSecrets(t, n))
		eventually(t, fmt.Sprintf("nginx serves certificate %d", n), func() bool { return serial() == fmt.Sprint(n) })
	}
	if now, err := os.ReadFile(filepath.Join(dir, "nginx.pid")); err != nil || !bytes.Equal(now, pid) {
		t.Errorf("nginx was restarted: process %s, now %s (%v)", bytes.TrimSpace(pid), bytes.TrimSpace(now), err)
	}
	if err := s.end(); err != nil {
		t.Errorf("the end: %v", err)
	}
	if !strings.Contains(s.out.String(), "changed: TLS_CERT, TLS_KEY\n") || strings.Contains(s.out.String(), "PRIVATE") {
		t.Error("what was said of the change is not its names")
	}
}

// certificateSecrets is a key pair as two secrets, the certificate with that serial number.
func certificateSecrets(t *testing.T, serial int) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(serial)), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return "TLS_CERT='" + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + "'\n" +
		"TLS_KEY='" + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})) + "'\n"
}
