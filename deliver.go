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
	files, err := sealedFiles(plan)
	if err != nil {
		return nil, err
	}
	paths := make(map[string]string, len(files))
	for _, f := range files {
		if paths[f.Variable], err = runner.PathForExec(f.File); err != nil {
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
	var err error
	if d.Files, err = sealedFiles(plan); err != nil {
		return d, err
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

// sealedFiles are the memory files of --file, open.
func sealedFiles(plan *environ.Plan) ([]runner.File, error) {
	var files []runner.File
	for i := range plan.Files {
		entry := &plan.Files[i]
		if entry.Variable == "" {
			continue // of --file-dir
		}
		file, err := runner.SealedFile(entry.Name, []byte(entry.Value.Reveal()))
		if err != nil {
			for _, f := range files {
				_ = f.File.Close()
			}
			return nil, err
		}
		files = append(files, runner.File{Variable: entry.Variable, File: file})
	}
	return files, nil
}

// warnFileDir speaks of files that stay when program and machine are gone.
func (c *runCommand) warnFileDir(p *program) {
	if c.FileDir != "" && environ.OnDisk(c.FileDir) {
		p.log.Warn("--file-dir is on a disk, where the secrets stay; /dev/shm, /run or a volume in memory forgets them", "dir", c.FileDir)
	}
}

// writeFileDir writes the files of --file-dir.
func (c *runCommand) writeFileDir(plan *environ.Plan) error {
	if c.FileDir == "" {
		return nil
	}
	c.dir.Path = c.FileDir
	if _, err := c.dir.Write(plan.Files); err != nil {
		return fmt.Errorf("--file-dir: %w", err)
	}
	return nil
}
