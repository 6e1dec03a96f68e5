package environ

import (
	"slices"
	"strings"

	"infuse/fetch/secret"
)

// Layer is where a variable comes from; a higher layer wins.
type Layer uint8

// The layers of a child's environment.
const (
	Parent Layer = iota
	Store
	File
	Set
)

var layerNames = [...]string{"parent", "secret", "env-file", "set"}

// String is the word that tables show: parent, secret, env-file or set.
func (l Layer) String() string { return layerNames[l] }

// MarshalText is String.
func (l Layer) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Entry is one name of the plan: who won, and whom it beat.
type Entry struct {
	Name   string       `json:"name"`
	Layer  Layer        `json:"layer"`
	Source string       `json:"source,omitempty"`
	Kind   string       `json:"kind,omitempty"`
	Secret string       `json:"secret,omitempty"` // its name on the server, for secrets
	Size   int          `json:"size"`             // bytes of the value
	Value  secret.Value `json:"-"`

	// Variable, in Plan.Files, will hold the path of the file (none below a
	// Dir). It has an entry of its own in Plan.Entries, whose PathOf names the
	// secret and whose value only the runner knows.
	Variable string `json:"variable,omitempty"`
	PathOf   string `json:"pathOf,omitempty"`

	Losers     []Loser `json:"losers,omitempty"` // highest first
	Unresolved bool    `json:"unresolved,omitempty"`
	Hidden     bool    `json:"hidden,omitempty"`
}

// pathRoom is what the size check assumes for a path like /proc/4194304/fd/1023.
const pathRoom = 64

func (e *Entry) envSize() int {
	if e.PathOf != "" {
		return pathRoom
	}
	return e.Value.Len()
}

// Loser is a variable of the same name that did not get into the environment.
type Loser struct {
	Layer  Layer  `json:"layer"`
	Source string `json:"source,omitempty"`
	Kind   string `json:"kind,omitempty"`
	Size   int    `json:"size"`
}

// Skipped is a secret that was left out on purpose, and why: "guarded" or
// "not selected".
type Skipped struct {
	Name   string `json:"name"` // final name
	Secret string `json:"secret"`
	Source string `json:"source,omitempty"`
	Why    string `json:"why"`
}

// Plan is a composed environment: every name with its source, its winner and
// its losers, sorted by name. The child, --dry-run and list all come from it.
type Plan struct {
	Entries  []Entry   // the environment
	Files    []Entry   // secrets that go to a file instead, see Entry.Variable
	Skipped  []Skipped // secrets that were left out
	Refused  []Refusal // with Config.NamesOnly: what no environment can carry
	Removed  []string  // credentials of ours that the parent had
	Warnings []string  // each names every variable it is about; never a value

	odd  []string // what the parent had without a name
	fold bool
}

// Environ is the environment for execve: "NAME=value", sorted, each name once.
// Variables that hold the path of a file are left out; see EnvironWith.
func (p *Plan) Environ() []string { return p.EnvironWith(nil) }

// EnvironWith is Environ with the path of each variable of Plan.Files.
func (p *Plan) EnvironWith(paths map[string]string) []string {
	size := 0
	for i := range p.Entries {
		size += len(p.Entries[i].Name) + p.Entries[i].Value.Len() + 1
	}
	// One allocation for all strings: a builder of the right size never moves.
	var block strings.Builder
	block.Grow(size)
	env := make([]string, 0, len(p.Entries)+len(p.odd))
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.PathOf != "" {
			if path, ok := paths[e.Name]; ok {
				env = append(env, e.Name+"="+path)
			}
			continue
		}
		start := block.Len()
		block.WriteString(e.Name)
		block.WriteByte('=')
		block.WriteString(e.Value.Reveal())
		env = append(env, block.String()[start:])
	}
	return append(env, p.odd...)
}

// Vars are the variables of the environment with their values, sorted by name:
// what runner/envfile writes. Variables that hold a path are left out.
func (p *Plan) Vars() []Var {
	vars := make([]Var, 0, len(p.Entries))
	for i := range p.Entries {
		if e := &p.Entries[i]; e.PathOf == "" {
			vars = append(vars, Var{e.Name, e.Value})
		}
	}
	return vars
}

// Lookup finds what a final name became: a variable, else a file.
func (p *Plan) Lookup(name string) (Entry, bool) {
	for _, entries := range [][]Entry{p.Entries, p.Files} {
		i, found := slices.BinarySearchFunc(entries, name, func(e Entry, name string) int {
			return strings.Compare(foldName(e.Name, p.fold), foldName(name, p.fold))
		})
		if found {
			return entries[i], true
		}
	}
	return Entry{}, false
}

func foldName(name string, fold bool) string {
	if fold {
		return strings.ToUpper(name)
	}
	return name
}
