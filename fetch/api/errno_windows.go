package api

import "golang.org/x/sys/windows"

var (
	refusedErrors     = []error{windows.WSAECONNREFUSED}
	resetErrors       = []error{windows.WSAECONNRESET, windows.WSAECONNABORTED}
	unreachableErrors = []error{windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAENETDOWN, windows.WSAEADDRNOTAVAIL}
)
