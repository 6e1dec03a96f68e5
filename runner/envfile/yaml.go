package envfile

import (
	"strings"

	"infuse/runner/environ"
)

// yaml is a mapping of JSON strings, which are YAML strings as soon as what
// YAML calls unprintable is escaped (https://yaml.org/spec/1.2.2/#51-character-set).
var yaml = dialect{
	Format: Format{Name: "yaml", Reader: "a YAML parser"},
	name: func(name string) string {
		if name == "<<" {
			return "YAML takes the name for a merge"
		}
		// A simple key has at most 1024 characters, here with its escapes.
		if len(appendYAML(nil, name)) > 1024 {
			return "the name is too long for a YAML key"
		}
		return utf8Name(name)
	},
	value: utf8Value,
	entry: func(dst []byte, it item) []byte {
		if plainYAMLKey(it.name) {
			dst = append(dst, it.name...)
		} else {
			dst = appendYAML(dst, it.name)
		}
		return append(appendYAML(append(dst, ": "...), it.value), '\n')
	},
	done: func(dst []byte, _ *Document, empty bool) []byte {
		if empty {
			return append(dst, "{}\n"...)
		}
		return dst
	},
}

// plainYAMLKey reports whether name needs no quotes: an identifier that no
// version of YAML takes for a boolean, a null or a number.
func plainYAMLKey(name string) bool {
	switch strings.ToLower(name) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	return environ.Portable(name) && strings.ContainsAny(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
}

// appendYAML writes s as a JSON string with everything escaped that YAML may
// not hold or would fold.
func appendYAML(dst []byte, s string) []byte {
	for _, r := range string(appendJSON(nil, s)) {
		if r >= 0x7f && r <= 0x9f || r == 0xfeff || r == 0xfffe || r == 0xffff || r == 0x2028 || r == 0x2029 {
			dst = appendUTF16(dst, r)
		} else {
			dst = append(dst, string(r)...)
		}
	}
	return dst
}
