package watch

import "strings"

// A doubt is kept for every name whose looks differ from the applied set.
type doubt struct {
	sighting // the last value that was not half expanded, if known
	known    bool
	agree    int // looks that showed it, without a look that contradicts
	began    int // the look that showed it first

	half   Var // the last half-expanded value
	halves int // looks in a row that showed it
	halved int // the look that showed it first
}

// sighting is a value, or its absence.
type sighting struct {
	value   Var
	present bool
}

func (s sighting) equal(t sighting) bool {
	return s.present == t.present && (!s.present || s.value.equal(t.value))
}

// see notes what the current look showed for one name.
func (c *Confirm) see(name string, v Var, present bool) {
	now := sighting{v, present}
	old, had := c.applied[name]
	same := now.equal(sighting{old, had})
	d := c.doubts[name]
	if present && v.Unresolved {
		if _, soft := c.soft[name]; !soft {
			c.soft[name] = 0
			if d != nil || had && !old.Unresolved {
				c.soft[name] = c.look - 1
			}
		}
		if d == nil && same {
			return // it always holds a reference
		}
		c.seeHalf(name, d, now, same)
		return
	}
	if _, soft := c.soft[name]; soft {
		c.soft[name] = c.look
	}
	if d != nil && d.halves > 0 {
		c.streak[name] = max(c.streak[name], d.halves)
		d.halves = 0
	}
	switch {
	case same:
		delete(c.doubts, name)
	case d != nil && d.known && d.sighting.equal(now):
		d.agree++
	default:
		if d == nil {
			d = &doubt{}
			c.doubts[name] = d
		}
		d.sighting, d.known, d.agree, d.began = now, true, 1, c.look
	}
}

// seeHalf notes an unresolved value. It says nothing against a resolved value
// that was seen before: half expansion explains it. Only a long run of it does.
func (c *Confirm) seeHalf(name string, d *doubt, now sighting, same bool) {
	if d == nil {
		d = &doubt{}
		c.doubts[name] = d
	}
	if d.halves > 0 && d.half.equal(now.value) {
		d.halves++
	} else {
		d.half, d.halves, d.halved = now.value, 1, c.look
	}
	if same && (!d.known || d.halves >= c.halvesNeeded(name, d)) {
		delete(c.doubts, name)
	}
}

// halvesNeeded is how many looks in a row must show the same unresolved value.
func (c *Confirm) halvesNeeded(name string, d *doubt) int {
	applied, ok := c.applied[name]
	if ok && !applied.Unresolved || d.known && d.present {
		return min(max(agreeHalf, 2*c.streak[name]), agreeHalfMax)
	}
	return agreeSoft
}

// verdict is the value a doubt has come to, when enough looks agree.
func (c *Confirm) verdict(name string, d *doubt) (sighting, bool) {
	if d.halves > 0 && d.halves >= c.halvesNeeded(name, d) {
		d.began = d.halved
		return sighting{d.half, true}, true
	}
	need := agreePlain
	if _, soft := c.soft[name]; soft {
		need = agreeSoft
	}
	return d.sighting, d.known && d.agree >= need
}

// refusal says why a set must not be acted upon, or nothing.
func (c *Confirm) refusal(l Look) string {
	switch {
	case len(l.Missing) > 0:
		return "required but missing or empty: " + strings.Join(l.Missing, ", ")
	case l.Empty && !c.empty:
		return "the source suddenly holds no secret"
	}
	return ""
}

// refuse shouts once a second look agrees, so that a folder that is gone for a
// moment makes no noise. What was half agreed on starts anew afterwards.
func (c *Confirm) refuse(l Look, reason string) Decision {
	clear(c.doubts)
	if reason != c.refusing {
		c.refusing, c.refused = reason, 0
	}
	c.refused++
	if c.refused == 1 && !l.Local {
		return Decision{Do: LookAgain, After: againPolled, Reason: reason}
	}
	return Decision{Do: Refuse, Reason: reason, Shout: c.refused == 2 && !l.Local || c.refused == 1 && l.Local}
}
