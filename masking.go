package main

import (
	"io"
	"os"
	"slices"

	"infuse/fetch/secret"
	"infuse/runner"
	"infuse/runner/environ"
	"infuse/runner/mask"
)

// masking stands between COMMAND's output and ours, with --mask. nil is off.
type masking struct {
	matcher *mask.Matcher
	streams *mask.Streams
	always  []secret.Value
}

// openMasking prepares --mask. stdin is nil where COMMAND reads ours.
func (c *runCommand) openMasking(p *program, read *reading, plan *environ.Plan, action runner.Action, stdin *os.File) (*masking, error) {
	if !c.Mask {
		return nil, nil
	}
	m := &masking{}
	if c.PassCredentials {
		m.always = append(m.always, read.credential.Token, read.credential.KeyMaterial)
	}
	if action != runner.ActionRestart {
		m.always = append(m.always, maskedValues(plan)...) // COMMAND keeps its environment to its end
	}
	m.matcher = mask.New(append(m.always[:len(m.always):len(m.always)], maskedValues(plan)...))
	config := mask.Config{Stdin: stdin, Matcher: m.matcher, Share: runner.Group(c.Pgroup) == runner.GroupShare}
	if stdin == nil {
		config.Stdin, _ = p.stdin.(*os.File)
	}
	config.Stdout, _ = p.stdout.(*os.File)
	config.Stderr, _ = p.stderr.(*os.File)
	var err error
	m.streams, err = mask.Open(config)
	return m, err
}

// maskedValues are the values that must not be seen: those of the store and of
// dotenv files, and whatever stands in a secret's place. --set names its value
// on the command line, which shells and logs of jobs keep, and what the parent had
// is not ours to judge; neither is masked under a name of its own.
func maskedValues(plan *environ.Plan) []secret.Value {
	var values []secret.Value
	for _, entries := range [][]environ.Entry{plan.Entries, plan.Files} {
		for i := range entries {
			e := &entries[i]
			replaces := func(l environ.Loser) bool { return l.Layer == environ.Store }
			if e.Layer == environ.Store || e.Layer == environ.File || slices.ContainsFunc(e.Losers, replaces) {
				values = append(values, e.Value)
			}
		}
	}
	return values
}

// update takes in a plan before anybody is given it. What it replaces stays
// masked for a while: COMMAND still prints that.
func (m *masking) update(plan *environ.Plan) {
	if m != nil {
		m.matcher.Update(append(m.always[:len(m.always):len(m.always)], maskedValues(plan)...))
	}
}

// child is what the runner connects COMMAND to.
func (m *masking) child() *mask.Streams {
	if m == nil {
		return nil
	}
	return m.streams
}

// messages is w for lines between COMMAND's.
func (m *masking) messages(w io.Writer) io.Writer {
	if m == nil {
		return w
	}
	return m.streams.Log(w)
}

func (m *masking) close() {
	if m != nil {
		_ = m.streams.Close()
	}
}
