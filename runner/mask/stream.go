package mask

// mask is what stands for every run of secret bytes, however long.
const mask = "***"

// span is a range of bytes.
type span struct{ from, to int }

// stream is the pure half of a Writer: bytes in, bytes out, no clock.
//
// A byte is decided when a match covers it, or when no match that is under way
// can cover it any more. Decided bytes leave at once, so what a stream holds
// back is never longer than the longest pattern; and what leaves depends only
// on the text, not on how it was cut, unless release was called.
type stream struct {
	matcher *Matcher
	a       *automaton
	state   int32
	tail    []byte // the bytes of the match under way: the last depth(state) of the text
	done    int    // how many bytes of tail have left
	spans   []span // covered ranges that have not left, ascending and apart; 0 is the start of tail
	masked  bool   // the last byte that left was covered: more of the run adds nothing
}

func newStream(m *Matcher) *stream {
	return &stream{matcher: m, a: m.current.Load()}
}

// open reports whether bytes are held back.
func (s *stream) open() bool { return s.done < len(s.tail) }

// write takes p and appends to out what is decided. It does not keep p.
func (s *stream) write(out, p []byte) []byte {
	clean, out := s.take(out, p)
	return append(out, clean...)
}

// take is write that returns the end of its output as a part of p where
// nothing had to be changed in it, which saves a copy of ordinary output.
func (s *stream) take(out, p []byte) (clean, _ []byte) {
	s.adopt()
	s.scan(p)
	total := len(s.tail) + len(p)
	from := total - int(s.a.depth[s.state]) // the match under way begins here
	if len(s.spans) == 0 && from >= len(s.tail) {
		if s.open() {
			out = append(out, s.tail[s.done:]...)
			s.masked = false
		}
		clean = p[:from-len(s.tail)]
		s.masked = s.masked && len(clean) == 0
		s.done = from
	} else {
		out = s.put(out, p, from)
	}
	s.keep(p, total, from)
	return clean, out
}

// release appends everything that is held back; the match under way goes on.
func (s *stream) release(out []byte) []byte {
	return s.put(out, nil, len(s.tail))
}

// adopt changes over to the newest automaton: the match under way begins anew
// in it, with the bytes that are kept for that.
func (s *stream) adopt() {
	a := s.matcher.current.Load()
	if a == s.a {
		return
	}
	s.a, s.state = a, root
	for i, c := range s.tail {
		s.state = a.next(s.state, c)
		if a.flags[s.state]&hasMatch != 0 {
			s.cover(i+1-int(a.match[s.state]), i+1)
		}
	}
	if from := len(s.tail) - int(a.depth[s.state]); from > 0 && from <= s.done {
		s.keep(nil, len(s.tail), from)
	}
}

// scan moves the state over p and notes what is covered.
func (s *stream) scan(p []byte) {
	a, state, before := s.a, s.state, len(s.tail)
	for i, sure := 0, 0; i < len(p); {
		if from := i - int(a.depth[state]); i >= sure && from >= 0 && a.depth[state] < block {
			// Every match that is under way begins in p and is short: let the
			// filter go on. What begins before from is over.
			if n := a.filter.find(p[from:]); n >= 0 {
				i, sure = max(from, from+n-lead), from+n+block
			} else {
				// No block is complete, so only the last bytes can begin something.
				i, sure = max(from, len(p)-reach+1), len(p)
				i += a.filter.begin(p[i:])
			}
			state = root
		}
		state = a.next(state, p[i])
		i++
		if a.flags[state]&hasMatch != 0 {
			s.cover(before+i-int(a.match[state]), before+i)
		}
	}
	s.state = state
}

// cover notes a match. It ends behind all others so far, except right after
// adopt, where it may grow by what stands between it and the next one.
func (s *stream) cover(from, to int) {
	from = max(from, s.done)
	for len(s.spans) > 0 {
		last := s.spans[len(s.spans)-1]
		if last.to < from {
			break
		}
		from, to = min(from, last.from), max(to, last.to)
		s.spans = s.spans[:len(s.spans)-1]
	}
	if from < to {
		s.spans = append(s.spans, span{from, to})
	}
}

// put appends the bytes of tail and p up to, and the covered ones that follow
// without a gap: they are decided as well.
func (s *stream) put(out, p []byte, to int) []byte {
	for s.done < to || len(s.spans) > 0 && s.spans[0].from <= s.done {
		if len(s.spans) > 0 && s.spans[0].from <= s.done {
			if !s.masked {
				out = append(out, mask...)
			}
			s.masked = true
			s.done = s.spans[0].to
			s.spans = s.spans[1:]
			continue
		}
		end := to
		if len(s.spans) > 0 {
			end = min(end, s.spans[0].from)
		}
		s.masked = false
		if t := len(s.tail); s.done < t {
			out = append(out, s.tail[s.done:min(end, t)]...)
			s.done = min(end, t)
		}
		if t := len(s.tail); s.done < end {
			out = append(out, p[s.done-t:end-t]...)
			s.done = end
		}
	}
	return out
}

// keep makes the bytes from to total the new tail.
func (s *stream) keep(p []byte, total, from int) {
	if t := len(s.tail); from >= t {
		s.tail = append(s.tail[:0], p[from-t:total-t]...)
	} else {
		s.tail = append(s.tail[:copy(s.tail, s.tail[from:])], p...)
	}
	s.done = max(s.done-from, 0)
	for i := range s.spans {
		s.spans[i].from -= from
		s.spans[i].to -= from
	}
	if len(s.spans) == 0 {
		s.spans = nil
	}
}
