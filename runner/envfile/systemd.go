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
