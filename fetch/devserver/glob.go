package devserver

import (
	"regexp"
	"strings"
)

// globMatch matches a folder path against the globs the server uses in
// service token scopes and event conditions: "/" is the root only, "/**" a
// subtree with its top, * stays within one folder name.
func globMatch(glob, path string) bool {
	if !isGlob(glob) {
		return clean(glob) == clean(path)
	}
	var b strings.Builder
	b.WriteString("^")
	for i := 0; i < len(glob); i++ {
		switch {
		case strings.HasPrefix(glob[i:], "/**"):
			b.WriteString("(/.*)?")
			i += 2
		case strings.HasPrefix(glob[i:], "**"):
			b.WriteString(".*")
			i++
		case glob[i] == '*':
			b.WriteString("[^/]*")
		case glob[i] == '?':
			b.WriteString("[^/]")
		default:
			b.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		}
	}
	re, err := regexp.Compile(b.String() + "$")
	return err == nil && re.MatchString(path)
}

func isGlob(path string) bool { return strings.ContainsAny(path, "*?[{") }
