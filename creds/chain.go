package creds

import (
	"context"
	"errors"
	"slices"
)

// Chain is an ordered list of providers. The zero Chain is empty and ready.
type Chain struct {
	providers []Provider
}

// Insert puts p before the provider that is at index now; an index past the end appends.
func (c *Chain) Insert(index int, p Provider) {
	index = min(max(index, 0), len(c.providers))
	c.providers = slices.Insert(c.providers, index, p)
}

// Names lists the providers in order.
func (c *Chain) Names() []string {
	var names []string
	for _, p := range c.providers {
		names = append(names, nameOf(p))
	}
	return names
}

// Retrieve asks one provider after the other. The first that is configured
// wins. The warnings of those before it travel with its credential.
func (c *Chain) Retrieve(ctx context.Context) (Credential, error) {
	credential, _, err := c.Explain(ctx)
	return credential, err
}

// State is a provider's answer.
type State string

const (
	NotConfigured State = "not configured"
	Wrong         State = "wrong"
	Used          State = "used"
	NotAsked      State = "not asked" // one before it answered or stopped the chain
)

// Answer is one provider's answer for people: nothing in it is secret.
type Answer struct {
	Provider string   `json:"provider"`
	State    State    `json:"state"`
	Why      string   `json:"why,omitempty"` // of a wrong one
	Hint     string   `json:"hint,omitempty"`
	Method   string   `json:"method,omitempty"`
	Identity string   `json:"identity,omitempty"`
	URL      string   `json:"url,omitempty"`
	Files    []string `json:"files,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// Explain is Retrieve that also tells what every provider said.
func (c *Chain) Explain(ctx context.Context) (Credential, []Answer, error) {
	var (
		answers  []Answer
		found    Credential
		warnings []string
		failure  error
	)
	for _, p := range c.providers {
		name := nameOf(p)
		if failure != nil || found.Configured() {
			answers = append(answers, Answer{Provider: name, State: NotAsked})
			continue
		}
		credential, err := p.Retrieve(ctx)
		answer := Answer{Provider: name, State: NotConfigured, Warnings: credential.Warnings}
		warnings = append(warnings, credential.Warnings...)
		switch {
		case err != nil:
			failure = asProviderError(name, err)
			answer.State, answer.Why, answer.Hint = Wrong, err.Error(), hintOf(err)
		case credential.Configured():
			if credential.Provider == "" {
				credential.Provider = name
			}
			found = credential
			answer.State, answer.Method, answer.Identity = Used, credential.Method, credential.Identity
			answer.URL, answer.Files = credential.URL, credential.Files
		}
		answers = append(answers, answer)
	}
	if failure != nil {
		return Credential{}, answers, failure
	}
	if !found.Configured() {
		return Credential{}, answers, &NotConfiguredError{Asked: c.Names(), Warnings: warnings}
	}
	found.Warnings = warnings
	return found, answers, nil
}

func asProviderError(name string, err error) error {
	if e, ok := errors.AsType[*ProviderError](err); ok {
		return e
	}
	return &ProviderError{Provider: name, Err: err}
}

func nameOf(p Provider) string {
	if n, ok := p.(Named); ok {
		return n.Name()
	}
	return "custom"
}
