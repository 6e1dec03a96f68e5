package envfile

import (
	"strings"
	"unicode/utf8"

	"infuse/runner/environ"
)

// The reasons a message gives. They describe a value and never quote it.
const (
	whyNUL     = "the value holds NUL"
	whyUTF8    = "the value is not UTF-8"
	whyCR      = "the value holds a carriage return"
	whyNewline = "the value holds a line break"
	whyControl = "the value holds a control character"
	whyName    = "the name is not letters, digits and _"
)

func anyValue(string) string { return "" }

// posixName is for languages whose variables are identifiers.
func posixName(name string) string {
	if !environ.Portable(name) {
		return whyName
	}
	return ""
}

// utf8Name is for documents in which a name is a string.
func utf8Name(name string) string {
	if !utf8.ValidString(name) {
		return "the name is not UTF-8"
	}
	return ""
}

func utf8Value(value string) string {
	if !utf8.ValidString(value) {
		return whyUTF8
	}
	return ""
}

// textValue is UTF-8 without NUL: what a file of text lines can hold at most.
func textValue(value string) string {
	if strings.IndexByte(value, 0) >= 0 {
		return whyNUL
	}
	return utf8Value(value)
}

// noNUL takes bytes as they are, but for the one no environment can hold.
func noNUL(value string) string {
	if strings.IndexByte(value, 0) >= 0 {
		return whyNUL
	}
	return ""
}
