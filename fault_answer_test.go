//go:build unix

package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"infuse/fetch/devserver"
)

// answerFaults are answers that are complete and wrong.
func answerFaults() []fault {
	answers := func(contentType, body string) func(*world) {
		return listFault(devserver.Fault{Status: 200, Body: body, Header: http.Header{"Content-Type": {contentType}}})
	}
	const isJSON = "application/json; charset=utf-8"
	// custom answers whatever names a list of secrets, in any version.
	custom := func(contentType string, answer func(http.ResponseWriter)) func(*world) {
		return func(w *world) {
			w.setAnswer(func(rw http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/secrets") {
					return false
				}
				rw.Header().Set("Content-Type", contentType)
				answer(rw)
				return true
			})
		}
	}
	return []fault{
		failingFault(fault{name: "a web page at every address", arm: func(w *world) {
			for _, route := range []string{"/api/v4/*", "/api/v3/*"} {
				page := devserver.HTML(200)
				page.Path = route
				w.inject(page)
			}
		}, says: "web page"}, "3", "2"),
		failingFault(fault{name: "an empty body", arm: custom(isJSON, func(http.ResponseWriter) {}), says: "empty"}, "2", "1"),
		failingFault(fault{name: "JSON that is cut", arm: answers(isJSON, `{"secrets":[{"secretKey":"KEY","secretVal`), says: "cut"}, "2", "1"),
		failingFault(fault{name: "an answer shorter than it says", arm: listFault(devserver.Fault{Truncate: true}), says: "closed|broke off"}, "3", "1"),
		failingFault(fault{name: "wrong content type", arm: custom("text/plain", func(rw http.ResponseWriter) { io.WriteString(rw, "everything is fine") }), says: "text/plain"}, "3", "2"),
		passingFault(fault{name: "no v4, but a web page: an old server", arm: answers("text/html", devserver.HTMLPage)}, "3", "1", "3", "0"),
		failingFault(fault{name: "JSON of another shape", arm: answers(isJSON, `{"secrets":"none","imports":7}`), says: "shape"}, "2", "1"),
		failingFault(fault{name: "JSON without a list", arm: answers(isJSON, `{"status":"ok"}`), says: "shape"}, "2", "1"),
		failingFault(fault{name: "JSON null", arm: answers(isJSON, "null"), says: "shape"}, "2", "1"),
		failingFault(fault{name: "JSON nested 100,000 deep", arm: answers(isJSON, `{"secrets":`+strings.Repeat("[", 100000)+strings.Repeat("]", 100000)+`}`), says: "JSON"}, "2", "1"),
		failingFault(fault{name: "100 MB", arm: listFault(devserver.Fault{Size: 100 << 20}), says: "larger than the limit"}, "2", "1"),
		failingFault(fault{name: "100 MB without a length", arm: custom(isJSON, func(rw http.ResponseWriter) {
			io.WriteString(rw, `{"secrets":[{"secretKey":"KEY","secretValue":"`)
			for chunk := bytes.Repeat([]byte("x"), 1<<20); ; {
				if _, err := rw.Write(chunk); err != nil {
					return
				}
			}
		}), says: "larger than the limit"}, "2", "1"),
		failingFault(fault{name: "gzip bomb", arm: custom(isJSON, func(rw http.ResponseWriter) {
			rw.Header().Set("Content-Encoding", "gzip")
			rw.Write(bomb())
		}), says: "larger than the limit"}, "2", "1"),
		failingFault(fault{name: "gzip that is broken", arm: custom(isJSON, func(rw http.ResponseWriter) {
			rw.Header().Set("Content-Encoding", "gzip")
			io.WriteString(rw, "this is not gzip at all")
		}), says: "gzip|broke off"}, "3", "1"),
		failingFault(fault{name: "redirect loop", arm: listFault(devserver.Fault{Status: 302, Header: http.Header{"Location": {listRoute}}}), says: "redirects in a loop"}, "7", "6"),
		failingFault(fault{name: "redirect to another host", arm: func(w *world) {
			other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.elsewhere.Add(1) }))
			w.t.Cleanup(other.Close)
			w.inject(devserver.Fault{Status: 307, Header: http.Header{"Location": {other.URL + listRoute}}})
		}, says: "redirects to another host"}, "2", "1"),
		refusedFault(fault{name: "the identity lost the project", arm: func(w *world) { w.server.SetRole(w.identity.ID, w.project.ID(), "") }, lasts: true, says: "403"}, "2", "1"),
		refusedFault(fault{name: "the folder is gone", flags: []string{"--path", "/", "--path", "/app"}, arm: func(w *world) { w.project.DeleteFolder("dev", "/app") }, lasts: true, says: "no such folder.*/app"}, "4-5", "3-4"),
	}
}

// bomb is 100 MB in 100 kB: a hundred times the same member (RFC 1952, section 2.2).
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(bytes.Repeat([]byte(" "), 1<<20))
	z.Close()
	return bytes.Repeat(b.Bytes(), 100)
})
