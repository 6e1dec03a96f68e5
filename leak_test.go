//go:build unix

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// known is what must not be printed: secret values, tokens, client secrets.
// The zero value knows none yet.
type known struct {
	mu   sync.Mutex
	what map[string]string // by text
}

// shortestKnown is how long a text has to be to be looked for: a shorter one is
// found by accident.
const shortestKnown = 8

func (k *known) add(what, text string) {
	if len(text) < shortestKnown {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.what == nil {
		k.what = map[string]string{}
	}
	k.what[text] = what
}

func (k *known) all() map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.what)
}

// listen stands in front of a server and takes down every secret that crosses
// the wire, in either direction.
func (k *known) listen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			k.add("a token that was sent", token)
		}
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler) // the client is gone
			}
			k.take("sent", body)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(&listenedWriter{rw, k}, r)
	})
}

type listenedWriter struct {
	http.ResponseWriter
	k *known
}

func (w *listenedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *listenedWriter) Write(b []byte) (int, error) {
	w.k.take("received", b)
	return w.ResponseWriter.Write(b)
}

var secretMember = regexp.MustCompile(`"(accessToken|clientSecret|secretValue)"\s*:\s*("(?:[^"\\]|\\.)*")`)

// take finds the members of a JSON text that hold secrets.
func (k *known) take(way string, body []byte) {
	for _, m := range secretMember.FindAllSubmatch(body, -1) {
		var text string
		if json.Unmarshal(m[2], &text) == nil {
			k.add("the "+string(m[1])+" that was "+way, text)
		}
	}
}

// leaks names the secrets that are in output, as they are or encoded, each with
// its line, the secret cut out.
func (k *known) leaks(output string) []string {
	var found []string
	secrets := k.all()
	for _, text := range slices.Sorted(maps.Keys(secrets)) {
		for _, form := range secretForms(text) {
			at := strings.Index(output, form)
			if at < 0 {
				continue
			}
			line := output[strings.LastIndexByte(output[:at], '\n')+1:]
			line, _, _ = strings.Cut(line, "\n")
			found = append(found, secrets[text]+": "+strings.ReplaceAll(line, form, "<HERE>"))
			break
		}
	}
	return found
}

// scan fails the test when output holds a secret.
func (k *known) scan(t testing.TB, where, output string) {
	t.Helper()
	for _, leak := range k.leaks(output) {
		t.Errorf("%s holds %s", where, leak)
	}
}

// secretForms are the ways in which a secret could be printed.
func secretForms(text string) []string {
	forms := []string{text}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) >= shortestKnown && line != text {
			forms = append(forms, line)
		}
	}
	// Inside a longer base64 text the first and last characters depend on the
	// neighbours: what is left of each of the three alignments does not.
	for skip := range 3 {
		if len(text) < skip+9 {
			break
		}
		whole := []byte(text[skip : skip+(len(text)-skip)/3*3])
		forms = append(forms, base64.StdEncoding.EncodeToString(whole), base64.URLEncoding.EncodeToString(whole))
	}
	if escaped := url.QueryEscape(text); escaped != text {
		forms = append(forms, escaped, url.PathEscape(text))
	}
	if quoted, err := json.Marshal(text); err == nil {
		forms = append(forms, string(quoted[1:len(quoted)-1]))
	}
	return forms
}

// TestLeaksAreFound is the test of the scanner itself.
func TestLeaksAreFound(t *testing.T) {
	var k known
	const text = "pass \"word\"\nwith-a-second-line+/="
	k.take("received", []byte(`{"secrets":[{"secretKey":"A","secretValue":"pass \"word\"\nwith-a-second-line+/="}],"accessToken": "ey.token.text"}`))
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	for name, output := range map[string]string{
		"as it is": "x " + text + " y", "a line": "log: with-a-second-line+/=!", "quoted": string(quoted),
		"base64": base64.StdEncoding.EncodeToString([]byte(text)), "inside base64": base64.StdEncoding.EncodeToString([]byte("u:" + text + "!")),
		"in a URL": "https://h/?q=" + url.QueryEscape(text), "a token": "Authorization: Bearer ey.token.text",
	} {
		if found := k.leaks("before\n" + output + "\nafter\n"); len(found) != 1 {
			t.Errorf("%s: found %q", name, found)
		} else if strings.Contains(found[0], "second-line") || strings.Contains(found[0], "ey.token.text") {
			t.Errorf("%s: the report shows it: %s", name, found[0])
		}
	}
	if found := k.leaks("nothing of the kind: pass, word, line"); len(found) != 0 {
		t.Errorf("found %q", found)
	}
}
