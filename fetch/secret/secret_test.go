package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"

	"infuse/fetch/secret"
)

func ExampleValue() {
	password := secret.New("hunter2")
	fmt.Println(password)
	fmt.Println(password.Reveal())
	// Output:
	// [redacted]
	// hunter2
}

// TestNothingPrintsIt feeds a Value to every printer of the standard library,
// bare, exported, unexported, behind pointers and in containers.
func TestNothingPrintsIt(t *testing.T) {
	const plain = "s3cr3t-c4n4ry"
	v := secret.New(plain)
	type private struct{ v secret.Value }
	type exported struct{ V *secret.Value }
	things := []any{
		v, &v, private{v}, &private{v}, exported{&v}, []secret.Value{v},
		map[string]secret.Value{"k": v}, map[string]private{"k": {v}}, []any{v}, fmt.Errorf("wrapped: %v", v),
	}
	var out bytes.Buffer
	for _, thing := range things {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%08.3f"} {
			fmt.Fprintf(&out, verb+"\n", thing)
		}
		if b, err := json.Marshal(thing); err == nil {
			out.Write(b)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "v", thing)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "v", thing)
	}
	for _, form := range []string{plain, fmt.Sprintf("%x", plain), fmt.Sprintf("%X", plain)} {
		if strings.Contains(out.String(), form) {
			t.Fatalf("a printer showed the secret as %q", form)
		}
	}
}

// TestPanicShowsNothing: what the runtime prints of a value that somebody
// panics with, and of the arguments in the stack traces.
func TestPanicShowsNothing(t *testing.T) {
	if seed := os.Getenv("SECRET_TEST_PANIC"); seed != "" {
		panicWith(seed, secret.New("s3cr3t-"+seed))
	}
	for _, seed := range []string{"bare", "pointer", "struct", "slice", "error"} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestPanicShowsNothing$")
		cmd.Env = append(os.Environ(), "SECRET_TEST_PANIC="+seed, "GOTRACEBACK=all")
		out, err := cmd.CombinedOutput()
		if err == nil || !bytes.Contains(out, []byte("panic: ")) || !bytes.Contains(out, []byte("panicWith(")) {
			t.Fatalf("no panic: %v\n%s", err, out)
		}
		if bytes.Contains(out, []byte("s3cr3t-"+seed)) {
			t.Errorf("%s: it is in the trace:\n%s", seed, out)
		}
	}
}

//go:noinline
func panicWith(way string, v secret.Value) {
	switch way {
	case "bare":
		panic(v)
	case "pointer":
		panic(&v)
	case "struct":
		panic(struct{ v secret.Value }{v})
	case "slice":
		panic([]secret.Value{v})
	}
	panic(fmt.Errorf("wrapped: %v", v))
}

func TestZero(t *testing.T) {
	var zero secret.Value
	if !zero.IsZero() || !zero.Empty() || zero.Reveal() != "" || zero.Len() != 0 {
		t.Error("the zero Value is not an unset empty string")
	}
	if empty := secret.New(""); empty.IsZero() || !empty.Empty() || !empty.Equal(zero) {
		t.Error("New(\"\") is set, empty, and equal in bytes to the zero Value")
	}
}
