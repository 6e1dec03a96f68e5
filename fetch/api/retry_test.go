package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

const getList = "/api/v4/secrets"

// TestStatusRetried sends a status for the first two attempts.
func TestStatusRetried(t *testing.T) {
	again := map[int]bool{408: true, 425: true, 429: true, 500: true, 502: true, 503: true, 504: true}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, status := range []int{400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 421, 422, 425, 429, 451, 500, 501, 502, 503, 504, 505, 520, 529, 599} {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				c := client(t, "http://h", api.TransportConfig{Base: handler(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodPost {
						if b, _ := io.ReadAll(r.Body); string(b) != `{"a":1}` {
							t.Errorf("attempt %d has the body %q", n+1, b)
						}
					}
					if n++; n <= 2 {
						answer(w, status, `{"statusCode":1,"message":"m","error":"e"}`)
						return
					}
					answer(w, 200, `{}`)
				})})
				_, err := c.Do(t.Context(), api.Call{Method: method, Path: getList, Body: map[string]int{"a": 1}}, nil)
				if again[status] {
					if err != nil || n != 3 {
						t.Errorf("%s %d: %d attempts, %v", method, status, n, err)
					}
					return
				}
				e, ok := errors.AsType[*api.Error](err)
				if !ok || e.Status != status || n != 1 {
					t.Errorf("%s %d: %d attempts, %v", method, status, n, err)
				}
			})
		}
	}
}

func TestRetryAfterIsObeyed(t *testing.T) {
	for name, c := range map[string]struct {
		header, message string
		least           time.Duration
	}{
		"seconds":        {"7", "x", 7 * time.Second},
		"date":           {"DATE", "x", 9 * time.Second},
		"message":        {"", "Rate limit exceeded. Please try again in 8 seconds", 8 * time.Second},
		"minute":         {"", "Rate limit exceeded. Please try again in 1 minute", time.Minute},
		"header counts":  {"3", "Please try again in 9 seconds", 3 * time.Second},
		"past date":      {"Thu, 01 Jan 1998 15:04:05 GMT", "", 0},
		"zero":           {"0", "", 0},
		"not a number":   {"soon", "", 0},
		"negative":       {"-5", "", 0},
		"fractions":      {"1.5", "", 1500 * time.Millisecond},
		"message, no 's": {"", "try again in 1 second.", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				cl := client(t, "http://h", api.TransportConfig{Base: handler(func(w http.ResponseWriter, r *http.Request) {
					if at = append(at, time.Now()); len(at) > 1 {
						answer(w, 200, "{}")
						return
					}
					header := c.header
					if header == "DATE" {
						header = time.Now().Add(10 * time.Second).UTC().Format(http.TimeFormat)
					}
					if header != "" {
						w.Header().Set("Retry-After", header)
					}
					answer(w, 429, fmt.Sprintf(`{"message":%q,"error":"RateLimitExceeded"}`, c.message))
				})})
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				if _, err := cl.Do(ctx, api.Call{Method: "GET", Path: getList}, nil); err != nil {
					t.Fatal(err)
				}
				if d := at[1].Sub(at[0]); d < c.least || d > c.least+c.least/10+2*time.Second { // a date has whole seconds, and jitter is added
					t.Errorf("came back after %s, want %s and a little", d, c.least)
				}
			})
		})
	}
}

// TestRetryThatDoesNotFit: a wait of a minute in a budget of thirty seconds is
// not begun, and the server's answer is the outcome.
func TestRetryThatDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, n := time.Now(), 0
		c := client(t, "http://h", api.TransportConfig{Base: handler(func(w http.ResponseWriter, r *http.Request) {
			n++
			w.Header().Set("Retry-After", "60")
			answer(w, 429, `{"message":"Rate limit exceeded","error":"RateLimitExceeded"}`)
		})})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := c.Do(ctx, api.Call{Method: "GET", Path: getList}, nil)
		e, ok := errors.AsType[*api.Error](err)
		if !ok || e.RetryAfter != time.Minute || n != 1 || time.Since(start) != 0 {
			t.Errorf("%v after %s and %d attempts", err, time.Since(start), n)
		}
	})
}

// TestLastErrorIsReported: when the time is over, the failure is named, not the clock.
func TestLastErrorIsReported(t *testing.T) {
	for name, base := range map[string]http.RoundTripper{
		"status": handler(func(w http.ResponseWriter, r *http.Request) { answer(w, 503, `{"message":"down for maintenance"}`) }),
		"refused": trip(func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}),
	} {
		synctest.Test(t, func(t *testing.T) {
			var waits []api.Wait
			c := client(t, "http://h", api.TransportConfig{Base: base, Notify: func(w api.Wait) { waits = append(waits, w) }})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			start := time.Now()
			_, err := c.Do(ctx, api.Call{Method: "GET", Path: getList}, nil)
			if err == nil || !strings.Contains(err.Error(), map[string]string{"status": "down for maintenance", "refused": "connection refused"}[name]) {
				t.Errorf("%s: %v", name, err)
			}
			if time.Since(start) > 20*time.Second || len(waits) < 2 {
				t.Errorf("%s: %s, %d retries", name, time.Since(start), len(waits))
			}
			for i, w := range waits {
				if w.Attempt != i+1 || w.Path != getList || !strings.Contains(w.Reason, "h: ") || w.Delay < 0 || w.Delay > 8*time.Second {
					t.Errorf("%s: notified of %+v", name, w)
				}
			}
		})
	}
}

// TestHungAttempt: the first connection hangs, the second answers.
func TestHungAttempt(t *testing.T) {
	for timeout, wantFirst := range map[time.Duration]time.Duration{30 * time.Second: 10 * time.Second, 4 * time.Second: 2 * time.Second, 10 * time.Minute: 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			var first time.Duration
			c := client(t, "http://h", api.TransportConfig{Base: trip(func(r *http.Request) (*http.Response, error) {
				if n++; n == 1 {
					start := time.Now()
					<-r.Context().Done()
					first = time.Since(start)
					return nil, r.Context().Err()
				}
				return handler(func(w http.ResponseWriter, r *http.Request) { answer(w, 200, "{}") }).RoundTrip(r)
			})})
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			if _, err := c.Do(ctx, api.Call{Method: "GET", Path: getList}, nil); err != nil || first != wantFirst {
				t.Errorf("%s: %v, the first attempt had %s, want %s", timeout, err, first, wantFirst)
			}
		})
	}
}

// TestNeverAnswers ends when the context does, or after the budget where it has no deadline.
func TestNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, "http://h", api.TransportConfig{Base: trip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})})
		start := time.Now()
		_, err := c.Do(t.Context(), api.Call{Method: "GET", Path: getList}, nil)
		if e, ok := errors.AsType[*api.NetworkError](err); !ok || time.Since(start) > api.DefaultBudget || !strings.Contains(e.Reason, "no answer within 10s") {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// TestSlowBody: an answer that trickles is followed to its end, one that stops is not.
func TestSlowBody(t *testing.T) {
	for _, stops := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			c := client(t, "http://h", api.TransportConfig{Base: trip(func(r *http.Request) (*http.Response, error) {
				n++
				read, write := io.Pipe()
				go func() {
					for range 15 {
						time.Sleep(time.Second)
						if _, err := io.WriteString(write, " "); err != nil {
							return
						}
					}
					if stops {
						<-r.Context().Done()
						write.CloseWithError(r.Context().Err())
						return
					}
					_, _ = io.WriteString(write, `{"secrets":[]}`)
					write.Close()
				}()
				return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: read, Request: r, ContentLength: -1}, nil
			})})
			ctx, cancel := context.WithTimeout(t.Context(), 28*time.Second)
			defer cancel()
			_, err := c.Do(ctx, api.Call{Method: "GET", Path: getList}, new(api.SecretList))
			if !stops && (err != nil || n != 1) {
				t.Errorf("trickling: %v after %d attempts", err, n)
			}
			if e, ok := errors.AsType[*api.NetworkError](err); stops && (!ok || !strings.Contains(e.Reason, "stopped after 15 bytes")) {
				t.Errorf("stopping: %v after %d attempts", err, n)
			}
		})
	}
}

func TestCancellationEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := client(t, "http://h", api.TransportConfig{
			Base: handler(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "20")
				answer(w, 503, "{}")
			}),
			Notify: func(api.Wait) { time.AfterFunc(time.Second, cancel) },
		})
		start := time.Now()
		_, err := c.Do(ctx, api.Call{Method: "GET", Path: getList}, nil)
		if !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func TestRetriesCounted(t *testing.T) {
	for retries, want := range map[int]int{-1: 1, 1: 2, 3: 4} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			c := client(t, "http://h", api.TransportConfig{Retries: retries, Budget: time.Hour,
				Base: handler(func(w http.ResponseWriter, r *http.Request) { n++; answer(w, 502, "{}") })})
			_, err := c.Do(t.Context(), api.Call{Method: "GET", Path: getList}, nil)
			if e, ok := errors.AsType[*api.Error](err); !ok || e.Status != 502 || n != want {
				t.Errorf("Retries %d: %d attempts, %v", retries, n, err)
			}
		})
	}
}

// TestLoginIsRepeatedOnlyBeforeAnAnswer: a login that was answered, however
// badly the answer ended, has used the client secret once.
func TestLoginIsRepeatedOnlyBeforeAnAnswer(t *testing.T) {
	broken := func(r *http.Request) (*http.Response, error) {
		body := io.NopCloser(io.MultiReader(strings.NewReader(`{"accessTo`), failing{syscall.ECONNRESET}))
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body, Request: r, ContentLength: -1}, nil
	}
	refused := func(r *http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }
	for _, c := range []struct {
		method string
		first  trip
		want   int
	}{{"GET", broken, 2}, {"POST", broken, 1}, {"GET", refused, 2}, {"POST", refused, 2}} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			cl := client(t, "http://h", api.TransportConfig{Base: trip(func(r *http.Request) (*http.Response, error) {
				if n++; n == 1 {
					return c.first(r)
				}
				return handler(func(w http.ResponseWriter, r *http.Request) { answer(w, 200, "{}") }).RoundTrip(r)
			})})
			_, err := cl.Do(t.Context(), api.Call{Method: c.method, Path: "/api/v1/auth/universal-auth/login", Body: api.UniversalAuthLogin{ClientID: "i", ClientSecret: api.Wrap(secret.New("s"))}}, nil)
			if n != c.want || (err == nil) != (c.want == 2) {
				t.Errorf("%s: %d attempts, want %d: %v", c.method, n, c.want, err)
			}
			if err != nil && !strings.Contains(err.Error(), "reset in the middle of the answer (after 10 bytes)") {
				t.Errorf("%s: %v", c.method, err)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestFinal5xx: servers of 2024 answer an unknown project slug with 500.
func TestFinal5xx(t *testing.T) {
	n := 0
	c := client(t, "http://h", api.TransportConfig{Base: handler(func(w http.ResponseWriter, r *http.Request) {
		n++
		answer(w, 500, `{"statusCode":500,"message":"Something went wrong","error":"Failed to find project by slug"}`)
	})})
	_, err := c.Do(t.Context(), api.Call{Method: "GET", Path: getList}, nil)
	if e, ok := errors.AsType[*api.Error](err); !ok || n != 1 || e.Message != "Something went wrong: Failed to find project by slug" || api.Failing(err) {
		t.Errorf("%d attempts: %v", n, err)
	}
}

// TestUnknownHost is asked for three times, not for half a minute.
func TestUnknownHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := client(t, "http://h", api.TransportConfig{Base: trip(func(*http.Request) (*http.Response, error) {
			n++
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "no-such.example", IsNotFound: true, Err: "no such host"}}
		})})
		_, err := c.Do(t.Context(), api.Call{Method: "GET", Path: getList}, nil)
		if e, ok := errors.AsType[*api.NetworkError](err); !ok || n != 3 || e.Reason != "no such host: no-such.example" {
			t.Errorf("%d attempts: %v", n, err)
		}
	})
}
