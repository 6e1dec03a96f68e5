package vault

import (
	"crypto/aes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
	josecipher "github.com/go-jose/go-jose/v4/cipher"

	"infuse/fetch/secret"
)

// The one way in which the CLI encrypts (RFC 7518, sections 4.8 and 5.3).
// Everything else is refused before any work is done.
const (
	keyAlgorithm      = jose.PBES2_HS256_A128KW
	contentEncryption = jose.A256GCM
	// maxIterations is what the CLI's own library accepts. The CLI writes 8192.
	maxIterations = 1_300_000
	maxSalt       = 1024
)

// decrypt opens a compact JWE with a passphrase.
func decrypt(compact string, passphrase secret.Value) ([]byte, error) {
	unlock, err := readHeader(compact)
	if err != nil {
		return nil, err
	}
	object, err := jose.ParseEncryptedCompact(compact,
		[]jose.KeyAlgorithm{keyAlgorithm}, []jose.ContentEncryption{contentEncryption})
	if err != nil {
		return nil, fmt.Errorf("%w: not a compact JWE", ErrDamaged)
	}
	unlock.passphrase = passphrase
	plain, err := object.Decrypt(unlock)
	switch {
	case unlock.wrong:
		return nil, ErrPassphrase
	case err != nil:
		return nil, fmt.Errorf("%w: its content does not match its seal", ErrDamaged)
	}
	return plain, nil
}

// keyUnlock derives the key that wraps the content's key. go-jose would do it
// too, but refuses counts that the CLI's library allows, and cannot tell a
// wrong passphrase from a damaged content.
type keyUnlock struct {
	passphrase secret.Value
	salt       []byte
	iterations int
	wrong      bool
}

var _ jose.OpaqueKeyDecrypter = (*keyUnlock)(nil)

// readHeader checks the protected header before anything is derived from it.
func readHeader(compact string) (*keyUnlock, error) {
	first, _, _ := strings.Cut(compact, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return nil, fmt.Errorf("%w: its header is not base64url", ErrDamaged)
	}
	var header struct {
		Alg  jose.KeyAlgorithm      `json:"alg"`
		Enc  jose.ContentEncryption `json:"enc"`
		P2C  json.Number            `json:"p2c"`
		P2S  string                 `json:"p2s"`
		Zip  string                 `json:"zip"`
		Crit []string               `json:"crit"`
	}
	if json.Unmarshal(raw, &header) != nil {
		return nil, fmt.Errorf("%w: its header is not JSON", ErrDamaged)
	}
	if header.Alg != keyAlgorithm || header.Enc != contentEncryption || header.Zip != "" || header.Crit != nil {
		return nil, fmt.Errorf("%w: only %s with %s is read", ErrUnsupported, keyAlgorithm, contentEncryption)
	}
	n, err := header.P2C.Int64()
	if err != nil || n < 1 || n > maxIterations {
		return nil, fmt.Errorf("%w: the limit is %d rounds", ErrIterations, maxIterations)
	}
	p2s, err := base64.RawURLEncoding.DecodeString(header.P2S)
	if err != nil || len(p2s) == 0 || len(p2s) > maxSalt {
		return nil, fmt.Errorf("%w: its salt is not usable", ErrDamaged)
	}
	// RFC 7518, section 4.8.1.1: the salt is the algorithm's name, a zero byte, and p2s.
	salt := append([]byte(keyAlgorithm+"\x00"), p2s...)
	return &keyUnlock{salt: salt, iterations: int(n)}, nil
}

// DecryptKey is called by go-jose with the encrypted key.
func (k *keyUnlock) DecryptKey(encryptedKey []byte, _ jose.Header) ([]byte, error) {
	wrapping, err := pbkdf2.Key(sha256.New, k.passphrase.Reveal(), k.salt, k.iterations, 16)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(wrapping)
	if err != nil {
		return nil, err
	}
	key, err := josecipher.KeyUnwrap(block, encryptedKey)
	k.wrong = err != nil
	return key, err
}
