package main

import (
	"context"
	"fmt"
	"runtime"
)

// versionCommand is `infuse version`.
type versionCommand struct{}

func (*versionCommand) run(_ context.Context, p *program) error {
	_, err := fmt.Fprintf(p.stdout, "infuse %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
