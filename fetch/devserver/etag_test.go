package devserver_test

import (
	"math"
	"strings"
	"testing"

	"infuse/fetch/devserver"
)

// TestFlicker: 11 of 60 expanded answers come back half expanded, body and tag; others are stable; the seed decides which.
func TestFlicker(t *testing.T) {
	build := func(seed uint64) *world {
		w := newWorld(devserver.Config{Seed: seed})
		w.p.Set("dev", "/", "OUTER", "outer(${INNER})")
		w.p.Set("dev", "/", "INNER", "pw=${PASSWORD}")
		w.p.Set("dev", "/", "PASSWORD", "x")
		w.SetFlicker(devserver.RealFlicker)
		return w
	}
	const n = 600
	run := func(w *world) (pattern string, half int) {
		tags := map[string]bool{}
		for range n {
			r := w.list(t, "environment=dev&expandSecretReferences=true")
			tags[r.header.Get("ETag")] = true
			switch got := r.values(t)["/ OUTER"]; got {
			case "outer(pw=x)":
				pattern += "."
			case "outer(pw=${PASSWORD})":
				pattern += "h"
				half++
			default:
				t.Fatalf("OUTER is %q", got)
			}
			if inner := r.values(t)["/ INNER"]; inner != "pw=x" {
				t.Fatalf("INNER, which has one level, is %q", inner)
			}
		}
		if len(tags) != 2 {
			t.Errorf("%d tags", len(tags))
		}
		return pattern, half
	}
	pattern, half := run(build(7))
	if share := float64(half) / n; math.Abs(share-devserver.RealFlicker) > 0.05 {
		t.Errorf("%d of %d answers are half expanded", half, n)
	}
	if !strings.Contains(pattern, "hh") {
		t.Error("no two half expanded answers in a row, which do happen")
	}
	if again, _ := run(build(7)); again != pattern {
		t.Error("the same seed gives another pattern")
	}
	w := build(7)
	tags := map[string]bool{}
	for range 100 {
		tags[w.list(t, "environment=dev&expandSecretReferences=false").header.Get("ETag")] = true
	}
	if len(tags) != 1 {
		t.Errorf("without expansion there are %d tags", len(tags))
	}
}

func TestETag(t *testing.T) {
	w := newWorld(devserver.Config{})
	w.p.Set("dev", "/", "A", "1")
	tag := w.list(t, "environment=dev").header.Get("ETag")
	for have, want := range map[string]int{tag: 304, "W/" + tag: 200, `"x", ` + tag: 200, "*": 200} {
		r := w.list(t, "environment=dev", "If-None-Match", have)
		if r.status != want || want == 304 && (r.body != "" || r.header.Get("ETag") != tag) {
			t.Errorf("%s: %d", have, r.status)
		}
	}
	w.p.Set("dev", "/", "A", "1") // the same again is no new version
	if r := w.list(t, "environment=dev", "If-None-Match", tag); r.status != 304 {
		t.Errorf("nothing changed: %d", r.status)
	}
	w.p.Set("dev", "/", "A", "2")
	w.p.Set("dev", "/", "A", "1")
	if r := w.list(t, "environment=dev", "If-None-Match", tag); r.status != 200 {
		t.Errorf("there and back again is a new version: %d", r.status)
	}
	w.AnswerStale(1)
	if r := w.list(t, "environment=dev", "If-None-Match", `"never sent"`); r.status != 200 {
		t.Errorf("a tag of nobody's: %d", r.status)
	}
	if r := w.list(t, "environment=dev", "If-None-Match", tag); r.status != 304 {
		t.Errorf("the stale answer: %d", r.status)
	}
	if r := w.list(t, "environment=dev", "If-None-Match", tag); r.status != 200 {
		t.Errorf("after the stale answer: %d", r.status)
	}
}

func TestHead(t *testing.T) {
	w := newWorld(devserver.Config{})
	get, head := w.ask(t, "GET", "/api/v1/workspace/PROJECT", ""), w.ask(t, "HEAD", "/api/v1/workspace/PROJECT", "")
	if head.status != 200 || head.body != "" || head.header.Get("Content-Length") != get.header.Get("Content-Length") || head.header.Get("ETag") != get.header.Get("ETag") {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
}
