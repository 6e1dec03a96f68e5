package environ

import (
	"infuse/fetch/secret"
)

// Var is one variable: the currency between composition, the child and the
// files that runner/envfile writes.
type Var struct {
	Name  string
	Value secret.Value
}

// Secret is one secret as the store gave it, after the store's own precedence
// (local beats import, personal beats shared, a later path beats an earlier).
type Secret struct {
	Name   string // on the server; Config.Only, Exclude, Rename and Files speak of it
	Value  secret.Value
	Source string // where it lives, for people: "dev:/backend"
	Kind   string // "shared", "personal", "import", ...; only shown

	// Shadowed lists what this secret already beat inside the store.
	Shadowed []Shadow

	// Hidden says that the server did not give the value; only Config.NamesOnly
	// takes such a secret.
	Hidden bool

	// Unresolved says that the value still holds a reference the server did
	// not expand. Such values flicker on real servers: see [Change].
	Unresolved bool
}

// Shadow is a secret of the same name that lost inside the store. A Conflict
// lost only because its folder is farther from the requested path; it needs its
// Value for OnConflict "first" and "last".
type Shadow struct {
	Source   string
	Kind     string
	Value    secret.Value
	Conflict bool
}

// EnvFile is one dotenv file, already read.
type EnvFile struct {
	Path string
	Vars []Var
}

// The policies of Config.OnConflict.
const (
	NearestWins    = ""      // the store's choice stands, with a warning
	RefuseConflict = "error" // refuse
	FirstWins      = "first" // the first Source in byte order
	LastWins       = "last"  // the last Source in byte order
)

// Config says what to compose. The zero value composes nothing. Globs are those
// of [path.Match]; lists of names do not depend on their order.
type Config struct {
	// The layers, low to high.
	Parent   []string  // os.Environ()
	Secrets  []Secret  // each name once
	EnvFiles []EnvFile // a later file wins
	Set      []Var     // a later one wins

	// The parent's layer.
	Credentials     []string // names of our own credentials, taken out of Parent
	PassCredentials bool     // leave them in
	Pristine        bool     // keep only the base list (PATH, HOME, LC_*, ...)
	Inherit         []string // names or globs kept as well; implies Pristine
	PreserveAll     bool     // the parent's value beats a secret
	Preserve        []string // ... for these names or globs

	// Which secrets, and what they are called.
	Only, Exclude []string          // globs over server names
	Prefix        string            // in front of every secret that Rename does not name
	Rename        map[string]string // server name -> final name
	OnConflict    string            // "error", "first", "last" or ""
	AllowNames    []string          // final names or globs that the guard lets through

	// Require lists final names that must be there and not empty.
	Require []string

	// Files lists secrets that go to a file: "SECRET" or "SECRET=VARIABLE"; the
	// runner seals Plan.Files and puts each path into VARIABLE (by default the
	// final name followed by _FILE).
	Files []string

	// FileDir takes every selected secret out of the environment; Plan.Files
	// then names what [Dir] writes.
	FileDir bool

	// Export composes for a file instead of a process: no guard, no checks of
	// names, NUL or size, because runner/envfile judges each format.
	Export bool

	// NamesOnly composes for a list: hidden values, missing and too large ones
	// are no errors, and what no environment can carry is in Plan.Refused.
	NamesOnly bool

	// Args is the command line the environment has to fit beside: the path
	// that is executed and every argument.
	Args []string
	// Limits are the kernel's; the zero value asks [SystemLimits].
	Limits Limits

	// FoldNames compares names without case, as Windows does; there it is
	// always on.
	FoldNames bool
}
