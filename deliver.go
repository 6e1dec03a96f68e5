package main

import (
	"fmt"
	"os"

	"infuse/runner"
	"infuse/runner/environ"
)

// delivery is a plan in the form the runner takes.
type delivery struct {
	Env   []string
	Files []runner.File
	stdin *os.File
}

// deliver hands a plan to a program that replaces infuse: sealed memory files
// stay open across execve and are named by our own process id, which stays.
func (c *runCommand) deliver(read *reading, plan *environ.Plan) ([]string, error) {
	if err := c.writeFileDir(plan); err != nil {
		return nil, err
	}
	if read.credential.StdinRead {
		if err := emptyStdin(); err != nil {
			return nil, fmt.Errorf("giving COMMAND an empty stdin: %w", err)
		}
	}
	paths := map[string]string{}
	for i := range plan.Files {
		entry := &plan.Files[i]
		if entry.Variable == "" {
			continue
		}
		file, err := runner.SealedFile(entry.Name, []byte(entry.Value.Reveal()))
		if err != nil {
			return nil, err
		}
		if paths[entry.Variable], err = runner.PathForExec(file); err != nil {
			return nil, err
		}
	}
	return plan.EnvironWith(paths), nil
}

// delivery hands a plan to a program that runs below infuse; the runner names
// the files by the process id of the child.
func (c *runCommand) delivery(read *reading, plan *environ.Plan) (delivery, error) {
	var d delivery
	if err := c.writeFileDir(plan); err != nil {
		return d, err
	}
	for i := range plan.Files {
		entry := &plan.Files[i]
		if entry.Variable == "" {
			continue
		}
		file, err := runner.SealedFile(entry.Name, []byte(entry.Value.Reveal()))
		if err != nil {
			return d, err
		}
		d.Files = append(d.Files, runner.File{Variable: entry.Variable, File: file})
	}
	d.Env = plan.Environ()
	if read.credential.StdinRead {
		empty, err := os.Open(os.DevNull)
		if err != nil {
			return d, fmt.Errorf("giving COMMAND an empty stdin: %w", err)
		}
		d.stdin = empty
	}
	return d, nil
}

// writeFileDir writes the files of --file-dir.
func (c *runCommand) writeFileDir(plan *environ.Plan) error {
	if c.FileDir == "" {
		return nil
	}
	dir := &environ.Dir{Path: c.FileDir}
	if _, err := dir.Write(plan.Files); err != nil {
		return fmt.Errorf("--file-dir: %w", err)
	}
	return nil
}
