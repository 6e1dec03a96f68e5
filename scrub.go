package main

import (
	"errors"
	"strings"

	"infuse/creds"
	"infuse/runner"
)

// scrub takes the credentials out of what others can read of a process that
// stays: /proc/PID/environ, and the arguments that ps(1) shows, in which the
// values of --set are hidden too.
func (p *program) scrub(f *credentialFlags, set []string) {
	keep := func(arg string) int {
		for _, value := range []string{f.Token, f.ClientSecret} {
			if value != "" && strings.HasSuffix(arg, value) {
				return len(arg) - len(value)
			}
		}
		for _, pair := range set {
			if name, _, _ := strings.Cut(pair, "="); strings.HasSuffix(arg, pair) {
				return len(arg) - len(pair) + len(name) + 1
			}
		}
		return len(arg)
	}
	if err := errors.Join(runner.ScrubEnviron(creds.EnvironmentNames()...), runner.ScrubArgs(keep)); err != nil {
		p.log.Debug("credentials stay where ps and /proc show them", "reason", err)
	}
}
