package envfile

// toml is a table of basic strings (https://toml.io/en/v1.0.0#string).
var toml = dialect{
	Format: Format{Name: "toml", Reader: "a TOML parser"},
	name:   utf8Name,
	value:  utf8Value,
	entry: func(dst []byte, it item) []byte {
		if bareTOMLKey(it.name) {
			dst = append(dst, it.name...)
		} else {
			dst = appendTOML(dst, it.name)
		}
		return append(appendTOML(append(dst, " = "...), it.value), '\n')
	},
}

func bareTOMLKey(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !(c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return false
		}
	}
	return true
}

// appendTOML writes a basic string: quote, backslash and all controls escaped.
func appendTOML(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < ' ' || r >= 0x7f && r <= 0x9f || r == 0xfeff:
			dst = appendUTF16(dst, r)
		default:
			dst = append(dst, string(r)...)
		}
	}
	return append(dst, '"')
}
