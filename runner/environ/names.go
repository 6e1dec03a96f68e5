package environ

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Portable reports whether every program sees a variable of this name: dash
// drops all others from the environment it passes on, and npm runs scripts
// through sh (https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap08.html).
func Portable(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// Display is name as a message may show it: quoted as soon as it holds anything
// but letters, digits and harmless punctuation, so that no name can write
// control characters to a terminal or look like another sentence.
func Display(name string) string {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_-./:", c) >= 0) {
			return strconv.QuoteToASCII(name)
		}
	}
	if name == "" {
		return `""`
	}
	return name
}

// displaySource shows a folder or a file path, which may hold blanks.
func displaySource(source string) string {
	for _, r := range source {
		if !strconv.IsPrint(r) {
			return strconv.QuoteToASCII(source)
		}
	}
	return source
}

func displayAll(names []string) string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = Display(name)
	}
	return strings.Join(shown, ", ")
}

// badName says why the kernel's NAME=VALUE cannot hold name, or "".
func badName(name string) string {
	switch {
	case name == "":
		return "the name is empty"
	case strings.IndexByte(name, '=') >= 0:
		return `the name holds "="`
	case strings.IndexByte(name, 0) >= 0:
		return "the name holds NUL"
	}
	return ""
}

// globs is a compiled list of names and patterns: one map look-up for the
// names, path.Match for the rest.
type globs struct {
	names    map[string]bool
	patterns []string
	fold     bool
}

func newGlobs(option string, list []string, fold bool) (globs, error) {
	g := globs{fold: fold}
	for _, entry := range list {
		if fold {
			entry = strings.ToUpper(entry)
		}
		if !strings.ContainsAny(entry, `*?[\`) {
			if g.names == nil {
				g.names = make(map[string]bool, len(list))
			}
			g.names[entry] = true
			continue
		}
		if _, err := path.Match(entry, ""); err != nil {
			return g, fmt.Errorf("%s: %s is not a pattern: %w", option, strconv.Quote(entry), err)
		}
		g.patterns = append(g.patterns, entry)
	}
	return g, nil
}

func (g globs) match(name string) bool {
	if g.fold {
		name = strings.ToUpper(name)
	}
	if g.names[name] {
		return true
	}
	for _, pattern := range g.patterns {
		if matchGlob(pattern, name) {
			return true
		}
	}
	return false
}

// matchGlob is path.Match where "*" and "?" also match "/": names are not paths.
func matchGlob(pattern, name string) bool {
	if strings.IndexByte(name, '/') >= 0 || strings.IndexByte(pattern, '/') >= 0 {
		pattern, name = strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00")
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
