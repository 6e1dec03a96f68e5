package creds

import (
	"math"
	"time"
)

// usable reports whether the token may still be sent.
func (h *held) usable(now time.Time) bool {
	if h.token.IsZero() || h.rejected > 0 {
		return false
	}
	return h.static || h.ttl == 0 || now.Before(h.since.Add(h.ttl))
}

// left is the rest of the token's life.
func (h *held) left(now time.Time) time.Duration {
	if h.ttl == 0 {
		return 0
	}
	return h.since.Add(h.ttl).Sub(now)
}

// due reports whether two thirds of the token's life are over.
func (h *held) due(now time.Time) bool {
	if h.static || h.ttl == 0 || now.Before(h.retryAt) {
		return false
	}
	return !now.Before(h.since.Add(h.ttl / 3 * 2))
}

// renewable reports whether a renewal would stay within the maximum. One past
// it is not merely refused: the server deletes the token that was valid a
// moment before. So the sum is done here, with a margin for the way there.
func (h *held) renewable(now time.Time) bool {
	if h.static || h.ttl == 0 {
		return false
	}
	if h.maxTTL == 0 {
		return true
	}
	margin := min(h.ttl/10, 30*time.Second)
	return now.Add(max(h.ttl, h.fullTTL) + margin).Before(h.loginAt.Add(h.maxTTL))
}

// gaveUp reports whether a refused token is the last word for now: there is no
// login, or it is itself the replacement of a refused one and no use of it is
// likely to have succeeded: all were second tries, or all were refused. (A
// token that is good for a number of requests gets beyond that, and is replaced.)
func (h *held) gaveUp(now time.Time, canLogin bool) bool {
	if h.rejected == 0 || now.Sub(h.refusedAt) >= cooldown {
		return false
	}
	if !canLogin {
		return true
	}
	return !h.before.IsZero() && (h.handedOut <= h.retries || h.rejected >= h.handedOut)
}

// seconds converts without overflow: a server may say "a million years".
func seconds(n int64) time.Duration {
	if n <= 0 {
		return 0
	}
	if n > math.MaxInt64/int64(time.Second)/4 {
		return math.MaxInt64 / 4
	}
	return time.Duration(n) * time.Second
}
