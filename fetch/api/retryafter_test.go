package api

import (
	"net/http"
	"testing"
	"time"
)

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"3", "1.5", "-1", "1e300", "NaN", "Inf", "0x10", "Wed, 21 Oct 2015 07:28:00 GMT", "", "9223372036854775807"} {
		f.Add(seed, "Rate limit exceeded. Please try again in 12 seconds")
		f.Add(seed, "try again in 1 minute")
		f.Add("", "try again in 4294967296 hours, or "+seed)
	}
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, header, message string) {
		h := http.Header{"Retry-After": {header}}
		if d := retryAfter(h, message, now); d < 0 || d > maxRetryAfter {
			t.Errorf("%q, %q: %s", header, message, d)
		}
	})
}

func TestRetryAfterUnits(t *testing.T) {
	for message, want := range map[string]time.Duration{
		"try again in 1 second": time.Second, "Try Again In 2 minutes.": 2 * time.Minute, "try again in 3 hours": 3 * time.Hour,
		"try again in 500 milliseconds": 500 * time.Millisecond, "try again in 99999999 hours": maxRetryAfter,
		"try again in a moment": 0, "try again in 5": 0, "try again in 5 parsecs": 0, "try again later": 0, "": 0,
	} {
		if got := messageWait(message); got != want {
			t.Errorf("%q: %s, want %s", message, got, want)
		}
	}
}
