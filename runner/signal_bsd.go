//go:build unix && !linux

package runner

const maxSignal = 31
