package main

import "os/exec"

// ownGroup leaves the defaults: the command itself is ended.
func ownGroup(*exec.Cmd) {}

func endGroup(*exec.Cmd) {}
