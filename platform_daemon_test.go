//go:build unix

package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"

	"github.com/zalando/go-keyring"

	"infuse/fetch/devserver"
)

// platformMain is the program platformd of scripts: a platform's endpoint at
// its real address and a development server beside it, for as long as a command
// runs. A script starts it in a network namespace, where that address may be had:
//
//	platformd METHOD ADDRESS -- COMMAND [ARG...]
func platformMain() {
	args := os.Args[1:]
	if len(args) < 4 || args[2] != "--" {
		fmt.Fprintln(os.Stderr, "usage: platformd METHOD ADDRESS -- COMMAND [ARG...]")
		os.Exit(99)
	}
	status, err := servePlatform(args[0], args[1], args[3:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "platformd:", err)
		status = 99
	}
	os.Exit(status)
}

func servePlatform(method, address string, command []string) (int, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return 0, err
	}
	platform := &http.Server{Handler: newEndpoints()}
	go func() { _ = platform.Serve(listener) }()
	defer platform.Close()
	server := devserver.New(devserver.Config{})
	project := server.AddProject(devserver.ProjectConfig{Slug: "shop"})
	project.Set("dev", "/", "PLAIN", "value")
	id, err := addWorkload(server, newUUID(), method, nil)
	if err != nil {
		return 0, err
	}
	api := httptest.NewServer(server)
	defer api.Close()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "INFISICAL_URL="+api.URL, "INFISICAL_PROJECT_ID="+project.ID(), "INFISICAL_ENVIRONMENT=dev", "INFISICAL_MACHINE_IDENTITY_ID="+id.ID)
	err = cmd.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode(), nil
	}
	return 0, err
}

// keyringMain is the program keyring of scripts: `keyring ACCOUNT FILE` stores
// an entry the way `infisical login` does.
func keyringMain() {
	text, err := os.ReadFile(os.Args[2])
	if err == nil {
		err = keyring.Set("infisical-cli", os.Args[1], string(text))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "keyring:", err)
		os.Exit(99)
	}
}
