package creds

import "os/exec"

// gentleCancel leaves the defaults: Windows has no signal to ask with.
func gentleCancel(*exec.Cmd) {}
