package api

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds a wait that a server names: beyond it the number is nonsense.
const maxRetryAfter = 24 * time.Hour

// retryAfter is the wait an answer asks for, 0 when it names none: the header
// Retry-After in seconds or as a date (RFC 9110, section 10.2.3), else the
// sentence of Infisical's rate limiter, "Please try again in 1 minute".
func retryAfter(h http.Header, message string, now time.Time) time.Duration {
	if v := strings.TrimSpace(h.Get("Retry-After")); v != "" {
		if seconds, err := strconv.ParseFloat(v, 64); err == nil {
			return boundedWait(seconds)
		}
		if at, err := http.ParseTime(v); err == nil {
			return boundedWait(at.Sub(now).Seconds())
		}
	}
	return messageWait(message)
}

func messageWait(message string) time.Duration {
	_, rest, ok := strings.Cut(strings.ToLower(message), "try again in ")
	if !ok {
		return 0
	}
	words := strings.FieldsFunc(rest, func(r rune) bool { return r == ' ' || r == '.' || r == ',' })
	if len(words) < 2 {
		return 0
	}
	n, err := strconv.ParseUint(words[0], 10, 32)
	if err != nil {
		return 0
	}
	unit := map[string]float64{"millisecond": 0.001, "second": 1, "minute": 60, "hour": 3600}[strings.TrimSuffix(words[1], "s")]
	return boundedWait(float64(n) * unit)
}

func boundedWait(seconds float64) time.Duration {
	if math.IsNaN(seconds) || seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
}
