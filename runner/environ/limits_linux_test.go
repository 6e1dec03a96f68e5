package environ_test

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"infuse/runner/environ"
)

// TestTheKernelAgrees starts real programs around both limits: what Compose lets
// through the kernel takes, and what it refuses is less than twice its slack too strict.
func TestTheKernelAgrees(t *testing.T) {
	path, err := exec.LookPath("true")
	if err != nil {
		t.Skipf("skipping, no true on PATH: %v", err)
	}
	start := func(env []string) error {
		return (&exec.Cmd{Path: path, Args: []string{"true"}, Env: env}).Run()
	}
	limits := environ.SystemLimits()

	one := strings.Repeat("x", limits.String-len("K=")-1)
	if err := start(compose(t, environ.Config{Secrets: []environ.Secret{sec("K", one)}}).Environ()); err != nil {
		t.Errorf("the longest string that Compose takes: %v", err)
	}
	if err := start([]string{"K=" + one + "x"}); !errors.Is(err, syscall.E2BIG) {
		t.Errorf("one byte more: got %v, want E2BIG", err)
	}

	var c environ.Config
	c.Args = []string{path, "true"}
	add := func(value string) {
		c.Set = append(c.Set, pair("K"+strings.Repeat("K", len(c.Set)), value))
	}
	var composed *environ.Plan
	for chunk := 100 << 10; chunk > 0; chunk /= 2 {
		for {
			add(strings.Repeat("x", chunk))
			p, err := environ.Compose(c)
			if err != nil {
				c.Set = c.Set[:len(c.Set)-1]
				break
			}
			composed = p
		}
	}
	if err := start(composed.Environ()); err != nil {
		t.Errorf("the largest environment that Compose takes: %v", err)
	}
	over := append(composed.Environ(), "OVER="+strings.Repeat("x", 2*limits.Slack))
	if err := start(over); !errors.Is(err, syscall.E2BIG) {
		t.Errorf("twice the slack more: got %v, want E2BIG", err)
	}
}
