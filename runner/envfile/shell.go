package envfile

import "strings"

// shell is for ". FILE" in sh, dash, bash and zsh: in single quotes everything
// is literal (POSIX, Shell Command Language, 2.2.2), and a single quote itself
// is written outside of them, with a backslash.
var shell = dialect{
	Format: Format{Name: "shell", Aliases: []string{"dotenv-eval", "dotenv-export"}, Reader: ". FILE in sh, dash, bash, zsh"},
	name: func(name string) string {
		if shellOwned()[name] {
			return "sh, bash or zsh keeps this name for itself"
		}
		return posixName(name)
	},
	value: noNUL,
	entry: func(dst []byte, it item) []byte {
		dst = append(append(append(dst, "export "...), it.name...), "='"...)
		dst = append(dst, strings.ReplaceAll(it.value, "'", `'\''`)...)
		return append(dst, "'\n"...)
	},
}

// fish is for "source FILE": in single quotes only \\ and \' are escapes.
var fish = dialect{
	Format: Format{Name: "fish", Reader: "source FILE in fish"},
	name: func(name string) string {
		if fishOwned()[name] {
			return "fish keeps this name for itself"
		}
		return posixName(name)
	},
	value: textValue,
	line: func(name, value string) string {
		if (name == "PATH" || name == "CDPATH") && strings.Contains(":"+value+":", "::") {
			return "fish writes . for an empty directory"
		}
		return ""
	},
	entry: func(dst []byte, it item) []byte {
		dst = append(append(append(dst, "set -gx "...), it.name...), " '"...)
		dst = append(dst, fishQuote.Replace(it.value)...)
		return append(dst, "'\n"...)
	},
}

var fishQuote = strings.NewReplacer(`\`, `\\`, `'`, `\'`)
