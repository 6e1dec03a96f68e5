package mask

import (
	"slices"
	"sync"
	"sync/atomic"

	"infuse/fetch/secret"
)

// generations is how many sets of values a Matcher knows at a time.
const generations = 8

// Matcher knows the texts to mask. It is safe for concurrent use, and shared by
// the streams of a process.
type Matcher struct {
	mu      sync.Mutex
	sets    [][]secret.Value // the newest last
	current atomic.Pointer[automaton]
}

// New returns a Matcher for values. Those shorter than eight characters are
// not masked, nor are the short lines of a longer one when they stand alone.
func New(values []secret.Value) *Matcher {
	m := &Matcher{}
	m.Update(values)
	return m
}

// Update makes values the secrets from now on, also in the streams that are
// running. The values of the seven sets before stay masked: a child that is
// being replaced still prints the old ones, and they may be valid for a while.
// The same values once more replace nothing.
func (m *Matcher) Update(values []secret.Value) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.sets); n > 0 && slices.EqualFunc(m.sets[n-1], values, secret.Value.Equal) {
		return
	}
	m.sets = append(m.sets, slices.Clone(values))
	m.sets = m.sets[max(0, len(m.sets)-generations):]
	var plain []string
	for _, set := range m.sets {
		for _, v := range set {
			plain = append(plain, v.Reveal())
		}
	}
	slices.Sort(plain)
	m.current.Store(newAutomaton(forms(slices.Compact(plain))))
}

// Mask returns text with every secret replaced, as a stream that ends would be.
func (m *Matcher) Mask(text string) string {
	s := newStream(m)
	out := s.write(nil, []byte(text))
	return string(s.release(out))
}
