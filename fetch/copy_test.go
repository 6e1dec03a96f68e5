package fetch_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"infuse/fetch"
	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// origin is a source that answers or fails as told, and counts.
type origin struct {
	mu      sync.Mutex
	asked   int
	value   string
	err     error
	hang    bool
	now     func() time.Time
	reduced bool // it only saw deadlines of at most five seconds
}

func (o *origin) Fetch(ctx context.Context, scope fetch.Scope) (*fetch.Snapshot, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	if deadline, ok := ctx.Deadline(); ok {
		o.reduced = time.Until(deadline) <= 5*time.Second
	}
	if o.hang {
		<-ctx.Done()
		return nil, fmt.Errorf("asking: %w", ctx.Err())
	}
	if o.err != nil {
		return nil, o.err
	}
	return &fetch.Snapshot{Source: "http://h", FetchedAt: o.now(), Secrets: []fetch.Secret{
		{Key: "A", Value: secret.New(o.value), Origin: fetch.Origin{Environment: "dev", Path: "/"}, Conflict: true, Shadowed: []fetch.Shadow{
			{Origin: fetch.Origin{Environment: "dev", Path: "/y"}, Conflict: true, Value: secret.New("lost")}, {Origin: fetch.Origin{Environment: "prod", Path: "/x", Import: true}}}},
		{Key: "B", Value: secret.New("x${Y}"), Origin: fetch.Origin{Environment: "dev", Path: "/", Personal: true}, Unresolved: true},
	}}, nil
}

// bench is a copy over an origin with a clock of its own.
type bench struct {
	*fetch.Copy
	origin *origin
	clock  time.Time
}

func newBench(t testing.TB) *bench {
	b := &bench{clock: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return b.clock }
	b.origin = &origin{value: "hunter2-value", now: now}
	b.Copy = &fetch.Copy{Source: b.origin, Dir: filepath.Join(t.TempDir(), "infuse"), Origin: "http://h", Identity: "id-1", Key: secret.New("hunter2-client-secret"), Now: now}
	return b
}

func (b *bench) fill(t testing.TB) {
	t.Helper()
	s, err := b.Fetch(t.Context(), dev())
	if err != nil || len(s.Warnings) != 0 || s.FromCopy {
		t.Fatalf("filling the cache: %v, %+v", err, s)
	}
	b.origin.asked = 0
}

func (b *bench) file(t testing.TB) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(b.Dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files: %v, %v", files, err)
	}
	return files[0]
}

func down() error {
	return &api.NetworkError{Method: "GET", Path: "/api/v4/secrets", Reason: "h: connection refused"}
}

func TestCopyStandsInForAnOutage(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		stand bool
	}{
		"refused":    {down(), true},
		"wrapped":    {fmt.Errorf("logging in: %w", down()), true},
		"503":        {&api.Error{Status: 503}, true},
		"500":        {&api.Error{Status: 500}, true},
		"429":        {&api.Error{Status: 429}, true},
		"521":        {&api.Error{Status: 521}, true},
		"time limit": {context.DeadlineExceeded, true},
		"400":        {&api.Error{Status: 400}, false},
		"401":        {&api.Error{Status: 401}, false},
		"403":        {fmt.Errorf("x: %w", &api.Error{Status: 403}), false},
		"404":        {&api.Error{Status: 404}, false},
		"422":        {&api.Error{Status: 422}, false},
		"not found":  {&fetch.NotFoundError{What: "folder", Name: "/x"}, false},
		"hidden":     {&fetch.HiddenError{Names: []string{"A"}}, false},
		"own":        {errors.New("the credential process failed"), false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.fill(t)
			b.clock = b.clock.Add(3*time.Hour + 12*time.Minute)
			b.origin.err = c.err
			s, err := b.Fetch(t.Context(), dev())
			if !c.stand {
				if !errors.Is(err, c.err) {
					t.Errorf("%v, %+v", err, s)
				}
				return
			}
			if err != nil || !s.FromCopy || values(s)["A"] != "hunter2-value" || b.origin.asked != 1 || !b.origin.reduced {
				t.Fatalf("%v, %+v, asked %d times", err, s, b.origin.asked)
			}
			want := []string{"A=hunter2-value from dev:/ over [dev:/y prod:/x (import)] conflict", "B=x${Y} from dev:/ (personal) unresolved"}
			if diff := cmp.Diff(want, lines(s.Secrets)); diff != "" {
				t.Error(diff)
			}
			if l := s.Secrets[0].Shadowed[0]; !l.Conflict || l.Value.Reveal() != "lost" || !s.Secrets[0].Shadowed[1].Value.IsZero() {
				t.Errorf("the losers are %+v", s.Secrets[0].Shadowed)
			}
			if s.Source != "offline copy of http://h, 3h12m old" || !hasWarning(s, "using the offline copy, 3h12m old ("+c.err.Error()+")") {
				t.Errorf("%q, %q", s.Source, s.Warnings)
			}
			if _, err := b.Refresh(t.Context(), dev()); !errors.Is(err, c.err) {
				t.Errorf("a watcher is given the copy: %v", err)
			}
			b.NoFallback = true
			if _, err := b.Fetch(t.Context(), dev()); !errors.Is(err, c.err) {
				t.Errorf("--on-fetch-error fail: %v", err)
			}
		})
	}
}

// TestCopyWait: with a copy a hanging server has five seconds, without all of the time.
func TestCopyWait(t *testing.T) {
	for _, filled := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			if filled {
				b.fill(t)
			}
			b.origin.hang = true
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			start := time.Now()
			s, err := b.Fetch(ctx, dev())
			switch took := time.Since(start); {
			case filled && (err != nil || !s.FromCopy || took != 5*time.Second):
				t.Errorf("with a copy: %v after %s", err, took)
			case !filled && (!errors.Is(err, context.DeadlineExceeded) || took != 30*time.Second):
				t.Errorf("without: %v after %s", err, took)
			}
		})
	}
}

// TestCopyAndInterrupt: a signal ends the start, it does not start an old environment.
func TestCopyAndInterrupt(t *testing.T) {
	b := newBench(t)
	b.fill(t)
	b.origin.hang = true
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := b.Fetch(ctx, dev()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %+v", err, s)
	}
}

func TestCopyModes(t *testing.T) {
	b := newBench(t)
	b.Mode = fetch.CopyOffline
	_, err := b.Fetch(t.Context(), dev())
	if e, ok := errors.AsType[*fetch.CopyError](err); !ok || !errors.Is(err, os.ErrNotExist) || e.Hint == "" || b.origin.asked != 0 {
		t.Fatalf("offline without a copy: %v", err)
	}
	b.Mode = fetch.CopyPrefer
	b.fill(t)

	b.clock = b.clock.Add(4 * time.Minute)
	s, err := b.Fetch(t.Context(), dev())
	if err != nil || !s.FromCopy || b.origin.asked != 0 || !hasWarning(s, "4m old (--prefer-cache)") {
		t.Fatalf("a young copy: %v, %+v", err, s)
	}
	b.clock = b.clock.Add(2 * time.Minute)
	b.origin.value = "new"
	if s, err = b.Fetch(t.Context(), dev()); err != nil || s.FromCopy || values(s)["A"] != "new" || b.origin.asked != 1 {
		t.Fatalf("an older copy: %v, %+v", err, s)
	}
	b.clock = b.clock.Add(6 * time.Minute)
	b.origin.err = down()
	if s, err = b.Fetch(t.Context(), dev()); err != nil || !s.FromCopy || values(s)["A"] != "new" {
		t.Fatalf("an older copy and an outage: %v, %+v", err, s)
	}
	b.Mode, b.origin.asked = fetch.CopyOffline, 0
	if s, err = b.Fetch(t.Context(), dev()); err != nil || !s.FromCopy || b.origin.asked != 0 || !hasWarning(s, "6m old (--offline)") {
		t.Fatalf("offline: %v, %+v", err, s)
	}
}

func TestCopyIsNotUsed(t *testing.T) {
	other := dev()
	other.Paths = []string{"/other"}
	for name, c := range map[string]struct {
		change func(*testing.T, *bench)
		words  string
	}{
		"too old":         {func(_ *testing.T, b *bench) { b.clock = b.clock.Add(25 * time.Hour) }, "it is 25h00m old, and --cache-max-age is 24h00m"},
		"from the future": {func(_ *testing.T, b *bench) { b.clock = b.clock.Add(-time.Hour) }, "in the future"},
		"another key":     {func(_ *testing.T, b *bench) { b.Key = secret.New("hunter2-other") }, "sealed with another credential"},
		"damaged": {func(t *testing.T, b *bench) {
			edit(t, b.file(t), func(x []byte) []byte {
				x[len(x)-40] = map[bool]byte{true: 'B', false: 'A'}[x[len(x)-40] == 'A']
				return x
			})
		}, "or it is damaged"},
		"cut":            {func(t *testing.T, b *bench) { edit(t, b.file(t), func(x []byte) []byte { return x[:len(x)/2] }) }, "damaged, or no copy at all"},
		"empty":          {func(t *testing.T, b *bench) { edit(t, b.file(t), func([]byte) []byte { return nil }) }, "damaged, or no copy at all"},
		"something else": {func(t *testing.T, b *bench) { edit(t, b.file(t), func([]byte) []byte { return []byte("{}") }) }, "damaged, or no copy at all"},
		"another scope": {func(t *testing.T, b *bench) {
			mine := b.file(t)
			if _, err := b.Fetch(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			files, _ := filepath.Glob(filepath.Join(b.Dir, "*"))
			for _, f := range files {
				if f != mine {
					if err := os.Rename(f, mine); err != nil {
						t.Fatal(err)
					}
				}
			}
		}, "another scope, server or identity"},
		"writable by others":     {func(t *testing.T, b *bench) { chmod(t, b.file(t), 0o620) }, "the file can be written by others"},
		"directory of everybody": {func(t *testing.T, b *bench) { chmod(t, b.Dir, 0o777) }, "can be written by others"},
		"a link": {func(t *testing.T, b *bench) {
			f := b.file(t)
			if err := os.Rename(f, filepath.Join(b.Dir, "..", "moved")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("../moved", f); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file"},
		"a directory": {func(t *testing.T, b *bench) {
			f := b.file(t)
			if err := errors.Join(os.Remove(f), os.Mkdir(f, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(c.words, "others") {
				t.Skip("mode bits say nothing on Windows")
			}
			b := newBench(t)
			b.fill(t)
			c.change(t, b)
			b.Mode = fetch.CopyOffline
			_, err := b.Fetch(t.Context(), dev())
			if e, ok := errors.AsType[*fetch.CopyError](err); !ok || !strings.Contains(e.Error(), c.words) || strings.Contains(e.Error(), "hunter2") {
				t.Fatalf("%v, want %q", err, c.words)
			}
			b.Mode = fetch.CopyFallback
			b.origin.err = down()
			if s, err := b.Fetch(t.Context(), dev()); err == nil || !errors.As(err, new(*api.NetworkError)) {
				t.Errorf("an outage: %v, %+v", err, s)
			}
			b.origin.err = nil
			b.Mode = fetch.CopyPrefer
			if s, err := b.Fetch(t.Context(), dev()); err != nil || s.FromCopy || !hasWarning(s, c.words) {
				t.Errorf("--prefer-cache: %v, %+v", err, s)
			}
			b.Mode = fetch.CopyFallback
			if s, err := b.Fetch(t.Context(), dev()); err != nil || s.FromCopy || values(s)["A"] != "hunter2-value" {
				t.Errorf("the server is back: %v, %+v", err, s)
			}
		})
	}
}

func edit(t *testing.T, file string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, f(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, file string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
}

// TestCopyOnDisk: what lies there is private and noise.
func TestCopyOnDisk(t *testing.T) {
	b := newBench(t)
	b.fill(t)
	file := b.file(t)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var decoded bytes.Buffer
	for part := range strings.SplitSeq(string(raw), ".") {
		d, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		decoded.Write(d)
	}
	for _, text := range []string{"hunter2", "id-1", "dev", "http://h"} {
		if bytes.Contains(raw, []byte(text)) || bytes.Contains(decoded.Bytes(), []byte(text)) || strings.Contains(filepath.Base(file), text) {
			t.Errorf("%q can be read", text)
		}
	}
	if !strings.Contains(decoded.String(), `"alg":"dir"`) || !strings.Contains(decoded.String(), `"enc":"A256GCM"`) {
		t.Errorf("no JWE of the promised kind: %.120q", decoded.String())
	}
	if runtime.GOOS != "windows" {
		for name, want := range map[string]os.FileMode{file: 0o600, b.Dir: 0o700} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %v, %v", name, info.Mode(), err)
			}
		}
	}
	b.fill(t)
	again, err := os.ReadFile(b.file(t))
	if err != nil || bytes.Equal(raw[:80], again[:80]) {
		t.Errorf("two copies share a salt (%v)", err)
	}
}

// TestCopiesApart: one file for each scope, server and identity.
func TestCopiesApart(t *testing.T) {
	b := newBench(t)
	b.fill(t)
	for n, change := range []func() fetch.Scope{
		func() fetch.Scope { s := dev(); s.Environment = "prod"; return s },
		func() fetch.Scope { s := dev(); s.Paths = []string{"/x"}; return s },
		func() fetch.Scope { s := dev(); s.Imports = false; return s },
		func() fetch.Scope { s := dev(); s.Tags = []string{"x"}; return s },
		func() fetch.Scope { b.Origin = "http://other"; return dev() },
		func() fetch.Scope { b.Identity = "id-2"; return dev() },
	} {
		if _, err := b.Fetch(t.Context(), change()); err != nil {
			t.Fatal(err)
		}
		if files, _ := filepath.Glob(filepath.Join(b.Dir, "*")); len(files) != n+2 {
			t.Errorf("change %d: %d files", n, len(files))
		}
	}
	same := newBench(t)
	same.fill(t)
	spelled := dev()
	spelled.Paths, spelled.NamesOnly, spelled.Tags = []string{"//"}, true, []string{}
	same.Mode = fetch.CopyOffline
	if _, err := same.Fetch(t.Context(), spelled); err != nil {
		t.Errorf("the same scope, spelled another way: %v", err)
	}
}

func TestCopyWithoutKey(t *testing.T) {
	b := newBench(t)
	b.Key = secret.Value{}
	s, err := b.Fetch(t.Context(), dev())
	if err != nil || !hasWarning(s, "--cache-key-file") {
		t.Errorf("%v, %+v", err, s)
	}
	if _, err := os.Stat(b.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was kept: %v", err)
	}
	b.Mode = fetch.CopyOffline
	_, err = b.Fetch(t.Context(), dev())
	if e, ok := errors.AsType[*fetch.CopyError](err); !ok || !strings.Contains(e.Hint, "--cache-key-file") {
		t.Errorf("%v", err)
	}
}

// TestCopyCannotBeKept is a warning, said once, and nothing is left behind.
func TestCopyCannotBeKept(t *testing.T) {
	b := newBench(t)
	if err := os.WriteFile(b.Dir, nil, 0o600); err != nil { // a file where the directory should be
		t.Fatal(err)
	}
	for i := range 2 {
		s, err := b.Fetch(t.Context(), dev())
		if err != nil || values(s)["A"] != "hunter2-value" || hasWarning(s, "could not be kept") != (i == 0) {
			t.Errorf("fetch %d: %v, %+v", i+1, err, s)
		}
	}
	if err := os.Remove(b.Dir); err != nil {
		t.Fatal(err)
	}
	b.fill(t)
	file := b.file(t)
	if err := errors.Join(os.Remove(file), os.Mkdir(file, 0o700), os.WriteFile(filepath.Join(file, "x"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if s, err := b.Fetch(t.Context(), dev()); err != nil || !hasWarning(s, "could not be kept") {
		t.Errorf("a directory in its place: %v, %+v", err, s)
	}
	b.file(t) // the temporary file is gone
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
	b.fill(t)
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Log("as root a read-only directory stops nobody: that part is left out")
		return
	}
	chmod(t, b.Dir, 0o500)
	defer chmod(t, b.Dir, 0o700)
	s, err := b.Fetch(t.Context(), dev())
	if err != nil || !hasWarning(s, "could not be kept") {
		t.Errorf("read-only: %v, %+v", err, s)
	}
}

// TestCopyOfManyProcesses: whoever reads while others write sees a whole copy.
func TestCopyOfManyProcesses(t *testing.T) {
	b := newBench(t)
	b.fill(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			other := &fetch.Copy{Source: &origin{value: strings.Repeat("v", 1000*i), now: b.Now}, Dir: b.Dir, Origin: b.Origin, Identity: b.Identity, Key: b.Key, Now: b.Now}
			for n := range 20 {
				other.Mode = fetch.CopyFallback
				if i%2 == 0 {
					other.Mode = fetch.CopyOffline
				}
				if s, err := other.Fetch(t.Context(), dev()); err != nil || len(s.Secrets) != 2 || i%2 == 1 && len(s.Warnings) != 0 {
					t.Errorf("process %d, round %d: %v", i, n, err)
				}
			}
		})
	}
	wg.Wait()
	b.file(t) // exactly one: no temporary file is left
}

func TestStaleTemporaryFilesGo(t *testing.T) {
	b := newBench(t)
	b.fill(t)
	old, young := b.file(t)+".tmp-1", b.file(t)+".tmp-2"
	for _, name := range []string{old, young} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	b.fill(t)
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old one is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("the young one may be in use: %v", err)
	}
}

func TestReadKeyFile(t *testing.T) {
	dir := t.TempDir()
	for body, want := range map[string]string{"0123456789abcdef\n": "0123456789abcdef", "0123456789abcdef\r\n": "0123456789abcdef", "0123456789abcdef\n\n": "0123456789abcdef\n", "hunter2\n": "", "": ""} {
		file := filepath.Join(dir, "key")
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := fetch.ReadKeyFile(file)
		if (err == nil) != (want != "") || got.Reveal() != want || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %q, %v", body, got.Reveal(), err)
		}
	}
	if _, err := fetch.ReadKeyFile(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// FuzzCopy puts anything where a copy lies: it is opened whole, or it is refused.
func FuzzCopy(f *testing.F) {
	b := newBench(f)
	b.fill(f)
	file := b.file(f)
	good, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(""))
	f.Add([]byte("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"))
	f.Add([]byte("eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJlbmMiOiJBMjU2R0NNIiwicDJjIjo5OTk5OTk5OTl9.AA.AA.AA.AA"))
	f.Add([]byte(`{"ciphertext":"","protected":""}`))
	b.Mode = fetch.CopyOffline
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := b.Fetch(t.Context(), dev())
		if _, ok := errors.AsType[*fetch.CopyError](err); err != nil && !ok {
			t.Fatalf("%v", err)
		}
		if err == nil && (len(s.Secrets) != 2 || values(s)["A"] != "hunter2-value") {
			t.Errorf("opened to something else: %d secrets", len(s.Secrets))
		}
	})
}
