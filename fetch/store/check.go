package store

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/joho/godotenv"
)

// checkValues refuses what godotenv takes and misreads.
func checkValues(src []byte, values map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		blank, backslash := strings.ContainsAny(key, " \t"), strings.HasSuffix(values[key], `\`)
		if !blank && !backslash {
			continue
		}
		switch line, quoted := definition(src, key); {
		case blank:
			return fmt.Errorf("line %d: the name holds a blank", line)
		case quoted:
			// Its reader trims every quote at the end, the escaped one too, and
			// no quoted value can end in a backslash otherwise.
			return fmt.Errorf("line %d: a quoted value that ends in an escaped quote is misread; put it into the other kind of quotes", line)
		}
	}
	return nil
}

// definition is the line, from 1, that defines key last, and whether the value
// there begins with a quote.
func definition(src []byte, key string) (line int, quoted bool) {
	n := 0
	for text := range bytes.Lines(src) {
		n++
		text = bytes.TrimSpace(text)
		if exported, ok := bytes.CutPrefix(text, []byte("export")); ok && len(bytes.TrimLeft(exported, " \t")) < len(exported) {
			text = bytes.TrimSpace(exported)
		}
		rest, ok := bytes.CutPrefix(text, []byte(key))
		rest = bytes.TrimSpace(rest)
		if !ok || len(rest) == 0 || rest[0] != '=' && rest[0] != ':' {
			continue
		}
		rest = bytes.TrimSpace(rest[1:])
		line, quoted = n, len(rest) > 0 && (rest[0] == '"' || rest[0] == '\'')
	}
	return line, quoted
}

// reference is what godotenv expands: $NAME and ${NAME}, of capital letters,
// digits and underscores.
var reference = regexp.MustCompile(`\$\{?([A-Z0-9_]+)`)

// undefined stands in the place of a value that a file does not define.
const undefined = "\x01undefined "

// Undefined lists, sorted, the names whose values in a dotenv file refer to
// something that nothing above them in the file defines: godotenv makes the
// empty string of such a reference. What they refer to is not told: in a
// password that holds a $ it is a part of the password. src is one that Parse
// takes.
func Undefined(src []byte) []string {
	src = withoutMark(src)
	names := map[string]bool{}
	for _, m := range reference.FindAllSubmatch(src, -1) {
		names[string(m[1])] = true
	}
	if len(names) == 0 {
		return nil
	}
	// Define them all above the file, and see which definitions are used.
	var above strings.Builder
	for name := range names {
		fmt.Fprintf(&above, "%s='%s%s'\n", name, undefined, name)
	}
	values, err := godotenv.Parse(strings.NewReader(above.String() + string(src)))
	if err != nil {
		return nil
	}
	maps.DeleteFunc(values, func(key, value string) bool {
		return !strings.Contains(value, undefined) || names[key] && value == undefined+key // the definition itself
	})
	return slices.Sorted(maps.Keys(values))
}
