package mask

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// appendEscaped adds v as the usual URL and JSON encoders write it, where that
// differs from v.
func appendEscaped(all []string, v string) []string {
	if strings.IndexFunc(v, special) < 0 {
		return all
	}
	spaces := []string{"%20", "+"}
	if !strings.Contains(v, " ") {
		spaces = spaces[:1]
	}
	for _, safe := range urlSafe {
		for _, digits := range []string{"0123456789ABCDEF", "0123456789abcdef"} {
			for _, space := range spaces {
				all = appendOther(all, v, escapeURL(v, safe, space, digits))
			}
		}
	}
	for _, e := range jsonEncoders {
		all = appendOther(all, v, e.escape(v))
	}
	return all
}

// special reports what some encoder may not leave as it is.
func special(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
}

func appendOther(all []string, v, form string) []string {
	if form == v {
		return all
	}
	return append(all, form)
}

// urlSafe holds, encoder by encoder, what is left alone besides letters and
// digits. A blank is %20 or +.
var urlSafe = [...]string{
	"-_.~",                 // RFC 3986 unreserved: Go QueryEscape, Python quote_plus, PHP rawurlencode
	"-_.~/",                // Python quote
	"-_.~$&+=:@",           // Go PathEscape
	"-_.~$&+,;=",           // Go URL.User, as in postgres://user:password@host
	"-_.~!$&'()*+,;=",      // RFC 3986 userinfo: sub-delims left alone
	"-_.~!$&'()*+,;=:@",    // RFC 3986 path segment
	"-_.~!$&'()*+,%",       // WHATWG userinfo, as new URL() writes a password
	"-_.!~*'()",            // JavaScript encodeURIComponent
	"-_.!~*'();,/?:@&=+$#", // JavaScript encodeURI
	"-_.*",                 // WHATWG form encoding: Java URLEncoder, browsers, URLSearchParams
}

// escapeURL is percent-encoding (RFC 3986, section 2.1).
func escapeURL(v, safe, space, digits string) string {
	var b strings.Builder
	for i := range len(v) {
		switch c := v[i]; {
		case c == ' ':
			b.WriteString(space)
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(safe, c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// jsonEncoder describes how one JSON encoder writes the inside of a string.
// RFC 8259, section 7 leaves every one of these choices open.
type jsonEncoder struct {
	unicode string // ASCII characters that it writes as \u00XX
	ascii   bool   // everything beyond ASCII as \uXXXX
	lines   bool   // U+2028 and U+2029 as \uXXXX, and what is not UTF-8 as \ufffd
	slash   bool   // \/
	long    bool   // \u0008 and \u000c instead of \b and \f
	upper   bool   // \u00E4 instead of \u00e4
}

// jsonEncoders are the encoders whose output is recognised.
var jsonEncoders = [...]jsonEncoder{
	{},                            // JavaScript JSON.stringify, serde_json, jq, Ruby
	{upper: true},                 // Jackson
	{lines: true},                 // Go without HTML escapes
	{lines: true, unicode: "<>&"}, // Go
	{lines: true, unicode: "<>&", long: true},           // Go before 1.22
	{lines: true, unicode: "<>&='"},                     // Gson
	{ascii: true},                                       // Python, PHP with JSON_UNESCAPED_SLASHES
	{ascii: true, upper: true},                          // Jackson with ESCAPE_NON_ASCII
	{ascii: true, unicode: "\x7f"},                      // jq -a
	{ascii: true, slash: true},                          // PHP
	{slash: true, lines: true},                          // PHP with JSON_UNESCAPED_UNICODE
	{ascii: true, upper: true, unicode: "\"<>&'+`\x7f"}, // .NET
}

// escape returns v as it stands between the quotes.
func (e jsonEncoder) escape(v string) string {
	var b strings.Builder
	for i, r := range v { // what is not UTF-8 comes as U+FFFD, and leaves encoders as that
		switch {
		case r == utf8.RuneError && e.lines && !strings.HasPrefix(v[i:], "\ufffd"):
			e.hex(&b, r)
		case r < utf8.RuneSelf && strings.IndexByte(e.unicode, byte(r)) >= 0:
			e.hex(&b, r)
		case r == '"' || r == '\\' || r == '/' && e.slash:
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b' && !e.long:
			b.WriteString(`\b`)
		case r == '\f' && !e.long:
			b.WriteString(`\f`)
		case r < ' ', e.ascii && r >= utf8.RuneSelf, e.lines && (r == '\u2028' || r == '\u2029'):
			e.hex(&b, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hex writes \uXXXX, as a surrogate pair beyond the basic plane.
func (e jsonEncoder) hex(b *strings.Builder, r rune) {
	verb := `\u%04x`
	if e.upper {
		verb = `\u%04X`
	}
	if high, low := utf16.EncodeRune(r); r > 0xffff {
		fmt.Fprintf(b, verb+verb, high, low)
		return
	}
	fmt.Fprintf(b, verb, r)
}
