package vault_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"testing"
)

// writer makes vault entries without any JOSE library: PBES2 of RFC 7518
// section 4.8, PBKDF2 of RFC 8018, AES key wrap of RFC 3394, by hand over HMAC
// and AES, so that a mistake of the reader cannot hide behind the same mistake here.
type writer struct {
	passphrase string
	rounds     int
	saltLength int
	header     map[string]any // overrides
}

func (w writer) seal(t testing.TB, plain []byte) string {
	t.Helper()
	p2s := make([]byte, w.saltLength)
	key := make([]byte, 32)
	iv := make([]byte, 12)
	for _, b := range [][]byte{p2s, key, iv} {
		_, _ = rand.Read(b)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	header := map[string]any{
		"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "created": "2026-11-23 02:25:48 +0000 UTC m=+1.6",
		"p2c": w.rounds, "p2s": b64(p2s),
	}
	for name, value := range w.header {
		header[name] = value
	}
	raw, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	protected := b64(raw)
	salt := bytes.Join([][]byte{[]byte("PBES2-HS256+A128KW"), p2s}, []byte{0})
	kek := derive(w.passphrase, salt, w.rounds)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	sealed := gcm.Seal(nil, iv, plain, []byte(protected))
	text, tag := sealed[:len(plain)], sealed[len(plain):]
	return fmt.Sprintf("%s.%s.%s.%s.%s", protected, b64(wrap(t, kek, key)), b64(iv), b64(text), b64(tag))
}

// derive is PBKDF2 with HMAC-SHA-256, RFC 8018 section 5.2: the first 16 bytes
// of its first block.
func derive(passphrase string, salt []byte, rounds int) []byte {
	h := hmac.New(sha256.New, []byte(passphrase))
	prf := func(data []byte) []byte {
		h.Reset()
		h.Write(data)
		return h.Sum(nil)
	}
	u := prf(append(bytes.Clone(salt), 0, 0, 0, 1))
	sum := bytes.Clone(u)
	for range rounds - 1 {
		u = prf(u)
		for i := range sum {
			sum[i] ^= u[i]
		}
	}
	return sum[:16]
}

// wrap is AES key wrap, RFC 3394 section 2.2.1.
func wrap(t testing.TB, kek, key []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(kek)
	if err != nil {
		t.Fatal(err)
	}
	n := len(key) / 8
	a := bytes.Repeat([]byte{0xa6}, 8)
	r := bytes.Clone(key)
	buf := make([]byte, 16)
	for j := range 6 {
		for i := range n {
			copy(buf, a)
			copy(buf[8:], r[i*8:i*8+8])
			block.Encrypt(buf, buf)
			binary.BigEndian.PutUint64(a, binary.BigEndian.Uint64(buf[:8])^uint64(n*j+i+1))
			copy(r[i*8:], buf[8:])
		}
	}
	return append(a, r...)
}

// entry is the JSON of the CLI; nested, it stands inside a JSON string.
func entry(t testing.TB, email, token string, nested bool) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]string{"email": email, "privateKey": "", "JTWToken": token, "RefreshToken": ""})
	if err == nil && nested {
		b, err = json.Marshal(string(b))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}
