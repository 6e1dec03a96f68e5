package watch

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"
	"unicode"
)

func TestRegister(t *testing.T) {
	for _, c := range []struct {
		paths     []string
		recursive bool
		globs     string
		events    int // of each glob
	}{
		{nil, false, "[/]", 4},
		{nil, true, "[/**]", 4},
		{[]string{"/"}, true, "[/**]", 4},
		{[]string{"backend/"}, false, "[/backend]", 4},
		{[]string{"/backend"}, true, "[/backend/**]", 4},
		{[]string{"/a", "/b"}, false, "[/a /b]", 4},
		{[]string{"/a", "/a/"}, false, "[/a]", 4},
		{[]string{"/a", "/b", "/c"}, false, "[/a /b /c]", 3}, // ten are allowed
		{[]string{"/s/a", "/s/b", "/s/c/d", "/s"}, false, "[/s/**]", 4},
		{[]string{"/a", "/ab", "/abc", "/b"}, true, "[/**]", 4},
	} {
		s := &stream{Events: Events{ProjectID: "p", Environment: "prod", Paths: c.paths, Recursive: c.recursive}}
		all := s.register()
		var globs []string
		for i, r := range all {
			if i%c.events == 0 {
				globs = append(globs, r.Conditions.SecretPath)
			}
			if r.Conditions.EnvironmentSlug != "prod" {
				t.Errorf("%v: a registration without its environment", c.paths)
			}
		}
		if fmt.Sprint(globs) != c.globs || len(all) != len(globs)*c.events || len(all) > registrations {
			t.Errorf("%v recursive=%v: %d registrations for %v, want %s", c.paths, c.recursive, len(all), globs, c.globs)
		}
	}
	body, err := json.Marshal(subscription{"p", (&stream{Events: Events{Environment: "prod"}}).register()[:1]})
	const want = `{"projectId":"p","register":[{"event":"secret:create","conditions":{"environmentSlug":"prod","secretPath":"/"}}]}`
	if err != nil || string(body) != want {
		t.Errorf("body %s, %v", body, err)
	}
}

// FuzzConcerns: whatever the server sends, the reason is one short printable line.
func FuzzConcerns(f *testing.F) {
	f.Add("secret:update", `{"data":{"eventType":"secret:update","payload":[{"environment":"prod","secretPath":"/","secretKey":"A"}]}}`)
	f.Add("secret:import-mutation", `{"data":{"payload":{"environment":"prod","secretPath":"/"}}}`)
	f.Add("", `{"data":{"type":"secret:create","payload":[{"secretKeys":["A","B"]}]}}`)
	f.Add("x\x1b[2J", `{"data":{"payload":[{"secretKey":"\u001b]0;x\u0007\n\u202e"}]}}`)
	s := &stream{Events: Events{Environment: "prod"}}
	f.Fuzz(func(t *testing.T, kind, data string) {
		reason, _ := s.concerns(kind, data)
		if len(reason) > 200 || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("reason %q", reason)
		}
	})
}

// FuzzAncestor: the common folder holds all of them.
func FuzzAncestor(f *testing.F) {
	f.Add("/a/b", "/a/c", "a")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		common := ancestor([]string{a, b, c})
		for _, p := range []string{a, b, c} {
			p = path.Clean("/" + p)
			if common != "/" && p != common && !strings.HasPrefix(p, common+"/") {
				t.Errorf("%q is not below %q", p, common)
			}
		}
	})
}
