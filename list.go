package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"infuse/runner/environ"
)

// readFlags are what every command has that reads a scope.
type readFlags struct {
	scopeFlags
	credentialFlags
	serverFlags
	copyFlags
	messageFlags
}

func (f *readFlags) scope() *scopeFlags      { return &f.scopeFlags }
func (f *readFlags) messages() *messageFlags { return &f.messageFlags }

// check judges what kong cannot.
func (f *readFlags) check() error {
	if f.Timeout == 0 {
		return errors.New("--timeout 0 leaves no time for anything")
	}
	return nil
}

// listCommand is `infuse list`: names and where they come from, never a value.
type listCommand struct {
	readFlags
	environmentFlags
	Format string `enum:"text,json" default:"text" placeholder:"text|json" help:"text or json."`
}

func (c *listCommand) run(ctx context.Context, p *program) error {
	config, err := c.layers(p)
	if err != nil {
		return err
	}
	config.NamesOnly = true // hidden, refused, missing or too large: all of it is shown
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.Timeout))
	defer cancel()
	read, err := p.read(ctx, &c.readFlags, namesOnly)
	if err != nil {
		return err
	}
	plan, err := composeSnapshot(config, read.snapshot)
	if err != nil {
		return err
	}
	p.warn(read.snapshot.Warnings, plan.Warnings)
	if c.Format == "json" { // the table only counts them
		plan.Entries = slices.DeleteFunc(plan.Entries, func(e environ.Entry) bool { return e.Layer == environ.Parent && len(e.Losers) == 0 })
	}
	return showPlan(p.stdout, c.Format, plan)
}

// showPlan prints a plan for --dry-run and list.
func showPlan(w io.Writer, format string, plan *environ.Plan) error {
	if format != "json" {
		return plan.WriteText(w, environ.TableConfig{})
	}
	body, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", body)
	return err
}
