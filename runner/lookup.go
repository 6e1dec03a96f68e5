package runner

import "strings"

// LookupIn is [Lookup] on the PATH of the environment environ, the last one if there are several. Without any it is
// [DefaultPath], as for execvp(3).
func LookupIn(name string, environ []string) (string, error) {
	path := DefaultPath
	for _, entry := range environ {
		if key, value, ok := strings.Cut(entry, "="); ok && samePathVariable(key) {
			path = value
		}
	}
	return Lookup(name, path)
}
