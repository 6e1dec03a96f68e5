package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"infuse/fetch/secret"
)

// encoders are the standard library's, written without the package under test.
var encoders = map[string]func(string) string{
	"raw":         func(s string) string { return s },
	"std":         func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"std raw":     func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
	"url":         func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
	"url raw":     func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"query":       url.QueryEscape,
	"path":        url.PathEscape,
	"query lower": func(s string) string { return lowerHex(url.QueryEscape(s)) },
	"path lower":  func(s string) string { return lowerHex(url.PathEscape(s)) },
	"user": func(s string) string {
		return strings.TrimPrefix(url.UserPassword("u", s).String(), "u:")
	},
	"json": func(s string) string { b, _ := json.Marshal(s); return string(b[1 : len(b)-1]) },
	"json without html": func(s string) string {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(s)
		return string(b.Bytes()[1 : b.Len()-2])
	},
	"terminal": func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
}

func lowerHex(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			b.WriteString(strings.ToLower(s[i : i+3]))
			i += 2
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// TestForms encodes any value with every encoder: it becomes one ***.
func TestForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.OneOf(rapid.StringN(8, 40, -1), rapid.StringMatching(`[ -~\n]{8,200}`),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 8, 40), func(b []byte) string { return string(b) })).Draw(t, "value")
		m := New(values(v))
		for name, encode := range encoders {
			form := encode(v)
			// nothing that a form could begin or end with, nor an encoder make
			got := m.Mask("\x01" + form + "\x01")
			if v[0] == 1 || v[len(v)-1] == 1 {
				continue
			}
			if got != "\x01***\x01" {
				t.Fatalf("%s of %q: %q became %q", name, v, form, got)
			}
		}
	})
}

// TestBase64Inside encodes a value inside a longer text, at each alignment: all
// is masked but the characters it shares with its neighbours.
func TestBase64Inside(t *testing.T) {
	const v = "pässword-with-?>~-in-it"
	m := New(values(v))
	for before := range 7 {
		for after := range 4 {
			text := strings.Repeat(":", before) + v + strings.Repeat(";", after)
			for _, alphabet := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding} {
				form := alphabet.EncodeToString([]byte(text))
				got := m.Mask(form)
				left, right, found := strings.Cut(got, mask)
				if !found || len(left) > (8*before+5)/6 || len(right) > (8*after+5)/6+3 {
					t.Errorf("%d before and %d after: %q became %q", before, after, form, got)
				}
			}
		}
	}
	// what a browser sends with user and password
	if got := m.Mask("Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+v))); !strings.HasPrefix(got, "Authorization: Basic dXNlcj") || !strings.Contains(got, mask) || len(got) > 35 {
		t.Errorf("basic authentication became %q", got)
	}
}

// TestBase64Wrapped is what base64(1), MIME and PEM make of a long value.
func TestBase64Wrapped(t *testing.T) {
	v := strings.Repeat("a long secret! ", 20)
	for _, width := range []int{64, 76} {
		form := wrap(base64.StdEncoding.EncodeToString([]byte(v)), width)
		for _, text := range []string{form, strings.ReplaceAll(form, "\n", "\r\n")} {
			if got := New(values(v)).Mask("<" + text + ">"); got != "<***>" {
				t.Errorf("%d columns: %q became %q", width, text, got)
			}
		}
	}
}

// TestJSONByHand holds what other encoders write, by their documentation.
func TestJSONByHand(t *testing.T) {
	const v = "ab\"c/d<é😀>&'+\x7f\u2028\n\x01"
	m := New(values(v))
	for name, form := range map[string]string{
		"python json.dumps":   `ab\"c/d<\u00e9\ud83d\ude00>&'+` + "\x7f" + `\u2028\n\u0001`,
		"php json_encode":     `ab\"c\/d<\u00e9\ud83d\ude00>&'+` + "\x7f" + `\u2028\n\u0001`,
		"dotnet":              `ab\u0022c/d\u003C\u00E9\uD83D\uDE00\u003E\u0026\u0027\u002B\u007F\u2028\n\u0001`,
		"jackson, non-ascii":  `ab\"c/d<\u00E9\uD83D\uDE00>&'+` + "\x7f" + `\u2028\n\u0001`,
		"javascript":          "ab\\\"c/d<é😀>&'+\x7f\u2028\\n\\u0001",
		"gson":                "ab\\\"c/d\\u003cé😀\\u003e\\u0026\\u0027+\x7f\\u2028\\n\\u0001",
		"go, without unicode": "ab\\\"c/d\\u003cé😀\\u003e\\u0026'+\x7f\\u2028\\n\\u0001",
	} {
		if got := m.Mask("<" + form + ">"); got != "<***>" {
			t.Errorf("%s: %q became %q", name, form, got)
		}
	}
}

// TestNode asks the real thing for the forms that Go does not have.
func TestNode(t *testing.T) {
	node := program(t, "node", "the encoders of JavaScript are compared with the real ones")
	for _, v := range []string{
		`p@ss "w/rd" <&> 'x' (1)*~!$,;=+#?`, "ünï😀cödé and\nnew\tline", "plainplain", "back\\slash\u2028\u2029\x7f\b\f",
	} {
		script := `const v = process.argv[1]; console.log(JSON.stringify([JSON.stringify(v).slice(1, -1), encodeURIComponent(v), encodeURI(v),
			new URLSearchParams({v}).toString().slice(2), Buffer.from(v).toString("base64"), Buffer.from(v).toString("base64url"),
			(u => { u.password = v; return u.password })(new URL("https://u:p@h/"))]))`
		out, err := exec.Command(node, "-e", script, v).Output()
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		if err := json.Unmarshal(out, &all); err != nil {
			t.Fatal(err)
		}
		m := New(values(v))
		for i, form := range all {
			if got := m.Mask("<" + form + ">"); got != "<***>" {
				t.Errorf("form %d of %q: %q became %q", i, v, form, got)
			}
		}
	}
}

func TestLength(t *testing.T) {
	for _, c := range []struct {
		value string
		masks bool
	}{
		{"", false}, {"1234567", false}, {"12345678", true}, {"éééé", false}, {"ééééèèèè", true}, {"true", false},
	} {
		if got := New(values(c.value)).Mask(c.value) == mask; got != c.masks {
			t.Errorf("%q masked: %v", c.value, got)
		}
	}
	m := New([]secret.Value{{}, secret.New(""), secret.New("a\nb\nc\nd\ne\n\n\n--------\n        \nlong line here\n  indented line\n")})
	for in, want := range map[string]string{
		"--------": "--------", "        x": "        x", "a\nb": "a\nb",
		"> long line here <": "> *** <", ">indented line<": ">***<",
	} {
		if got := m.Mask(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// program finds an outside program, or skips the test by name.
func program(t *testing.T, name, why string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("INFUSE_TEST_REQUIRE") == "1" {
		t.Fatalf("%s is not installed: %s", name, why)
	}
	if errors.Is(err, exec.ErrNotFound) {
		t.Skipf("%s is not installed: %s", name, why)
	} else if err != nil {
		t.Fatal(err)
	}
	return path
}
