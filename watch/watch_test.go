package watch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"infuse/fetch/api"
	"infuse/watch"
)

func half() float64 { return 0.5 } // no jitter

// next waits for the next event, in virtual time.
func next(t *testing.T, w *watch.Watcher) (watch.Event, time.Duration) {
	t.Helper()
	began := time.Now()
	select {
	case ev, ok := <-w.C:
		if !ok {
			t.Fatal("the channel is closed")
		}
		return ev, time.Since(began)
	case <-time.After(24 * time.Hour):
		t.Fatal("no event for a day")
	}
	panic("unreachable")
}

func inBubble(t *testing.T, cfg watch.Config, test func(t *testing.T, w *watch.Watcher)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		if cfg.Random == nil {
			cfg.Random = half
		}
		w := watch.Start(ctx, cfg)
		test(t, w)
		cancel()
		w.Wait()
		if _, ok := <-w.C; ok {
			t.Error("an event after the end")
		}
		w.Report(nil) // must not block
		w.LookAgain(time.Second)
	})
}

func TestPollsAtTheInterval(t *testing.T) {
	inBubble(t, watch.Config{}, func(t *testing.T, w *watch.Watcher) {
		if ev, after := next(t, w); after != 30*time.Second || ev.Kind != watch.Poll || ev.Fresh {
			t.Errorf("first poll after %v: %+v", after, ev)
		}
		fresh := []time.Duration{}
		at := 30 * time.Second
		for range 40 {
			w.Report(nil)
			ev, after := next(t, w)
			if after != time.Minute {
				t.Fatalf("poll after %v", after)
			}
			if at += after; ev.Fresh {
				fresh = append(fresh, at)
			}
		}
		want := []time.Duration{10*time.Minute + 30*time.Second, 20*time.Minute + 30*time.Second, 30*time.Minute + 30*time.Second, 40*time.Minute + 30*time.Second}
		if !slices.Equal(fresh, want) {
			t.Errorf("fresh looks at %v, want %v", fresh, want)
		}
	})
}

func TestJitterAndRandomStart(t *testing.T) {
	for _, c := range []struct {
		random      float64
		first, then time.Duration
	}{{0, 0, 54 * time.Second}, {0.999999, time.Minute, 66 * time.Second}} {
		inBubble(t, watch.Config{Random: func() float64 { return c.random }}, func(t *testing.T, w *watch.Watcher) {
			_, first := next(t, w)
			w.Report(nil)
			_, then := next(t, w)
			if first.Round(time.Second) != c.first || then.Round(time.Second) != c.then {
				t.Errorf("random %v: %v then %v, want %v then %v", c.random, first, then, c.first, c.then)
			}
		})
	}
}

func TestIntervalHasAMinimum(t *testing.T) {
	inBubble(t, watch.Config{Interval: time.Millisecond}, func(t *testing.T, w *watch.Watcher) {
		next(t, w)
		w.Report(nil)
		if _, after := next(t, w); after != watch.MinimumInterval {
			t.Errorf("polls every %v", after)
		}
	})
}

// TestFailedLooksBackOff: further apart, but never as far that two intervals
// after the end of an outage have passed; and at once back to normal.
func TestFailedLooksBackOff(t *testing.T) {
	inBubble(t, watch.Config{}, func(t *testing.T, w *watch.Watcher) {
		next(t, w)
		last := time.Duration(0)
		for i := range 200 {
			w.Report(errors.New("refused"))
			_, after := next(t, w)
			if after < last || after > 2*time.Minute {
				t.Fatalf("failure %d: next look after %v, the one before after %v", i, after, last)
			}
			last = after
		}
		if last < 90*time.Second {
			t.Errorf("the pause grew to %v only", last)
		}
		w.Report(nil)
		if _, after := next(t, w); after != time.Minute {
			t.Errorf("after a success: %v", after)
		}
	})
}

func TestRetryAfterIsObeyed(t *testing.T) {
	inBubble(t, watch.Config{}, func(t *testing.T, w *watch.Watcher) {
		next(t, w)
		w.Report(fmt.Errorf("listing: %w", &api.Error{Status: 429, RetryAfter: 5 * time.Minute}))
		w.LookAgain(time.Second) // not before either
		if _, after := next(t, w); after < 5*time.Minute || after > 6*time.Minute {
			t.Errorf("next look after %v", after)
		}
		w.Report(&api.Error{Status: 429, RetryAfter: 24 * time.Hour}) // nonsense must not kill the watch
		if _, after := next(t, w); after > 2*time.Hour {
			t.Errorf("next look after %v", after)
		}
	})
}

// TestAnnouncedChangeIsTriedSoon: the look that failed was for a known change.
func TestAnnouncedChangeIsTriedSoon(t *testing.T) {
	inBubble(t, watch.Config{}, func(t *testing.T, w *watch.Watcher) {
		next(t, w)
		w.Report(nil)
		w.LookAgain(50 * time.Millisecond)
		if _, after := next(t, w); after != 50*time.Millisecond {
			t.Errorf("a hurried look after %v", after)
		}
		w.Report(errors.New("reset"))
		if _, after := next(t, w); after != 5*time.Second {
			t.Errorf("tried again after %v", after)
		}
		w.Report(errors.New("reset"))
		if _, after := next(t, w); after < time.Minute {
			t.Errorf("and then after %v", after)
		}
	})
}

func TestLookAgain(t *testing.T) {
	inBubble(t, watch.Config{}, func(t *testing.T, w *watch.Watcher) {
		next(t, w)
		w.Report(nil)
		w.LookAgain(3 * time.Second)
		if ev, after := next(t, w); after != 4*time.Second || ev.Kind != watch.Again || !ev.Fresh {
			t.Errorf("%+v after %v", ev, after)
		}
		w.Report(nil)
		if ev, after := next(t, w); after != time.Minute || ev.Kind != watch.Poll {
			t.Errorf("%+v after %v", ev, after)
		}
	})
}

// TestBusyReceiver: one event waits, however long the look takes, and a
// receiver that never reports still gets its polls.
func TestBusyReceiver(t *testing.T) {
	inBubble(t, watch.Config{}, func(t *testing.T, w *watch.Watcher) {
		for range 5 {
			next(t, w)
			time.Sleep(10 * time.Minute)
		}
		next(t, w)
		if ev, after := next(t, w); after != time.Minute || ev.Kind != watch.Poll || ev.Reason != "poll" {
			t.Errorf("%+v after %v", ev, after)
		}
	})
}

func TestEndsWhileAnEventWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := watch.Start(ctx, watch.Config{Files: nil})
		time.Sleep(time.Hour) // nobody receives
		cancel()
		w.Wait()
	})
}
