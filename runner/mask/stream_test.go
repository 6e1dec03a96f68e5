package mask

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"infuse/fetch/secret"
)

func values(plain ...string) []secret.Value {
	var out []secret.Value
	for _, p := range plain {
		out = append(out, secret.New(p))
	}
	return out
}

// naive is what a stream has to put out in the end: every run of bytes that an
// occurrence of a pattern covers is one ***.
func naive(patterns []string, text string) string {
	covered := make([]bool, len(text))
	for i := range text {
		for _, p := range patterns {
			if strings.HasPrefix(text[i:], p) {
				for j := range len(p) {
					covered[i+j] = true
				}
			}
		}
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !covered[i]:
			b.WriteByte(text[i])
		case i == 0 || !covered[i-1]:
			b.WriteString(mask)
		}
	}
	return b.String()
}

// undecided is how many bytes at the end of text an occurrence that is not yet
// complete could still cover.
func undecided(patterns []string, text string) int {
	for i := range text {
		for _, p := range patterns {
			if len(p) > len(text)-i && strings.HasPrefix(p, text[i:]) {
				return len(text) - i
			}
		}
	}
	return 0
}

// fromPatterns is a Matcher for exactly these patterns.
func fromPatterns(patterns []string) *Matcher {
	slices.Sort(patterns)
	m := &Matcher{}
	m.current.Store(newAutomaton(slices.Compact(patterns)))
	return m
}

// TestStreamAgainstNaive compares with the naive reference for texts and
// patterns of few letters, so that they overlap, nest and repeat, cut anywhere.
func TestStreamAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom([]string{"a", "ab", "abc", "ab\x00"}).Draw(t, "letters")
		word := rapid.StringOfN(rapid.RuneFrom([]rune(letters)), 8, 20, -1)
		patterns := rapid.SliceOfN(word, 1, 6).Draw(t, "patterns")
		pieces := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(patterns), rapid.StringOfN(rapid.RuneFrom([]rune(letters)), 0, 30, -1)), 0, 12)
		text := strings.Join(pieces.Draw(t, "pieces"), "")
		m := fromPatterns(patterns)
		s := newStream(m)
		var out []byte
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			out = s.write(out, []byte(rest[:n]))
			rest = rest[n:]
			seen := text[:len(text)-len(rest)]
			if most := undecided(patterns, seen); len(s.tail)-s.done > most {
				t.Fatalf("%d bytes held back after %q, of which %d are undecided", len(s.tail)-s.done, seen, most)
			}
		}
		if got, want := string(s.release(out)), naive(patterns, text); got != want {
			t.Fatalf("patterns %q\ntext %q\n got %q\nwant %q", patterns, text, got, want)
		}
		if got := m.Mask(text); got != naive(patterns, text) {
			t.Fatalf("Mask(%q) = %q", text, got)
		}
	})
}

// TestStreamAgainstNaiveLong does the same with texts that the filter crosses,
// at every offset and with every length of the last piece.
func TestStreamAgainstNaiveLong(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	patterns := []string{"correct horse", "horse battery staple", "hunter2hunter2", "-----BEGIN KEY-----\nabc\n", "\x00\x00\x00\x00\x00\x00\x00\x00"}
	m := fromPatterns(slices.Clone(patterns))
	for range 300 {
		var b strings.Builder
		for range rng.IntN(12) {
			for range rng.IntN(40) {
				b.WriteByte(" abcdefghijklmnopqrstuvwxyz-\x00\n"[rng.IntN(30)])
			}
			p := patterns[rng.IntN(len(patterns))]
			b.WriteString(p[:rng.IntN(len(p)+1)])
			b.WriteString(p[rng.IntN(len(p)):])
			if rng.IntN(2) == 0 {
				b.WriteString(p)
			}
		}
		text := b.String()
		s, out := newStream(m), []byte(nil)
		for rest := text; rest != ""; {
			n := 1 + rng.IntN(min(len(rest), 64))
			out = s.write(out, []byte(rest[:n]))
			rest = rest[n:]
		}
		if got, want := string(s.release(out)), naive(patterns, text); got != want {
			t.Fatalf("text %q\n got %q\nwant %q", text, got, want)
		}
	}
}

func TestMask(t *testing.T) {
	m := New(values("hunter2hunter2", "short", "hunter2hunter2-and-more", "unter2hunt", "pass word&1", "multi-line-1\nx\nmulti-line-2\n"))
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"nothing of it", "nothing of it"},
		{"a hunter2hunter2 b", "a *** b"},
		{"hunter2hunter2", "***"},
		{"short", "short"},
		{"hunter2hunter", "h***er"},               // the nested one
		{"hunter2hunter2-and-mor", "***-and-mor"}, // the shorter of two that begin alike
		{"hunter2hunter2-and-more", "***"},
		{"hunter2hunter2hunter2", "***"}, // two that overlap
		{"hunter2hunter2hunter2hunter2!", "***!"},
		{"multi-line-1\nx\nmulti-line-2\n!", "***!"},
		{"multi-line-1\r\nx\r\nmulti-line-2\r\n!", "***!"}, // behind a terminal
		{"multi-line-1\nx\nmulti-line-2", "***"},
		{"multi-line-2\nx\nmulti-line-1", "***\nx\n***"},
		{"?p=pass+word%261&q=pass%20word%261", "?p=***&q=***"},
		{`{"p":"pass word\u00261"}`, `{"p":"***"}`},
		{"\xff\x00hunter2hunter2\x00\xfe", "\xff\x00***\x00\xfe"},
	} {
		if got := m.Mask(c.in); got != c.want {
			t.Errorf("Mask(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	if got := New(nil).Mask("hunter2hunter2"); got != "hunter2hunter2" {
		t.Errorf("without values: %q", got)
	}
}

// TestLateMatch lets a pause release a beginning: it is out, but the rest of
// the secret is not.
func TestLateMatch(t *testing.T) {
	m := New(values("hunter2hunter2", "wide-and-long-secret"))
	for _, c := range []struct{ before, after, first, then string }{
		{"> hunt", "er2hunter2 <", "> hunt", "*** <"},
		{"> hunter2hunter", "2 <", "> hunter2hunter", "*** <"},
		{"> hunter2hunter2", " <", "> ***", " <"},
		{"> hunt", "ing <", "> hunt", "ing <"},
		{"wide-and-long-secre", "t!", "wide-and-long-secre", "***!"},
	} {
		s := newStream(m)
		first := string(s.release(s.write(nil, []byte(c.before))))
		then := string(s.release(s.write(nil, []byte(c.after))))
		if first != c.first || then != c.then {
			t.Errorf("%q, pause, %q: %q, %q; want %q, %q", c.before, c.after, first, then, c.first, c.then)
		}
	}
}

// TestUpdate changes the values in the middle of a secret.
func TestUpdate(t *testing.T) {
	m := New(values("old-password"))
	s := newStream(m)
	out := s.write(nil, []byte("old-password old-pass"))
	m.Update(values("new-password", "old-passphrase"))
	out = s.write(out, []byte("word new-password old-passphrase new-p"))
	m.Update(values("third-password"))
	out = s.write(out, []byte("assword third-password "))
	out = s.release(out)
	if got, want := string(out), "*** *** *** *** *** *** "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for i := range generations {
		m.Update(values(fmt.Sprintf("another-password-%d", i)))
	}
	if got := m.Mask(fmt.Sprintf("old-password another-password-%d", generations-1)); got != "old-password ***" {
		t.Errorf("after %d more sets: %q", generations, got)
	}
}

// TestHeldBackIsBounded feeds the endless beginning of a periodic secret.
func TestHeldBackIsBounded(t *testing.T) {
	long := strings.Repeat("a", 5000) + "b"
	s := newStream(New(values(long)))
	var out []byte
	const total = 1 << 20
	for range total / 1024 {
		out = s.write(out, bytes.Repeat([]byte("a"), 1024))
		if len(s.tail) > len(long) || cap(s.tail) > 8*len(long) {
			t.Fatalf("%d bytes held back, in %d", len(s.tail), cap(s.tail))
		}
	}
	out = s.write(out, []byte("b"))
	if want := strings.Repeat("a", total-5000) + mask; string(s.release(out)) != want {
		t.Errorf("%d bytes came out, ending in %q", len(out), out[len(out)-20:])
	}
}

// FuzzSplit: however the output is cut, no form of a secret comes out whole.
func FuzzSplit(f *testing.F) {
	f.Add("hunter2hunter2", "second secret", []byte("x hunter2hunter2second secret y"), uint64(1))
	f.Add("line one is long\nline two is long", "aaaaaaaaaaaa", []byte("aaaaaaaaaaaaaaaaaaline one is long\r\n"), uint64(2))
	f.Add("\xff\xfe\x00binary\x00value", "ünïcödé sécrèt", []byte("ünïcödé sécrèt"), uint64(3))
	f.Fuzz(func(t *testing.T, one, two string, text []byte, seed uint64) {
		if len(one)+len(two) > 4096 || strings.Contains(one+two, "*") {
			t.Skip("too long to be quick, or a mask could be part of a secret")
		}
		m := New(values(one, two))
		patterns := forms([]string{one, two})
		// the text alone rarely holds a secret: mix some forms in
		rng := rand.New(rand.NewPCG(seed, 0))
		var b bytes.Buffer
		for len(patterns) > 0 && b.Len() < 4096 && rng.IntN(8) > 0 {
			p := patterns[rng.IntN(len(patterns))]
			b.WriteString(p[rng.IntN(2)*rng.IntN(len(p)):])
			b.Write(text[:rng.IntN(len(text)+1)])
		}
		b.Write(text)
		s, out := newStream(m), []byte(nil)
		for rest := b.Bytes(); len(rest) > 0; {
			n := 1 + rng.IntN(min(len(rest), 1+rng.IntN(200)))
			out = s.write(out, rest[:n])
			rest = rest[n:]
		}
		out = s.release(out)
		for _, p := range patterns {
			if bytes.Contains(out, []byte(p)) {
				t.Fatalf("%q came out of %q: %q", p, b.Bytes(), out)
			}
		}
		if whole := m.Mask(b.String()); whole != string(out) {
			t.Fatalf("cut: %q\nwhole: %q", out, whole)
		}
	})
}

// logText is a log as a service writes it, of n bytes.
func logText(n int) []byte {
	rng := rand.New(rand.NewPCG(3, 4))
	words := strings.Fields("GET POST /api/v1/users https://example.com/ 200 404 level=info msg=request handled in ms connection to postgres://db.internal:5432/app opened trace id user agent Mozilla/5.0 bytes {\"time\":\"2026-11-23T08:00:00Z\",\"key\":\"value\"}")
	var b bytes.Buffer
	for b.Len() < n {
		for range 5 + rng.IntN(15) {
			b.WriteString(words[rng.IntN(len(words))])
			b.WriteByte(' ')
		}
		b.WriteByte('\n')
	}
	return b.Bytes()[:n]
}

// hundred are a hundred secrets of the usual kinds.
func hundred() []secret.Value {
	rng := rand.New(rand.NewPCG(5, 6))
	random := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	var out []secret.Value
	for i := range 100 {
		switch i % 5 {
		case 0:
			out = append(out, secret.New("postgres://app:"+random(12)+"@db.internal:5432/app"))
		case 1:
			out = append(out, secret.New("https://hooks.example.com/services/"+random(18)))
		case 2:
			out = append(out, secret.New("sk_live_"+random(18)))
		case 3:
			out = append(out, secret.New(random(6)))
		default:
			out = append(out, secret.New(random(32)))
		}
	}
	return out
}

// discard counts what comes out.
type discard struct{ n int }

func (d *discard) Write(p []byte) (int, error) { d.n += len(p); return len(p), nil }

// BenchmarkWriter is ordinary output without secrets, past a hundred secrets.
func BenchmarkWriter(b *testing.B) {
	pem := "-----BEGIN PRIVATE KEY-----\n" + strings.TrimSuffix(strings.Repeat(strings.Repeat("Ab+/", 16)+"\n", 25), "\n") + "\n-----END PRIVATE KEY-----\n"
	random := make([]byte, 1<<20)
	rng := rand.New(rand.NewPCG(7, 8))
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	log := logText(1 << 20)
	dirty := bytes.Clone(log)
	for i := 0; i+100 < len(dirty); i += 2000 {
		copy(dirty[i:], hundred()[i/2000%100].Reveal())
	}
	for _, c := range []struct {
		name   string
		values []secret.Value
		text   []byte
		size   int
	}{
		{"log/32K", hundred(), log, 32 << 10},
		{"log/4K", hundred(), log, 4 << 10},
		{"log/line", hundred(), log, 100},
		{"random/32K", hundred(), random, 32 << 10},
		{"pem/32K", append(hundred(), secret.New(pem)), log, 32 << 10},
		{"secrets/32K", hundred(), dirty, 32 << 10},
		{"periodic/32K", values(strings.Repeat("a", 1000) + "b"), bytes.Repeat([]byte("a"), 1<<20), 32 << 10},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := New(c.values)
			w := NewWriter(&discard{}, m)
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			b.ResetTimer()
			before := cpuTime()
			for range b.N {
				for rest := c.text; len(rest) > 0; {
					n := min(len(rest), c.size)
					if _, err := w.Write(rest[:n]); err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
			// what the machine does beside must not count
			b.ReportMetric(float64(b.N)*float64(len(c.text))/1e6/(cpuTime()-before).Seconds(), "MB/cpu-s")
		})
	}
}

// BenchmarkNew is what --mask adds to the start.
func BenchmarkNew(b *testing.B) {
	secrets := hundred()
	b.ReportAllocs()
	for range b.N {
		New(secrets)
	}
}
