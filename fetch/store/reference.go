package store

import (
	"errors"
	"regexp"
	"strings"
	"sync"
)

// MaxReferenceDepth is how deep references of references are followed, as on the server.
const MaxReferenceDepth = 10

// maxExpanded bounds what expansion adds to one value, in bytes, and maxReplaced how many references it
// replaces. The depth alone bounds neither: a value of two references to itself doubles with each level.
const (
	maxExpanded = 8 << 20
	maxReplaced = 20000
)

// syntax is the server's own pattern, odd class included: "-_" is two
// characters there, and "." separates environment, folders and key.
var syntax = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\{([a-zA-Z0-9_.\-]+)\}`) })

// Reference is where a ${...} points.
type Reference struct {
	Text        string // as written, with ${ and }
	Environment string
	Path        string // "/", "/backend/db"
	Key         string
}

// References lists the references in value in order, duplicates included.
// ${KEY} is relative to the environment and path given; ${env.folder.sub.KEY}
// is absolute, so that an environment's root is written ${env.KEY}.
func References(value, environment, path string) []Reference {
	if !strings.Contains(value, "${") {
		return nil
	}
	var refs []Reference
	for _, m := range syntax().FindAllStringSubmatch(value, -1) {
		refs = append(refs, parseReference(m[0], m[1], environment, path))
	}
	return refs
}

// HasReference reports whether value holds text of the form of a reference.
func HasReference(value string) bool {
	return strings.Contains(value, "${") && syntax().MatchString(value)
}

func parseReference(text, inner, environment, path string) Reference {
	parts := strings.Split(inner, ".")
	if len(parts) == 1 {
		return Reference{Text: text, Environment: environment, Path: path, Key: inner}
	}
	last := len(parts) - 1
	return Reference{Text: text, Environment: parts[0], Path: "/" + strings.Join(parts[1:last], "/"), Key: parts[last]}
}

// Lookup finds the raw value a reference points to; false or an empty value
// leave the reference as it is written.
type Lookup func(environment, path, key string) (string, bool)

// Expand replaces the references in value, which stands in environment and
// path, by what lookup finds, and those in what it finds in turn, each
// relative to its own place. A reference that leads to nothing or to an
// empty value stays verbatim; so does what is left of a circle, or of a chain
// of more than MaxReferenceDepth, and what would add more than 8 MiB or 20,000 references to the value.
// That is what the server does, without its faults ($$ in a referenced value stays $$).
func Expand(value, environment, path string, lookup Lookup) string {
	e := expander{lookup: lookup, room: maxExpanded, left: maxReplaced}
	return e.expand(value, environment, path, 0)
}

type expander struct {
	lookup Lookup
	room   int // bytes that may still be added
	left   int // references that may still be replaced
}

func (e *expander) expand(value, environment, path string, depth int) string {
	if depth > MaxReferenceDepth || !strings.Contains(value, "${") {
		return value
	}
	return syntax().ReplaceAllStringFunc(value, func(text string) string {
		if e.left == 0 {
			return text
		}
		e.left--
		ref := parseReference(text, text[2:len(text)-1], environment, path)
		found, ok := e.lookup(ref.Environment, ref.Path, ref.Key)
		if !ok || found == "" || len(found) > e.room {
			return text
		}
		e.room -= len(found)
		return e.expand(found, ref.Environment, ref.Path, depth+1)
	})
}

// Expand replaces the references of every entry of the environment's tree.
// Other environments are read from the store when a reference names them; a
// reference into one that is not there stays verbatim, one that cannot be read is an error.
func (s Store) Expand(env string, tree Tree) (Tree, error) {
	trees := map[string]index{env: tree.index()}
	var failed error
	lookup := func(environment, path, key string) (string, bool) {
		idx, ok := trees[environment]
		if !ok {
			other, err := s.Tree(environment)
			if err != nil && !errors.Is(err, ErrNoEnvironment) && failed == nil {
				failed = err
			}
			idx = other.index()
			trees[environment] = idx
		}
		value, ok := idx[[2]string{path, key}]
		return value, ok
	}
	expanded := tree.expand(env, lookup)
	return expanded, failed
}
