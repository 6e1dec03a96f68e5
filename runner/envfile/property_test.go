package envfile

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"infuse/runner/environ"
	"pgregory.net/rapid"
)

// pieces are what random values are made of: what some reader treats in its
// own way, beside plain text.
var pieces = []string{
	"a", "X", "0", " ", "  ", "\t", "\n", "\n\n", "\r", "\r\n", "'", `"`, "`", `\`, `\\`, `\n`, `\'`, `\"`, "$", "$$", "$A", "${A}", "${", "}", "$(id)",
	"#", " #", "# x", "=", "A=b", "export A=b", ":", ";", ",", "%", "%A%", "!", "!!", "&", "|", "<", "<<", "<<EOF", ">", "(", ")", "[", "]", "{", "*", "?", "~",
	"é", "\u0301", "🔑", "\u2028", "\u2029", "\u0085", "\u00a0", "\ufeff", "\u200b", "‘", "’", "“", "\ufffd", "\uffff", "\ue000", "\uf600", "\ufdd0", "\U0010ffff",
	"\x01", "\x07", "\x08", "\v", "\f", "\x1b", "\x7f", "\u0080", "\u0081", "\u009f", "true", "null", "007", "1e3", "---", "...", "- ", "? ", ": ", "true\n", "V001=x\n", "\nV001=x\n",
}

func randomValue(pick func(n int) int) string {
	var b strings.Builder
	for range pick(7) {
		b.WriteString(pieces[pick(len(pieces))])
	}
	return b.String()
}

// TestRandomValues sends files of random values through every library reader,
// many times.
func TestRandomValues(t *testing.T) {
	for i := range dialects {
		d := &dialects[i]
		t.Run(d.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "i") }
				var vars []environ.Var
				for n := range 8 {
					if v := randomValue(pick); d.check("V", v) == "" {
						vars = append(vars, variable(fmt.Sprintf("V%03d", n), v))
					}
				}
				for _, r := range libraries {
					if r.format == d.Name {
						compareRandom(t.Errorf, r, vars)
					}
				}
			})
		})
	}
}

// TestRandomValuesInPrograms sends one large file of random values through every
// outside reader.
func TestRandomValuesInPrograms(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range dialects {
		d := &dialects[i]
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		var vars []environ.Var
		for len(vars) < 2000 {
			if v := randomValue(random.IntN); d.check("V", v) == "" {
				vars = append(vars, variable(fmt.Sprintf("V%04d", len(vars)), v))
			}
		}
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			readBack(t, d.Name, vars)
		})
	}
}

func compareRandom(fail func(string, ...any), r reader, vars []environ.Var) {
	file, err := Encode(r.format, Document{Vars: vars})
	if err != nil {
		fail("%s: %v", r.format, err)
		return
	}
	got, err := r.read(file)
	if err != nil {
		fail("%s: %v", r.name, bisect(r, r.format, vars, err))
		return
	}
	if len(got) != len(vars) {
		fail("%s found %d of %d in %q", r.name, len(got), len(vars), file)
	}
	for _, v := range vars {
		if value, found := got[v.Name]; !found || value != reveal(v.Value) {
			fail("%s: %q came back as %q (there: %v)", r.name, reveal(v.Value), value, found)
		}
	}
}

// TestDotenvRefusesLittle guards the rule of the default format: what a secret
// usually is goes through.
func TestDotenvRefusesLittle(t *testing.T) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!\"#$%&()*+,-./:;<=>?@[]^_`{|}~ "
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		password := make([]byte, 24)
		for i := range password {
			password[i] = letters[random.IntN(len(letters))]
		}
		if why := dotenvValue(string(password)); why != "" {
			t.Fatalf("the password %q is refused: %s", password, why)
		}
	}
	refused := 0
	for _, s := range samples {
		if dotenvValue(s.value) != "" {
			refused++
		}
	}
	if refused > 18 {
		t.Errorf("%d of %d samples are refused", refused, len(samples))
	}
}

// seed adds the samples, but for the large ones, which are slow to mutate.
func seed(f *testing.F) {
	for _, s := range samples {
		if len(s.value) < 1000 {
			f.Add("NAME", s.value)
		}
	}
	for _, s := range oddNames {
		f.Add(s.value, "x")
	}
}

func FuzzDotenv(f *testing.F) {
	seed(f)
	readers := slices.DeleteFunc(slices.Clone(libraries), func(r reader) bool { return r.format != "dotenv" })
	f.Fuzz(func(t *testing.T, name, value string) {
		if find("dotenv").check(name, value) != "" {
			return
		}
		// A neighbour on each side shows a value that swallows or spills.
		vars := []environ.Var{variable(name, value)}
		for _, neighbour := range []string{"A0", "z0"} {
			if neighbour != name {
				vars = append(vars, variable(neighbour, "it's"))
			}
		}
		for _, r := range readers {
			compareRandom(t.Errorf, r, vars)
		}
	})
}

// FuzzLibraries holds every format against its library readers.
func FuzzLibraries(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, name, value string) {
		for _, r := range libraries {
			if find(r.format).check(name, value) == "" {
				compareRandom(t.Errorf, r, []environ.Var{variable(name, value)})
			}
		}
	})
}
