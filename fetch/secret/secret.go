// Package secret holds the one type that carries a secret through infuse: a
// string that cannot be printed by accident.
//
//	password := secret.New("hunter2")
//	fmt.Println(password)          // [redacted]
//	slog.Info("login", "p", password) // p=[redacted]
//	json.Marshal(password)         // "[redacted]"
//	os.Setenv("P", password.Reveal()) // hunter2: the one way out, easy to grep
//
// Every package may import it; it imports nothing but the standard library.
package secret

import (
	"fmt"
	"log/slog"
)

// Redacted is what every printing path shows instead of a value.
const Redacted = "[redacted]"

// Value is a secret string. The zero Value is the empty string and reports
// IsZero, which tells "never set" from "set to the empty string".
//
// The string stands behind a pointer because fmt does not call methods on
// unexported fields: a struct that holds a Value privately prints an address,
// not the secret (https://pkg.go.dev/fmt, "depending on whether it is exported").
type Value struct{ p *string }

// New wraps s.
func New(s string) Value { return Value{&s} }

// FromPointer adopts p without a copy; nil gives the zero Value. Decoders of
// large documents use it to save one allocation a value.
func FromPointer(p *string) Value { return Value{p} }

// Reveal returns the secret. It is the only way out.
func (v Value) Reveal() string {
	if v.p == nil {
		return ""
	}
	return *v.p
}

// IsZero reports whether v was never set. A Value of New("") is not zero.
func (v Value) IsZero() bool { return v.p == nil }

// Empty reports whether v holds no bytes, set or not.
func (v Value) Empty() bool { return v.Len() == 0 }

// Len is the length in bytes.
func (v Value) Len() int {
	if v.p == nil {
		return 0
	}
	return len(*v.p)
}

// Equal compares the bytes. It is not constant time: both sides are ours.
func (v Value) Equal(w Value) bool { return v.Reveal() == w.Reveal() }

// String returns [redacted].
func (v Value) String() string { return Redacted }

// GoString returns [redacted].
func (v Value) GoString() string { return Redacted }

// Format writes [redacted] for every verb.
func (v Value) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Redacted)) }

// MarshalText returns [redacted]; encoding/json, YAML and TOML encoders use it.
func (v Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// LogValue makes slog print [redacted].
func (v Value) LogValue() slog.Value { return slog.StringValue(Redacted) }
