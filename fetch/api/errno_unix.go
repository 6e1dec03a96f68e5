//go:build !windows

package api

import "syscall"

var (
	refusedErrors     = []error{syscall.ECONNREFUSED}
	resetErrors       = []error{syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED}
	unreachableErrors = []error{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL}
)
