package envfile

import "strings"

// properties is Java's (java.util.Properties.load): ASCII, because one of its
// readers takes bytes for Latin-1, with \uXXXX for the rest.
var properties = dialect{
	Format: Format{Name: "properties", Reader: "java.util.Properties"},
	name:   utf8Name,
	value:  utf8Value,
	entry: func(dst []byte, it item) []byte {
		dst = appendProperty(dst, it.name, true)
		return append(appendProperty(append(dst, '='), it.value, false), '\n')
	},
}

// appendProperty escapes what ends a key, or a blank that a value begins with.
func appendProperty(dst []byte, s string, key bool) []byte {
	for i, r := range s {
		switch {
		case r == '\\' || key && strings.ContainsRune(":=#!", r):
			dst = append(dst, '\\', byte(r))
		case r == ' ' && (key || i == 0):
			dst = append(dst, `\ `...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < ' ' || r >= 0x7f:
			dst = appendUTF16(dst, r)
		default:
			dst = append(dst, byte(r))
		}
	}
	return dst
}
