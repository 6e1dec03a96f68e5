package store

import (
	"strings"
	"testing"
)

// FuzzParse: whatever a file holds, reading it ends, every entry has a name, and an error shows nothing of the file.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"A=1", "A='x\ny'\n", "A=\"${B}\\n\"", "\ufeffA=1", "A", "=", "export A=b # c", "A='", "A=$B\nB=${A}", "\x00=\x00", "A: b\r\nC=d", "#\n#\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const canary = "c4n4ry-value"
		values, err := Parse(append([]byte("CANARY='"+canary+"'\n"), data...))
		if err != nil {
			if strings.Contains(err.Error(), canary) || len(err.Error()) > 80 {
				t.Errorf("the error shows the file: %v", err)
			}
			return
		}
		lookup := func(_, _, key string) (string, bool) {
			value, ok := values[key]
			return value, ok
		}
		for key, value := range values {
			if key == "" {
				t.Error("an entry without a name")
			}
			if got := Expand(value, "dev", "/", lookup); !HasReference(value) && got != value {
				t.Errorf("%q has no reference and expands to %q", value, got)
			}
		}
	})
}
