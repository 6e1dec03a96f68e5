//go:build unix

package main

import (
	"encoding/pem"
	"net/http/httptest"
)

func certificatePEM(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}
