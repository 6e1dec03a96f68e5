package envfile

import (
	"crypto/rand"
	"strings"
	"unicode"

	"infuse/runner/environ"
)

// githubActions is what a step appends to the file $GITHUB_ENV
// (https://docs.github.com/actions/reference/workflow-commands-for-github-actions).
// The delimiter is random: whoever can guess it can end a value early and set
// variables of his own.
var githubActions = dialect{
	Format: Format{Name: "github-actions", Reader: "$GITHUB_ENV"},
	name:   githubName,
	value:  textValue,
	entry: func(dst []byte, it item) []byte {
		delimiter := "infuse_" + rand.Text()
		dst = append(append(append(append(dst, it.name...), "<<"...), delimiter...), '\n')
		dst = append(append(dst, it.value...), '\n')
		return append(append(dst, delimiter...), '\n')
	},
}

func githubName(name string) string {
	upper := strings.ToUpper(name)
	switch {
	case strings.IndexFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '=' || r == '\ufeff' }) >= 0,
		strings.Contains(name, "<<"), strings.HasSuffix(name, "<"):
		return "the name holds a blank, a control character, = or <<"
	case upper == "NODE_OPTIONS", strings.HasPrefix(upper, "GITHUB_"), strings.HasPrefix(upper, "RUNNER_"):
		return "GitHub Actions does not let a step set it"
	}
	return utf8Name(name)
}

// Masks are the ::add-mask:: lines that keep values out of a GitHub Actions log.
// They belong on stdout or stderr of the step, not into $GITHUB_ENV: the runner
// reads both, hides the lines, and masks each line of a value as well.
func Masks(vars []environ.Var) []byte {
	var out []byte
	for _, v := range sorted(vars) {
		value := reveal(v.Value)
		if strings.TrimSpace(value) == "" {
			continue // the runner refuses to mask nothing
		}
		out = append(out, "::add-mask::"...)
		out = append(out, maskData.Replace(value)...)
		out = append(out, '\n')
	}
	return out
}

var maskData = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
