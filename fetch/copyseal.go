package fetch

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/go-jose/go-jose/v4"

	"infuse/fetch/secret"
	"infuse/fetch/store"
)

const (
	copyVersion = 1
	copyType    = "infuse-copy"
	copyInfo    = "infuse offline copy 1"
)

// sealedCopy is the content of a copy. Scope, Origin and Identity are inside
// the seal, so that a file that was moved to another name is recognized.
type sealedCopy struct {
	Version   int            `json:"version"`
	Origin    string         `json:"origin"`
	Identity  string         `json:"identity"`
	Scope     Scope          `json:"scope"`
	FetchedAt time.Time      `json:"fetchedAt"`
	Secrets   []sealedSecret `json:"secrets"`
}

type sealedSecret struct {
	Key      string         `json:"key"`
	Value    string         `json:"value"`
	Origin   Origin         `json:"origin"`
	Shadowed []sealedShadow `json:"shadowed,omitempty"`
	Conflict bool           `json:"conflict,omitempty"`
}

type sealedShadow struct {
	Origin   Origin  `json:"origin"`
	Conflict bool    `json:"conflict,omitempty"`
	Value    *string `json:"value,omitempty"`
	Hidden   bool    `json:"hidden,omitempty"`
}

func sealShadows(shadows []Shadow) []sealedShadow {
	var sealed []sealedShadow
	for _, s := range shadows {
		shadow := sealedShadow{Origin: s.Origin, Conflict: s.Conflict, Hidden: s.Hidden}
		if !s.Value.IsZero() {
			value := s.Value.Reveal()
			shadow.Value = &value
		}
		sealed = append(sealed, shadow)
	}
	return sealed
}

func unsealShadows(sealed []sealedShadow) []Shadow {
	var shadows []Shadow
	for _, s := range sealed {
		shadows = append(shadows, Shadow{Origin: s.Origin, Conflict: s.Conflict, Value: secret.FromPointer(s.Value), Hidden: s.Hidden})
	}
	return shadows
}

// seal encrypts a snapshot as a compact JWE, directly under a key derived from
// the credential (HKDF-SHA-256, RFC 5869) with a salt of its own, so that no
// two files share a key.
func seal(key secret.Value, origin, identity string, scope Scope, s *Snapshot) ([]byte, error) {
	c := sealedCopy{Version: copyVersion, Origin: origin, Identity: identity, FetchedAt: s.FetchedAt.UTC().Round(0)}
	var err error
	if c.Scope, err = copyScope(scope); err != nil {
		return nil, err
	}
	c.Secrets = make([]sealedSecret, len(s.Secrets))
	for i := range s.Secrets {
		from := &s.Secrets[i]
		c.Secrets[i] = sealedSecret{from.Key, from.Value.Reveal(), from.Origin, sealShadows(from.Shadowed), from.Conflict}
	}
	plain, err := json.Marshal(c)
	if err != nil {
		return nil, errors.New("the copy cannot be encoded")
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails: https://pkg.go.dev/crypto/rand#Read
	derived, err := deriveKey(key, salt)
	if err != nil {
		return nil, err
	}
	options := (&jose.EncrypterOptions{}).WithType(copyType).WithHeader("salt", base64.RawURLEncoding.EncodeToString(salt))
	encrypter, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: derived}, options)
	if err != nil {
		return nil, fmt.Errorf("sealing the copy: %w", err)
	}
	jwe, err := encrypter.Encrypt(plain)
	if err != nil {
		return nil, fmt.Errorf("sealing the copy: %w", err)
	}
	text, err := jwe.CompactSerialize()
	if err != nil {
		return nil, fmt.Errorf("sealing the copy: %w", err)
	}
	return []byte(text), nil
}

// unseal opens a copy and checks that it is the one that was asked for.
func unseal(b []byte, key secret.Value, origin, identity string, scope Scope) (*Snapshot, error) {
	scope, err := copyScope(scope)
	if err != nil {
		return nil, err
	}
	jwe, err := jose.ParseEncryptedCompact(string(b), []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, errors.New("the file is damaged, or no copy at all")
	}
	encoded, _ := jwe.Header.ExtraHeaders["salt"].(string)
	salt, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || len(salt) != 16 || jwe.Header.ExtraHeaders[jose.HeaderType] != copyType {
		return nil, errors.New("the file is damaged, or no copy at all")
	}
	derived, err := deriveKey(key, salt)
	if err != nil {
		return nil, err
	}
	plain, err := jwe.Decrypt(derived)
	if err != nil {
		return nil, errors.New("it was sealed with another credential, or it is damaged")
	}
	var c sealedCopy
	if json.Unmarshal(plain, &c) != nil || c.Version != copyVersion {
		return nil, errors.New("it was made by another version")
	}
	if c.Origin != origin || c.Identity != identity || !reflect.DeepEqual(c.Scope, scope) {
		return nil, errors.New("it is the copy of another scope, server or identity")
	}
	s := &Snapshot{FetchedAt: c.FetchedAt, FromCopy: true, Secrets: make([]Secret, len(c.Secrets))}
	for i := range c.Secrets {
		from := &c.Secrets[i]
		s.Secrets[i] = Secret{Key: from.Key, Value: secret.FromPointer(&from.Value), Origin: from.Origin, Shadowed: unsealShadows(from.Shadowed),
			Conflict: from.Conflict, Unresolved: store.HasReference(from.Value)}
	}
	return s, nil
}

// copyScope is a scope as a copy remembers it: in its one form, after a trip
// through JSON (an empty list becomes none).
func copyScope(scope Scope) (Scope, error) {
	scope, err := scope.normalize()
	if err != nil {
		return scope, err
	}
	scope.NamesOnly = false
	if len(scope.Tags) == 0 {
		scope.Tags = nil
	}
	return scope, nil
}

func deriveKey(key secret.Value, salt []byte) ([]byte, error) {
	derived, err := hkdf.Key(sha256.New, []byte(key.Reveal()), salt, copyInfo, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of the copy: %w", err)
	}
	return derived, nil
}
