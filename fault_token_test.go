//go:build unix

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"infuse/fetch/devserver"
)

// tokenFaults: the token dies at the wrong moment. One new login makes it good.
func tokenFaults() []fault {
	// at calls do before the nth list is answered. Lists are answered one after the other.
	at := func(n int, do func(*world)) func(*world) {
		return func(w *world) {
			var mu sync.Mutex
			seen := 0
			w.setAnswer(func(rw http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != listRoute {
					return false
				}
				mu.Lock()
				defer mu.Unlock()
				if seen++; seen == n {
					do(w)
				}
				w.server.ServeHTTP(rw, r)
				return true
			})
		}
	}
	revoke := func(w *world) { w.server.RevokeTokens(w.identity.ID) }
	expire := func(w *world) { w.server.ExpireTokens(w.identity.ID) }
	bare := func(name string, arm func(*world)) fault {
		return refusedFault(fault{name: name, prepare: bareToken, arm: arm, lasts: true, says: "refused the token"}, "1", "1").logins("0", "0")
	}
	return []fault{
		bare("a bare token that was revoked", revoke),
		bare("a bare token that expired", expire),
		passingFault(fault{name: "the token is revoked before the list", arm: at(1, revoke)}, "4", "2", "4", "1"),
		passingFault(fault{name: "the token expires before the list", arm: at(1, expire)}, "4", "2", "4", "1"),
		passingFault(fault{name: "the token expires between two lists", flags: []string{"--path", "/app", "--path", "/"}, arm: at(2, expire)}, "5", "2", "6", "1"),
		passingFault(fault{name: "a token that is good for one request", identity: devserver.Identity{Uses: 1}}, "2", "1", "6", "2"),
		passingFault(fault{name: "expiresIn 0: no limit", identity: devserver.Identity{TTL: -1, MaxTTL: -1}}, "2", "1", "2", "0"),
	}
}

// bareToken gives infuse a token instead of what makes one. It rotates, so the
// copy has a key file.
func bareToken(w *world) {
	token, key := w.server.IssueToken(w.identity.ID), filepath.Join(w.dir, "key")
	w.secrets.add("the token", token)
	w.env = map[string]string{"INFISICAL_TOKEN": token, "INFISICAL_CLIENT_ID": "", "INFISICAL_CLIENT_SECRET": ""}
	check(w.t, os.WriteFile(key, []byte("swordfish-key-of-the-copy"), 0o600))
	w.secrets.add("the key of the copy", "swordfish-key-of-the-copy")
	w.flags = append(w.flags, "--cache-key-file", key)
}

// clockFaults: the two clocks are a day apart. The server decides.
func clockFaults() []fault {
	skew := func(name string, by time.Duration) fault {
		now := func() time.Time { return time.Now().Add(by) }
		return passingFault(fault{name: name, config: devserver.Config{Now: now}, arm: func(w *world) {
			w.setAnswer(func(rw http.ResponseWriter, _ *http.Request) bool {
				rw.Header().Set("Date", now().UTC().Format(http.TimeFormat))
				return false
			})
		}}, "2", "1", "2", "0")
	}
	return []fault{
		skew("the server's clock is a day ahead", 24*time.Hour),
		skew("the server's clock is a day behind", -24*time.Hour),
	}
}
