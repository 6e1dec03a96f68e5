//go:build nodev

package main

import (
	"context"
	"errors"
)

// devCommand of a build with the tag nodev only says so.
type devCommand struct {
	messageFlags
	Args []string `arg:"" optional:"" passthrough:"" help:"Not in this build."`
}

func (c *devCommand) messages() *messageFlags { return &c.messageFlags }

func (c *devCommand) run(context.Context, *program) error {
	return hinted(errors.New("the development server is not in this build of infuse"), "use a build without the tag nodev; --url file:DIR reads a directory without a server")
}
