package watch

import (
	"errors"
	"math"
	"time"

	"infuse/fetch/api"
)

// The limits of polling.
const (
	DefaultInterval = time.Minute
	MinimumInterval = 5 * time.Second

	freshEvery = 10 * time.Minute // an ETag can be stale for longer than this
	// slowFactor stretches the interval while an event stream is up. Polling
	// goes on, since events miss imports and references.
	slowFactor  = 3
	slowMaximum = 5 * time.Minute
	jitter      = 0.1

	// Looks of many watchers that found the same change are spread by so much.
	againSpread = 2 * time.Second
	// A look for an announced change that failed is tried once more soon.
	soon = 5 * time.Second

	// backoffFactor bounds the pause after failed looks in intervals: whoever
	// was cut off is back within two of them, jitter included.
	backoffFactor  = 1.6
	backoffGrowth  = 1.3
	backoffMinimum = time.Minute // the bound of a shorter interval
)

// schedule decides when to poll next. It holds no timer.
type schedule struct {
	interval time.Duration
	random   func() float64 // [0,1)

	next      time.Time
	notBefore time.Time // the server asked for a pause
	lastFresh time.Time
	failures  int
	streaming bool
}

// start spreads the first polls of many watchers that begin together over a
// whole interval.
func (s *schedule) start(now time.Time) {
	s.lastFresh = now // the look that came before the watcher
	s.next = now.Add(time.Duration(s.random() * float64(s.interval)))
}

func (s *schedule) poll(now time.Time) Event {
	return Event{Kind: Poll, Reason: "poll", Fresh: now.Sub(s.lastFresh) >= freshEvery}
}

// delivered books the next poll for the case that no report comes.
func (s *schedule) delivered(now time.Time, e Event) {
	if e.Kind != File {
		s.next = now.Add(s.pause())
	}
}

// reported takes in how the look that e asked for went.
func (s *schedule) reported(now time.Time, e Event, err error) {
	if e.Kind == File {
		return // the server may not have been asked
	}
	failed := s.failures > 0
	if err == nil {
		s.failures = 0
		s.notBefore = time.Time{}
		if e.Fresh {
			s.lastFresh = now
		}
	} else {
		s.failures++
	}
	s.next = now.Add(s.pause())
	switch {
	case s.failures == 1 && e.Kind != Poll:
		s.next = now.Add(min(s.interval, time.Duration((0.5+s.random())*float64(soon))))
	case failed && err == nil:
		// Longer pauses fold a fleet unevenly into the interval: mix it anew.
		s.next = now.Add(time.Duration((0.5 + s.random()) * float64(s.interval)))
	}
	if wait := boundedRetryAfter(err); wait > 0 {
		// Not all who were told the same second come back in it.
		s.notBefore = now.Add(wait + time.Duration(s.random()*float64(s.interval)/2))
		if s.next.Before(s.notBefore) {
			s.next = s.notBefore
		}
	}
}

// stream notes that the event stream came up or went down.
func (s *schedule) stream(now time.Time, up bool) {
	s.streaming = up
	if latest := now.Add(s.pause()); !up && s.next.After(latest) && s.next.After(s.notBefore) {
		s.next = latest
		if s.next.Before(s.notBefore) {
			s.next = s.notBefore
		}
	}
}

// again spreads a second look, unless it is in a hurry.
func (s *schedule) again(d time.Duration) time.Duration {
	if d < againMinimum {
		return d
	}
	return d + time.Duration(s.random()*float64(min(againSpread, s.interval/30)))
}

func (s *schedule) pause() time.Duration {
	d := float64(s.interval)
	switch {
	case s.failures > 0:
		most := max(backoffFactor*d, float64(backoffMinimum))
		d = min(d*math.Pow(backoffGrowth, float64(min(s.failures-1, 64))), most)
	case s.streaming:
		d = max(d, min(slowFactor*d, float64(slowMaximum)))
	}
	return time.Duration(d * (1 - jitter + 2*jitter*s.random()))
}

// boundedRetryAfter is the pause the server asked for, 0 for none. A watch that
// obeyed a day would be dead.
func boundedRetryAfter(err error) time.Duration {
	if refused, ok := errors.AsType[*api.Error](err); ok {
		return min(refused.RetryAfter, time.Hour)
	}
	return 0
}
