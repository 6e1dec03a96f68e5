package api

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// tlsSetupError is a certificate, key or CA file that cannot be used.
type tlsSetupError struct{ reason string }

func (e *tlsSetupError) Error() string { return e.reason }

// credentials of the transport, read when it is built so that a wrong file is
// found before anything else happens.
type tlsFiles struct {
	authorities [][]byte
	client      []tls.Certificate
	skipVerify  bool
}

func readTLSFiles(cfg TransportConfig) (*tlsFiles, error) {
	f := &tlsFiles{skipVerify: cfg.InsecureSkipVerify}
	for _, name := range cfg.CACertFiles {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fileError("CA certificate", name, err)
		}
		if !holdsCertificate(b) {
			return nil, fmt.Errorf("CA certificate %s: no PEM certificate in it", name)
		}
		f.authorities = append(f.authorities, b)
	}
	switch {
	case cfg.ClientCertFile == "" && cfg.ClientKeyFile == "":
		return f, nil
	case cfg.ClientCertFile == "":
		return nil, errors.New("a client key without a client certificate: both are needed")
	}
	certPEM, err := os.ReadFile(cfg.ClientCertFile)
	if err != nil {
		return nil, fileError("client certificate", cfg.ClientCertFile, err)
	}
	keyPEM, keyName := certPEM, cfg.ClientKeyFile // one file may hold both
	if keyName != "" {
		if keyPEM, err = os.ReadFile(keyName); err != nil {
			return nil, fileError("client key", keyName, err)
		}
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil && keyName == "" {
		return nil, fmt.Errorf("client certificate %s: it does not hold its private key, and no client key is given", cfg.ClientCertFile)
	}
	if err != nil {
		return nil, fmt.Errorf("client certificate %s: it and its key do not make a pair of PEM files", cfg.ClientCertFile)
	}
	f.client = []tls.Certificate{pair}
	return f, nil
}

func fileError(what, name string, err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	return fmt.Errorf("%s %s: %w", what, name, err)
}

func holdsCertificate(b []byte) bool {
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err == nil {
			return true
		}
	}
	return false
}

// config is what a connection uses. The system's roots are named only where an
// authority is added to them, and only by the first https request: loading
// them takes longer than everything else of a start.
func (f *tlsFiles) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: f.client, InsecureSkipVerify: f.skipVerify}
	if len(f.authorities) == 0 || f.skipVerify {
		return c, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		// Without the system's roots the ones that were given can still do.
		pool = x509.NewCertPool()
	}
	for _, b := range f.authorities {
		if !pool.AppendCertsFromPEM(b) {
			return nil, &tlsSetupError{"the CA certificate cannot be used"}
		}
	}
	c.RootCAs = pool
	return c, nil
}
