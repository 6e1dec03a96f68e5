package envfile

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// powershell is for ". FILE.ps1" and for "infuse export ... | Invoke-Expression",
// which executes line by line: each variable is one line of ASCII, since Windows
// PowerShell reads a file without a byte order mark in the ANSI code page. What
// that leaves out is written with the escapes of [regex]::Unescape
// (https://learn.microsoft.com/dotnet/api/system.text.regularexpressions.regex.unescape).
var powershell = dialect{
	Format: Format{Name: "powershell", Reader: ". FILE.ps1, Invoke-Expression"},
	name: func(name string) string {
		for i := 0; i < len(name); i++ {
			if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("{}`:=*?[]$\"'", c) >= 0 {
				return "the name holds a blank, a control character or one of {}`:=*?[]$\"' "
			}
		}
		return ""
	},
	value: func(value string) string {
		if value == "" {
			return "PowerShell before 7.5 removes a variable that is set to the empty string"
		}
		return textValue(value)
	},
	entry: func(dst []byte, it item) []byte {
		dst = append(append(append(dst, "${env:"...), it.name...), "} = "...)
		if plainASCII(it.value) {
			dst = appendPowerShell(dst, it.value)
		} else {
			dst = append(dst, "[regex]::Unescape("...)
			dst = append(appendPowerShell(dst, regexEscape(it.value)), ')')
		}
		return append(dst, '\n')
	},
}

func plainASCII(value string) bool {
	for i := 0; i < len(value); i++ {
		if value[i] < ' ' || value[i] >= 0x7f {
			return false
		}
	}
	return true
}

// appendPowerShell writes a single-quoted string: only the quote is special.
func appendPowerShell(dst []byte, ascii string) []byte {
	dst = append(dst, '\'')
	dst = append(dst, strings.ReplaceAll(ascii, "'", "''")...)
	return append(dst, '\'')
}

const hexDigits = "0123456789abcdef"

// regexEscape writes everything but printable ASCII as \uXXXX.
func regexEscape(value string) string {
	var b strings.Builder
	for _, r := range value {
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r >= ' ' && r < 0x7f:
			b.WriteRune(r)
		default:
			b.Write(appendUTF16(nil, r))
		}
	}
	return b.String()
}

// appendUTF16 writes r as one \uXXXX or, beyond the first plane, as two.
func appendUTF16(dst []byte, r rune) []byte {
	if r1, r2 := utf16.EncodeRune(r); r1 != utf8.RuneError {
		return appendUTF16(appendUTF16(dst, r1), r2)
	}
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
