package envfile

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// Functions lists the text functions of a template, sorted. The arguments are
// those of Sprig, so that the value comes last and can be piped in.
func Functions() []string {
	var names []string
	for name := range textFunctions() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func textFunctions() template.FuncMap {
	return template.FuncMap{
		// Writing a value into another language.
		"quote":      func(v any) string { return strconv.Quote(toString(v)) },
		"squote":     func(v any) string { return "'" + toString(v) + "'" },
		"shellQuote": func(v any) string { return "'" + strings.ReplaceAll(toString(v), "'", `'\''`) + "'" },
		"json":       toJSON,
		"toJson":     toJSON,
		"fromJson":   fromJSON,
		"b64":        encode64,
		"b64enc":     encode64,
		"b64dec":     decode64,

		// Demands.
		"required": required,
		"fail":     func(message string) (string, error) { return "", errors.New(message) },
		"default": func(fallback, v any) any {
			if isEmpty(v) {
				return fallback
			}
			return v
		},
		"empty": isEmpty,
		"get":   func(values map[string]string, name string) string { return values[name] },
		"hasKey": func(values map[string]string, name string) bool {
			_, found := values[name]
			return found
		},
		"ternary": func(yes, no any, test bool) any {
			if test {
				return yes
			}
			return no
		},

		// Text.
		"upper":      strings.ToUpper,
		"lower":      strings.ToLower,
		"trim":       strings.TrimSpace,
		"trimPrefix": func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
		"trimSuffix": func(suffix, s string) string { return strings.TrimSuffix(s, suffix) },
		"hasPrefix":  func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
		"hasSuffix":  func(suffix, s string) bool { return strings.HasSuffix(s, suffix) },
		"contains":   func(part, s string) bool { return strings.Contains(s, part) },
		"replace":    func(old, with, s string) string { return strings.ReplaceAll(s, old, with) },
		"splitList":  func(separator, s string) []string { return strings.Split(s, separator) },
		"join":       func(separator string, list []string) string { return strings.Join(list, separator) },
		"indent":     indent,
		"nindent":    func(n int, s string) string { return "\n" + indent(n, s) },
		"toString":   toString,
	}
}

func toString(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func isEmpty(v any) bool {
	return v == nil || reflect.ValueOf(v).IsZero()
}

// required is Helm's: required "why" .NAME.
func required(message string, v any) (any, error) {
	if isEmpty(v) {
		return nil, errors.New(message)
	}
	return v, nil
}

func toJSON(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", errors.New("not a value for JSON")
	}
	return string(raw), nil
}

func fromJSON(s string) (any, error) {
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return nil, errors.New("not JSON") // the decoder's own error quotes the input
	}
	return v, nil
}

func encode64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func decode64(s string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", errors.New("not base64")
	}
	return string(raw), nil
}

func indent(n int, s string) string {
	pad := strings.Repeat(" ", max(n, 0))
	return pad + strings.ReplaceAll(s, "\n", "\n"+pad)
}
