package envfile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// dotenv is the part of the grammar on which joho/godotenv 1.5, compose-go 2,
// npm dotenv 16 to 18 and node --env-file agree. They do not agree on escapes,
// on which quote ends what, or on what a dollar means outside single quotes;
// what is left are three ways to write a value, tried in this order.
var dotenv = dialect{
	Format: Format{Name: "dotenv", Reader: "godotenv, npm dotenv, node --env-file, Docker Compose"},
	name:   dotenvName,
	value:  dotenvValue,
	entry: func(dst []byte, it item) []byte {
		quote := dotenvQuote(it.value)
		dst = append(append(dst, it.name...), '=')
		dst = append(append(append(dst, quote...), it.value...), quote...)
		return append(dst, '\n')
	},
}

func dotenvName(name string) string {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !(c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return "the name is not letters, digits, _ and ."
		}
	}
	if strings.Trim(name, "0123456789") == "" {
		return "the name is a number, which node does not see in process.env"
	}
	return ""
}

func dotenvValue(value string) string {
	if why := textValue(value); why != "" {
		return why
	}
	switch {
	case strings.IndexByte(value, '\r') >= 0:
		return whyCR
	case singleQuotable(value), barable(value), doubleQuotable(value):
		return ""
	case strings.IndexByte(value, '\'') < 0:
		return "the value ends in a backslash and needs quotes"
	}
	return `the value needs quotes and holds ' together with ", \ or $NAME`
}

// dotenvQuote is what goes around a value that dotenvValue takes.
func dotenvQuote(value string) string {
	switch {
	case singleQuotable(value):
		return "'"
	case barable(value):
		return ""
	}
	return `"`
}

// singleQuotable: everything is literal between single quotes, except that a
// backslash in front of the closing one escapes it in godotenv and compose-go.
func singleQuotable(value string) bool {
	return strings.IndexByte(value, '\'') < 0 && !strings.HasSuffix(value, `\`)
}

// barable: without quotes a value is one line without blanks at its edges,
// comments and expansions, and without U+2028 and U+2029, where npm's regular
// expressions see a line.
func barable(value string) bool {
	if value == "" || strings.ContainsAny(value, "#\n") || strings.Contains(value, "\u2028") || strings.Contains(value, "\u2029") || expands(value) {
		return false
	}
	first, _ := utf8.DecodeRuneInString(value)
	last, _ := utf8.DecodeLastRuneInString(value)
	return solid(first) && solid(last) && !strings.ContainsRune("'\"`", first)
}

// solid reports whether no reader trims r: printable, no blank, no BOM.
func solid(r rune) bool { return unicode.IsPrint(r) && !unicode.IsSpace(r) }

// doubleQuotable: between double quotes the readers expand and unescape, each
// in its own way.
func doubleQuotable(value string) bool {
	return !strings.ContainsAny(value, `"\`) && !expands(value)
}

// expands reports whether a reader would take a dollar for the start of
// something: $NAME, $1, ${, $(, $$, and \$, of which godotenv drops the
// backslash. A lone one at the end or before another character is literal for all.
func expands(value string) bool {
	if strings.Contains(value, `\$`) {
		return true
	}
	for i := 0; i+1 < len(value); i++ {
		if value[i] != '$' {
			continue
		}
		c := value[i+1]
		if c == '_' || c == '{' || c == '(' || c == '$' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return true
		}
	}
	return false
}
