package mask

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"
)

// minimum is the length in characters from which a value is masked. Shorter
// ones ("true", "5432", "dev") would tear holes into innocent output.
const minimum = 8

// forms returns every text that one of values is looked for in, sorted and
// without duplicates. Each is at least minimum bytes long.
func forms(values []string) []string {
	var all []string
	for _, v := range values {
		all = appendForms(all, v)
	}
	all = slices.DeleteFunc(all, func(f string) bool { return len(f) < minimum })
	slices.Sort(all)
	return slices.Compact(all)
}

// appendForms adds the forms of one value: itself, its lines, and what the
// usual encoders make of them.
func appendForms(all []string, v string) []string {
	trimmed := strings.TrimSpace(v) // $(cat FILE) and most readers drop the edges
	for i, whole := range []string{v, trimmed} {
		if characters(whole) < minimum || i == 1 && trimmed == v {
			continue
		}
		all = append(all, whole)
		all = appendNewlines(all, whole)
		all = appendBase64(all, whole)
		all = appendEscaped(all, whole)
	}
	if !strings.Contains(trimmed, "\n") {
		return all
	}
	for line := range strings.Lines(v) {
		line = strings.TrimRight(line, "\r\n")
		for _, l := range []string{line, strings.TrimSpace(line)} {
			if characters(l) >= minimum && !isRule(l) {
				all = append(all, l)
				all = appendEscaped(all, l)
			}
		}
	}
	return all
}

// characters is the length of v, in bytes if it is not text.
func characters(v string) int {
	if !utf8.ValidString(v) {
		return len(v)
	}
	return utf8.RuneCountInString(v)
}

// isRule reports a line that only draws or indents ("--------", spaces): alone
// it tells nothing, and masking it would hit every table and every indent.
func isRule(line string) bool {
	return strings.Trim(line, line[:1]) == "" && strings.Contains(" \t-=_*#.~+", line[:1])
}

// appendNewlines adds the value as it looks behind a terminal, which writes a
// newline as CR LF (termios(3), ONLCR), and as Windows text.
func appendNewlines(all []string, v string) []string {
	if !strings.Contains(v, "\n") {
		return all
	}
	unix := strings.ReplaceAll(v, "\r\n", "\n")
	return append(all,
		unix,
		strings.ReplaceAll(unix, "\n", "\r\n"),
		strings.ReplaceAll(v, "\n", "\r\n"))
}

// appendBase64 adds the Base64 of v in the standard and the URL alphabet
// (RFC 4648, sections 4 and 5), padded, unpadded, and wrapped at 64 (PEM) and
// 76 columns (MIME, the base64 command); and, for a v that stands inside a
// longer encoded text ("Authorization: Basic" of user:password), the
// characters that depend on v alone at each of the three alignments. The
// characters that v shares with its neighbours stay: at most four bits of its
// first and four of its last byte.
func appendBase64(all []string, v string) []string {
	for _, alphabet := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		padded := alphabet.EncodeToString([]byte(v))
		all = append(all, padded, strings.TrimRight(padded, "="))
		for offset := range 3 {
			text := alphabet.EncodeToString([]byte("\x00\x00"[:offset] + v))
			first := (8*offset + 5) / 6 // the first character without a bit of what stands before
			last := 8 * (offset + len(v)) / 6
			all = append(all, text[first:last])
		}
		for _, width := range []int{64, 76} {
			if len(padded) > width {
				text := wrap(padded, width)
				all = append(all, text, strings.ReplaceAll(text, "\n", "\r\n"))
			}
		}
	}
	return all
}

// wrap breaks text into lines of width characters.
func wrap(text string, width int) string {
	return strings.Join(slices.Collect(func(yield func(string) bool) {
		for len(text) > width {
			if !yield(text[:width]) {
				return
			}
			text = text[width:]
		}
		yield(text)
	}), "\n")
}
