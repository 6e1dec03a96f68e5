package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"infuse/fetch/secret"
	"infuse/runner/environ"
)

// diffCommand is `infuse diff`: what would change in another environment or a
// file if it became like this scope. Names only, unless asked.
type diffCommand struct {
	readFlags
	environmentFlags
	Against     string `placeholder:"SLUG" noenv:"" help:"The environment to compare with." group:"Comparing"`
	AgainstFile string `placeholder:"FILE" noenv:"" help:"The dotenv file to compare with." group:"Comparing"`
	ShowValues  bool   `noenv:"" help:"Print values too." group:"Comparing"`
	Format      string `enum:"text,json" default:"text" placeholder:"text|json" help:"text or json." group:"Comparing"`
}

// What diff exits with, as diff(1) does.
const (
	statusDifferent = 1
	statusTrouble   = 2
)

func (*diffCommand) Help() string {
	return `Prints what would change in the other side if it became like this scope: + added, - removed, ~ changed.
Exit status: 0 the same, 1 different, 2 failed.

Examples:
  infuse diff -e dev --against prod
  infuse diff -e dev --against-file .env`
}

// difference is by name; the values are there for --show-values.
type difference struct {
	Added, Removed, Changed []string
	here, there             map[string]secret.Value
}

func (c *diffCommand) run(ctx context.Context, p *program) error {
	if (c.Against == "") == (c.AgainstFile == "") {
		return usage("diff", errors.New("diff needs --against SLUG or --against-file FILE, one of them"))
	}
	config, err := c.layers(p)
	if err != nil {
		return err
	}
	config.Export, config.Parent = true, nil
	ctx, cancel := context.WithTimeout(ctx, time.Duration(c.Timeout))
	defer cancel()
	read, err := p.read(ctx, &c.readFlags)
	if err != nil {
		return err
	}
	here, err := composeSnapshot(config, read.snapshot)
	if err != nil {
		return err
	}
	there, err := c.other(ctx, read, config)
	if err != nil {
		return err
	}
	d := compare(here.Vars(), there)
	if err := d.write(p.stdout, c.Format == "json", c.ShowValues); err != nil {
		return err
	}
	if len(d.Added)+len(d.Removed)+len(d.Changed) > 0 {
		return exitStatus(statusDifferent)
	}
	return nil
}

// other reads the other side.
func (c *diffCommand) other(ctx context.Context, read *reading, config environ.Config) ([]environ.Var, error) {
	if c.AgainstFile != "" {
		vars, _, err := readEnvFile(c.AgainstFile)
		return vars, err
	}
	scope := read.scope
	scope.Environment = c.Against
	snapshot, err := read.source.Fetch(ctx, scope)
	if err != nil {
		return nil, fetchHint(ctx, err)
	}
	config.Require = nil
	plan, err := composeSnapshot(config, snapshot)
	if err != nil {
		return nil, err
	}
	return plan.Vars(), nil
}

func compare(here, there []environ.Var) *difference {
	d := &difference{Added: []string{}, Removed: []string{}, Changed: []string{}, here: byName(here), there: byName(there)}
	for name, value := range d.here {
		other, both := d.there[name]
		switch {
		case !both:
			d.Added = append(d.Added, name)
		case !other.Equal(value):
			d.Changed = append(d.Changed, name)
		}
	}
	for name := range d.there {
		if _, both := d.here[name]; !both {
			d.Removed = append(d.Removed, name)
		}
	}
	slices.Sort(d.Added)
	slices.Sort(d.Removed)
	slices.Sort(d.Changed)
	return d
}

func byName(vars []environ.Var) map[string]secret.Value {
	m := make(map[string]secret.Value, len(vars))
	for _, v := range vars {
		m[v.Name] = v.Value
	}
	return m
}

func (d *difference) write(w io.Writer, asJSON, values bool) error {
	if asJSON {
		return d.writeJSON(w, values)
	}
	names := slices.Concat(d.Added, d.Removed, d.Changed)
	slices.Sort(names)
	for _, name := range names {
		here, isHere := d.here[name]
		there, isThere := d.there[name]
		sign := "~"
		if !isThere {
			sign = "+"
		} else if !isHere {
			sign = "-"
		}
		line := sign + " " + environ.Display(name)
		if values {
			if isThere {
				line += " " + strconv.Quote(there.Reveal())
			}
			if isHere && isThere {
				line += " ->"
			}
			if isHere {
				line += " " + strconv.Quote(here.Reveal())
			}
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func (d *difference) writeJSON(w io.Writer, values bool) error {
	type change struct {
		Name string  `json:"name"`
		Old  *string `json:"old,omitempty"`
		New  *string `json:"new,omitempty"`
	}
	list := func(names []string) []change {
		changes := make([]change, len(names))
		for i, name := range names {
			changes[i].Name = name
			if old, ok := d.there[name]; ok && values {
				s := old.Reveal()
				changes[i].Old = &s
			}
			if now, ok := d.here[name]; ok && values {
				s := now.Reveal()
				changes[i].New = &s
			}
		}
		return changes
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(map[string][]change{"added": list(d.Added), "removed": list(d.Removed), "changed": list(d.Changed)})
}
