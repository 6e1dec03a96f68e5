package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// getCommand is `infuse get NAME`.
type getCommand struct {
	readFlags
	Name string `arg:"" help:"Name of the secret on the server."`
}

// run prints exactly the value's bytes, so that `infuse get CERT > cert.pem` is
// the certificate; a newline is added only on a terminal, for the prompt.
func (c *getCommand) run(ctx context.Context, p *program) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.Timeout))
	defer cancel()
	read, err := p.read(ctx, &c.readFlags, namesOnly)
	if err != nil {
		return err
	}
	p.warn(read.snapshot.Warnings)
	found, ok := read.snapshot.Lookup(c.Name)
	switch {
	case !ok:
		return hinted(fmt.Errorf("no such secret: %s", c.Name), "`infuse list` shows the names of this scope")
	case found.Hidden:
		return hinted(fmt.Errorf("the server hides the value of %s", c.Name), "the identity lacks the permission to read values")
	}
	if _, err := io.WriteString(p.stdout, found.Value.Reveal()); err != nil {
		return err
	}
	if isTerminal(p.stdout) {
		_, err = io.WriteString(p.stdout, "\n")
	}
	return err
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
