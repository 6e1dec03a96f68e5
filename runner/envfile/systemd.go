package envfile

import "strings"

// systemd is for EnvironmentFile= (systemd.exec(5)): double quotes, in which a
// backslash escapes ", \, ` and $, a line break is kept, and nothing is
// expanded. systemd drops assignments whose value has a control character other
// than tab and line break, or is not UTF-8.
var systemd = dialect{
	Format: Format{Name: "systemd", Reader: "EnvironmentFile="},
	name:   posixName,
	value: func(value string) string {
		if why := textValue(value); why != "" {
			return why
		}
		if strings.IndexFunc(value, noncharacter) >= 0 {
			return "the value holds a Unicode noncharacter, which systemd takes for broken UTF-8"
		}
		if strings.IndexFunc(value, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == 0x7f }) >= 0 {
			return whyControl
		}
		return ""
	},
	entry: func(dst []byte, it item) []byte {
		dst = append(append(dst, it.name...), `="`...)
		dst = append(dst, systemdQuote.Replace(it.value)...)
		return append(dst, "\"\n"...)
	},
}

var systemdQuote = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`)

// noncharacter is what unichar_is_valid of systemd's basic/utf8.c rejects.
func noncharacter(r rune) bool {
	return r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
}
