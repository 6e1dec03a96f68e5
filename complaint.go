package main

import (
	"fmt"
	"time"
)

// complaint spaces repeated complaints about one thing: at once, after one
// minute, two, four, up to an hour.
type complaint struct {
	next time.Time
	gap  time.Duration
}

func (c *complaint) due(now time.Time) bool {
	if now.Before(c.next) {
		return false
	}
	c.gap = min(max(2*c.gap, time.Minute), time.Hour)
	c.next = now.Add(c.gap)
	return true
}

// over ends the complaining and reports whether there was any.
func (c *complaint) over() bool {
	complained := !c.next.IsZero()
	*c = complaint{}
	return complained
}

// warnOnce is for what is read again while watching.
func (p *program) warnOnce(text string, args ...any) {
	key := fmt.Sprint(append([]any{text}, args...)...)
	if p.said == nil {
		p.said = map[string]bool{}
	}
	if !p.said[key] {
		p.said[key] = true
		p.log.Warn(text, args...)
	}
}
