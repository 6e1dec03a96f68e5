package environ_test

import (
	"errors"
	"strings"
	"testing"

	"infuse/fetch/secret"
	"infuse/runner/environ"
)

func TestLinuxLimits(t *testing.T) {
	for stack, want := range map[uint64]int{
		8 << 20: 2 << 20, 1 << 20: 256 << 10, 64 << 20: 6 << 20, ^uint64(0): 6 << 20, 0: 128 << 10,
	} {
		if got := environ.LinuxLimits(stack); got.Total != want || got.String != 131072 {
			t.Errorf("stack %d: %+v, want a total of %d", stack, got, want)
		}
	}
}

func TestOneTooLong(t *testing.T) {
	limits := environ.LinuxLimits(8 << 20)
	fits := strings.Repeat("x", 131069)
	for name, ok := range map[string]bool{"K": true, "KK": false} {
		_, err := environ.Compose(environ.Config{Secrets: []environ.Secret{sec(name, fits)}, Limits: limits})
		if (err == nil) != ok {
			t.Errorf("%d bytes of value under %s: %v", len(fits), name, err)
		}
	}
	big := environ.Config{Secrets: []environ.Secret{sec("BIG", fits+"yy"), sec("BIGGER", fits+"zzz"), sec("SMALL", "1")}, Limits: limits}
	_, err := environ.Compose(big)
	var size *environ.SizeError
	if !errors.As(err, &size) || !size.String || len(size.Largest) != 2 || size.Largest[0].Name != "BIGGER" {
		t.Fatalf("got %v", err)
	}
	if got, want := err.Error(), "environment too large: the system takes 131071 bytes a variable: BIGGER (131079 bytes), BIG (131075 bytes)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !strings.Contains(size.Hint(), "--file BIGGER") {
		t.Errorf("hint %q", size.Hint())
	}
	big.Files = []string{"BIG", "BIGGER"}
	compose(t, big)
	big.Files, big.Export = nil, true
	compose(t, big)
}

func TestTotal(t *testing.T) {
	limits := environ.LinuxLimits(8 << 20)
	c := environ.Config{Limits: limits, Args: []string{"/bin/true", "true"}}
	for range 20 {
		c.Secrets = append(c.Secrets, sec("K"+string(rune('A'+len(c.Secrets))), strings.Repeat("x", 100<<10)))
	}
	compose(t, c)
	c.Prefix = "APP_"
	c.Secrets = append(c.Secrets, sec("Z", strings.Repeat("x", 101<<10)))
	_, err := environ.Compose(c)
	var size *environ.SizeError
	if !errors.As(err, &size) || size.String || size.Limit != 2<<20 || len(size.Largest) != 5 || size.Largest[0].Name != "APP_Z" {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(size.Hint(), "--file Z") || !strings.Contains(size.Hint(), "APP_Z_FILE") {
		t.Errorf("hint %q", size.Hint())
	}
	args := environ.Config{Limits: environ.LinuxLimits(0), Args: []string{strings.Repeat("x", 128<<10)}}
	if _, err := environ.Compose(args); !errors.As(err, &size) || !strings.Contains(size.Hint(), "--pristine") {
		t.Errorf("a long command line: %v", err)
	}
	small := environ.Config{Limits: environ.Limits{Total: 1000}, EnvFiles: []environ.EnvFile{{Vars: []environ.Var{{Name: "A", Value: secret.New(strings.Repeat("x", 999))}}}}}
	if _, err := environ.Compose(small); err == nil {
		t.Error("the limits of the caller are not used")
	}
}
