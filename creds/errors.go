package creds

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"infuse/fetch/api"
)

// ProviderError is a provider that is configured but wrong. It stops the chain.
type ProviderError struct {
	Provider string
	Err      error
}

func (e *ProviderError) Error() string { return e.Provider + " credentials: " + e.Err.Error() }
func (e *ProviderError) Unwrap() error { return e.Err }

// Hint is the next step, or "".
func (e *ProviderError) Hint() string { return hintOf(e.Err) }

// NotConfiguredError is a chain in which no provider had a credential.
type NotConfiguredError struct {
	Asked    []string
	Warnings []string // why a provider that looked half configured was passed over
}

func (e *NotConfiguredError) Error() string {
	return "no credentials: asked " + strings.Join(e.Asked, ", ")
}

// Hint names the usual ways to give one.
func (e *NotConfiguredError) Hint() string {
	return "set INFISICAL_CLIENT_ID and INFISICAL_CLIENT_SECRET, or INFISICAL_TOKEN, or INFISICAL_MACHINE_IDENTITY_ID where the platform vouches for this machine, or run 'infisical login'"
}

// LoginError is a login that failed. Final reports whether the server refused
// the credential itself, so that asking again can only do harm: three failures
// lock the identity.
type LoginError struct {
	Provider, Method string
	Final            bool
	Err              error
	hint             string
}

func (e *LoginError) Error() string {
	return fmt.Sprintf("logging in with %s (%s): %v", sourceOf(e.Provider), e.Method, e.Err)
}
func (e *LoginError) Unwrap() error { return e.Err }

// Hint is the next step, or "".
func (e *LoginError) Hint() string {
	if e.hint != "" {
		return e.hint
	}
	return hintOf(e.Err)
}

// RejectedError is a token that the server refused and that cannot be replaced.
type RejectedError struct {
	Provider, Method     string
	ExpiresAt, NotBefore time.Time // what the token claims; zero: nothing
	Now                  time.Time // by our clock, which may be wrong
	NextStep             string
}

func (e *RejectedError) Error() string {
	what := fmt.Sprintf("the server refused the token from %s (%s)", sourceOf(e.Provider), e.Method)
	switch {
	case e.Expired():
		return what + ": it expired at " + e.ExpiresAt.UTC().Format(time.RFC3339)
	case e.NotYetValid():
		return what + ": it is not valid before " + e.NotBefore.UTC().Format(time.RFC3339) + " (is the clock right?)"
	}
	return what
}

// Expired reports whether the token's own exp has passed.
func (e *RejectedError) Expired() bool {
	return !e.ExpiresAt.IsZero() && !e.Now.Before(e.ExpiresAt)
}

// NotYetValid reports whether the token claims to begin in the future.
func (e *RejectedError) NotYetValid() bool {
	return !e.NotBefore.IsZero() && e.Now.Before(e.NotBefore)
}

// Hint says how to get a new token.
func (e *RejectedError) Hint() string { return e.NextStep }

// sourceOf is a provider's name inside a sentence.
func sourceOf(provider string) string {
	switch provider {
	case "explicit":
		return "the flags"
	case "environment":
		return "the environment"
	case "credential process":
		return "the credential process"
	case "workload identity":
		return "the workload identity"
	case "Infisical config":
		return "the Infisical CLI's login"
	}
	return provider
}

// refused reports whether err is the server's last word on a credential, as
// opposed to a failure that may pass.
func refused(err error) bool {
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.NoRoute || e.Foreign || e.Retryable() {
		return false // no server of Infisical's spoke, or it asked for patience
	}
	return e.Status >= 400 && e.Status < 500
}

// problem is an error with a next step.
type problem struct {
	err  error
	hint string
}

func (p *problem) Error() string { return p.err.Error() }
func (p *problem) Unwrap() error { return p.err }
func (p *problem) Hint() string  { return p.hint }

func wrong(hint, format string, args ...any) error {
	return &problem{err: fmt.Errorf(format, args...), hint: hint}
}

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
