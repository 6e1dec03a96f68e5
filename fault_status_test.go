//go:build unix

package main

import (
	"fmt"
	"net/http"
	"time"

	"infuse/fetch/devserver"
)

// failingFault is what comes of a server that fails: nothing starts, a copy stands
// in, a running program stays. At a start some failures are tried once more; a
// look while watching never is: the next look is its retry.
func failingFault(f fault, started, watched string) fault {
	f.first = want{got: gotNothing, status: 125, requests: started, logins: "1"}
	f.copied = want{got: gotCopy, requests: started, logins: "1"}
	f.watched = want{got: gotStays, status: 7, requests: watched, logins: "0"}
	return f
}

// refusedFault is what comes of an answer that is no: a copy is no help.
func refusedFault(f fault, started, watched string) fault {
	f = failingFault(f, started, watched)
	f.copied.got, f.copied.status = gotNothing, 125
	return f
}

// passingFault is what comes of a fault that is overcome.
func passingFault(f fault, started, startLogins, watched, watchedLogins string) fault {
	f.first = want{got: gotValue, requests: started, logins: startLogins}
	f.copied = f.first
	f.watched = want{got: gotNewValue, status: 7, requests: watched, logins: watchedLogins}
	return f
}

// logins is f with other numbers of logins.
func (f fault) logins(started, watched string) fault {
	f.first.logins, f.copied.logins, f.watched.logins = started, started, watched
	return f
}

// retriedFault is what comes of a failure that is over after one retry.
func retriedFault(f fault) fault {
	f.first = want{got: gotValue, requests: "3", logins: "1", silent: true}
	f.copied = f.first
	f.watched = want{got: gotStays, status: 7, requests: "1", logins: "0"}
	return f
}

// listFault makes a fault of the server happen to the list.
func listFault(f devserver.Fault) func(*world) { return func(w *world) { w.inject(f) } }

func statusFaults() []fault {
	var cases []fault
	for _, status := range []int{408, 425, 429, 500, 502, 503, 504} {
		f := devserver.Fault{Status: status, Body: `{"statusCode":` + fmt.Sprint(status) + `,"message":"Not now","error":"Trouble"}`}
		cases = append(cases, failingFault(fault{name: fmt.Sprint(status, " ", http.StatusText(status)), arm: listFault(f), says: fmt.Sprint(status)}, "3", "1"))
	}
	for _, status := range []int{400, 403, 404, 422} {
		cases = append(cases, refusedFault(fault{name: fmt.Sprint(status, " ", http.StatusText(status)), arm: listFault(devserver.Fault{Status: status}), says: fmt.Sprint(status)}, "2", "1"))
	}
	// A refused token is replaced once, and no more.
	unauthorized := fault{name: "401 Unauthorized", arm: listFault(devserver.Fault{Status: 401}), says: "401", lasts: true}
	return append(cases,
		refusedFault(unauthorized, "4", "3").logins("2", "1"),
		retriedFault(fault{name: "503 once, then well", arm: listFault(devserver.Fault{Status: 503, Times: 1})}),
		retriedFault(fault{name: "429 with Retry-After: 1, then well", arm: listFault(devserver.Fault{Status: 429, Times: 1, Header: http.Header{"Retry-After": {"1"}}})}),
		retriedFault(fault{name: "503 with a Retry-After date, then well", arm: func(w *world) {
			date := time.Now().Add(time.Second).UTC().Format(http.TimeFormat)
			w.inject(devserver.Fault{Status: 503, Times: 1, Header: http.Header{"Retry-After": {date}}})
		}}),
		failingFault(fault{name: "429 with Retry-After: 3600", arm: listFault(devserver.Fault{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}), says: "429"}, "2", "1"),
		failingFault(fault{name: "429 that names 60 seconds in words", flags: []string{"--timeout", "50s"}, arm: listFault(devserver.Fault{Status: 429}), says: "429"}, "2", "1"),
		failingFault(fault{name: "502 with a web page", arm: listFault(devserver.HTML(502)), says: "502.*not from Infisical"}, "3", "1"),
	)
}

// loginFaults: while watching, the token expires, so that a login is needed.
func loginFaults() []fault {
	login := func(f devserver.Fault) func(*world) {
		f.Path = loginRoute
		return func(w *world) {
			w.inject(f)
			w.server.ExpireTokens(w.identity.ID)
		}
	}
	final := func(name string, arm func(*world), says string) fault {
		return refusedFault(fault{name: name, arm: arm, says: says, lasts: true}, "1", "2").logins("1", "1")
	}
	return []fault{
		final("login: 400", login(devserver.Fault{Status: 400}), "400"),
		final("login: 401, the client secret was revoked", func(w *world) {
			w.server.RevokeClientSecrets(w.identity.ID)
			w.server.ExpireTokens(w.identity.ID)
		}, "401"),
		final("login: 401, the identity is locked out", func(w *world) {
			for range 3 {
				w.tryLogin("not-the-client-secret")
			}
			w.server.ExpireTokens(w.identity.ID)
			w.resetCounts()
		}, "401.*locked"),
		final("login: 401, the client secret is used up", login(devserver.Fault{
			Status: 401, Body: `{"statusCode":401,"message":"Access denied due to client secret usage limit reached","error":"UnauthorizedError"}`,
		}), "usage limit"),
		final("login: 403", login(devserver.Fault{Status: 403}), "403"),
		final("login: 404, the identity is gone", login(devserver.Fault{Status: 404}), "404"),
		failingFault(fault{name: "login: 503", arm: login(devserver.Fault{Status: 503}), says: "503"}, "2", "2").logins("2", "1"),
		failingFault(fault{name: "login: a web page", arm: login(devserver.HTML(200)), says: "web page"}, "1", "2-3").logins("1", "1-2"),
	}
}
