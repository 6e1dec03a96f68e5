package api

import (
	"net/url"
	"testing"
)

func TestSameServer(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"http://h/a", "http://h/b", true},
		{"http://h:80/", "http://h/", true},
		{"https://h/", "https://h:443/", true},
		{"http://h:8080/", "http://h:8081/", false},
		{"http://h/", "https://h/", true},
		{"http://h:8080/", "https://h:8443/", true},
		{"https://h/", "http://h/", false},
		{"https://h/", "https://h.evil/", false},
		{"https://a.h/", "https://h/", false},
	} {
		from, err1 := url.Parse(c.from)
		to, err2 := url.Parse(c.to)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if got := sameServer(from, to); got != c.want {
			t.Errorf("%s to %s: %v", c.from, c.to, got)
		}
	}
}
