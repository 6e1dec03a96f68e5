package environ

import (
	"fmt"
	"strings"
)

// Refusal is one name that cannot be composed, and why.
type Refusal struct {
	Name   string `json:"name"` // a secret's on the server
	Source string `json:"source"`
	Why    string `json:"why"`
}

// RefusedError lists every variable that no environment can carry.
type RefusedError struct{ Refused []Refusal }

func (e *RefusedError) Error() string {
	parts := make([]string, len(e.Refused))
	for i, r := range e.Refused {
		parts[i] = fmt.Sprintf("%s from %s: %s", Display(r.Name), r.Source, r.Why)
	}
	return "refusing variables: " + strings.Join(parts, "; ")
}

// ConflictError lists the names that several folders of one recursive fetch
// define, under Config.OnConflict "error".
type ConflictError struct{ Conflicts []Conflict }

// Conflict is one such name with every folder that has it.
type Conflict struct {
	Name    string
	Sources []string
}

func (e *ConflictError) Error() string {
	parts := make([]string, len(e.Conflicts))
	for i, c := range e.Conflicts {
		parts[i] = Display(c.Name) + " is in " + strings.Join(c.Sources, " and ")
	}
	return "conflicting secrets: " + strings.Join(parts, "; ")
}

// RenameError says that two secrets ended up with one name.
type RenameError struct{ First, Second, Name string }

func (e *RenameError) Error() string {
	return fmt.Sprintf("renaming secrets: %s and %s would both be called %s",
		Display(e.First), Display(e.Second), Display(e.Name))
}

// MissingError lists the names of Config.Require that are not there, and those
// that are there and empty.
type MissingError struct{ Missing, Empty []string }

func (e *MissingError) Error() string {
	var parts []string
	if len(e.Missing) > 0 {
		parts = append(parts, "missing "+displayAll(e.Missing))
	}
	if len(e.Empty) > 0 {
		parts = append(parts, "empty "+displayAll(e.Empty))
	}
	return "required variables: " + strings.Join(parts, "; ")
}

// SizeError says that the kernel would refuse the environment. Size and Limit
// count bytes; Largest names the biggest variables, biggest first.
type SizeError struct {
	String  bool // one variable is too long; otherwise the total is
	Size    int
	Limit   int
	Largest []Sized
}

// Sized is a variable with the bytes of its NAME=VALUE. Secret is its name on
// the server, if it is one.
type Sized struct {
	Name   string
	Secret string
	Size   int
}

func (e *SizeError) Error() string {
	parts := make([]string, len(e.Largest))
	for i, s := range e.Largest {
		parts[i] = fmt.Sprintf("%s (%d bytes)", Display(s.Name), s.Size)
	}
	if e.String {
		return fmt.Sprintf("environment too large: the system takes %d bytes a variable: %s",
			e.Limit, strings.Join(parts, ", "))
	}
	return fmt.Sprintf("environment too large: %d bytes of %d with the command line; the largest: %s",
		e.Size, e.Limit, strings.Join(parts, ", "))
}

// Hint is the way out.
func (e *SizeError) Hint() string {
	for _, s := range e.Largest {
		if s.Secret != "" {
			return fmt.Sprintf("--file %s passes the value in a sealed memory file and its path in %s",
				Display(s.Secret), Display(s.Name+"_FILE"))
		}
	}
	return "--pristine or --inherit drop what the parent's environment holds"
}
