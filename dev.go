//go:build !nodev

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"infuse/fetch/devserver"
	"infuse/fetch/secret"
	"infuse/runner"
	"infuse/runner/envfile"
	"infuse/runner/environ"
	"infuse/watch"
)

// devCommand is `infuse dev DIR`: the Infisical API over a directory of dotenv
// files, for development.
type devCommand struct {
	messageFlags
	Dir    string `arg:"" help:"Directory with ENV.env and ENV/FOLDER.env files."`
	Listen string `default:"127.0.0.1:0" placeholder:"HOST:PORT" help:"Where to listen (default: a free port of loopback)."`
	Env    string `short:"e" placeholder:"SLUG" help:"Environment that the printed variables name (default: dev, else the first)."`
}

func (c *devCommand) messages() *messageFlags { return &c.messageFlags }

func (c *devCommand) run(ctx context.Context, p *program) error {
	server := devserver.New(devserver.Config{})
	project, err := server.FillFrom(c.Dir)
	if err != nil {
		return hinted(err, "DIR holds files such as DIR/dev.env with lines NAME=value")
	}
	identity := server.AddIdentity(devserver.Identity{Name: "development"})
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return hinted(fmt.Errorf("listening on %s: %w", c.Listen, err), "--listen 127.0.0.1:0 takes a free port")
	}
	address := listener.Addr().(*net.TCPAddr)
	if !address.IP.IsLoopback() {
		p.log.Warn("this development server is open to the network: whoever reaches it can read everything in it", "listen", address)
	}
	if err := c.printVariables(p, address, project, identity); err != nil {
		return err
	}
	if file, ok := p.stdout.(io.Closer); ok {
		_ = file.Close() // so that eval "$(infuse dev DIR &)" goes on
	}
	return c.serve(ctx, p, server, listener)
}

// printVariables prints what a client needs, in a form that eval takes.
func (c *devCommand) printVariables(p *program, address *net.TCPAddr, project *devserver.Project, identity devserver.Identity) error {
	host := address.String()
	if address.IP.IsUnspecified() {
		host = net.JoinHostPort("127.0.0.1", fmt.Sprint(address.Port))
	}
	return envfile.Write(p.stdout, "shell", []environ.Var{
		{Name: "INFISICAL_URL", Value: secret.New("http://" + host)},
		{Name: "INFISICAL_PROJECT_ID", Value: secret.New(project.ID())},
		{Name: "INFISICAL_ENVIRONMENT", Value: secret.New(c.environment(project.Environments()))},
		{Name: "INFISICAL_CLIENT_ID", Value: secret.New(identity.ClientID)},
		{Name: "INFISICAL_CLIENT_SECRET", Value: secret.New(identity.ClientSecret)},
	})
}

func (c *devCommand) environment(known []string) string {
	if c.Env != "" {
		return c.Env
	}
	for _, env := range known {
		if env == "dev" {
			return env
		}
	}
	if len(known) > 0 {
		return known[0]
	}
	return "dev"
}

// serve answers until a signal ends it, and reloads the directory when it changes.
func (c *devCommand) serve(ctx context.Context, p *program, server *devserver.Server, listener net.Listener) error {
	// BaseContext ends the open event streams with us.
	s := &http.Server{Handler: server, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	var others sync.WaitGroup
	watching, stop := context.WithCancel(ctx)
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		dir = c.Dir
	}
	w := watch.Start(watching, watch.Config{Trees: []string{dir}, Log: p.log})
	others.Go(func() {
		defer w.Wait()
		for event := range w.C {
			w.Report(nil)
			c.reload(p, server, event)
		}
	})
	others.Go(func() {
		<-watching.Done()
		grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = s.Shutdown(grace)
	})
	err = s.Serve(listener)
	stop()
	others.Wait()
	if terminated, ok := errors.AsType[runner.Terminated](context.Cause(ctx)); ok {
		return terminated
	}
	return err
}

func (c *devCommand) reload(p *program, server *devserver.Server, event watch.Event) {
	changes, err := server.Reload()
	if err != nil {
		p.log.Warn("keeping what was loaded: " + err.Error())
		return
	}
	for _, change := range changes {
		p.log.Info(change.Kind, "environment", change.Environment, "path", change.Path, "name", change.Key, "because", event.Reason)
	}
}
