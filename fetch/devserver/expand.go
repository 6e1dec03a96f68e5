package devserver

import (
	"net/http"
	"strings"

	"infuse/fetch/store"
)

// expansion replaces references in the values of one answer.
type expansion struct {
	server  *Server
	project *Project
	actor   actor
	half    bool     // this answer is one of those that come back half expanded
	denied  []string // references to what the actor may not read
}

// newExpansion draws, if the flicker is on, whether this answer is half expanded.
func (s *Server) newExpansion(p *Project, who actor) *expansion {
	return &expansion{server: s, project: p, actor: who, half: s.flicker > 0 && s.random.Float64() < s.flicker}
}

// lookup finds a raw shared value. What the actor may not read is not there.
func (x *expansion) lookup(env, path, key string) (string, bool) {
	f := x.project.find(env, path)
	if f == nil {
		return "", false
	}
	sec := f.secret(key, "")
	if sec == nil || sec.Hidden {
		return "", false
	}
	if x.actor.may("read", x.project, env, path) != nil {
		x.denied = append(x.denied, "You do not have permission to read the secret '"+key+"' in environment '"+env+"' at path '"+path+"'")
		return "", false
	}
	return sec.Value, true
}

// refused is the error of a current server for a reference the actor may not follow. That of
// 2024 leaves the reference as it is, as both do inside imports.
func (x *expansion) refused() error {
	if len(x.denied) == 0 || x.server.cfg.Era == Era2024 {
		return nil
	}
	return &failure{status: http.StatusForbidden, kind: "PermissionDenied", message: "Failed to expand one or more secret references", details: x.denied}
}

// value is what a secret that stands in env and path expands to.
func (x *expansion) value(sec *secret, env, path string) string {
	if !store.HasReference(sec.Value) {
		return sec.Value
	}
	var out string
	if x.server.cfg.Era == Era2024 || x.half {
		out = x.expand2024(sec.Value, env, path)
	} else {
		out = store.Expand(sec.Value, env, path, x.lookup)
	}
	if sec.SkipMultiline && strings.Contains(out, "\n") {
		out = `"` + strings.ReplaceAll(out, "\n", `\n`) + `"`
	}
	return out
}

// maxReplaced bounds the work of one value, which the depth alone does not.
const maxReplaced = 10000

// expand2024 is the algorithm of the server of 2024, faults included: found values are
// put into the whole text by JavaScript's replaceAll, which reads $$ and $& in them as
// patterns, and the text is what later levels replace in, whatever folder they stand in.
//
// A half expanded answer is the real server's too: the test whether a found value holds
// references itself is a global regular expression that remembers where it stopped, so
// that concurrent requests make it miss, and the level below is left as it is.
func (x *expansion) expand2024(value, env, path string) string {
	type level struct {
		value, env, path string
		depth            int
	}
	out := value
	stack := []level{{value, env, path, 0}}
	for n := 0; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if at.depth > store.MaxReferenceDepth {
			continue
		}
		for _, ref := range store.References(at.value, at.env, at.path) {
			found, _ := x.lookup(ref.Environment, ref.Path, ref.Key)
			if n++; n > maxReplaced || len(out)+len(found) > 8<<20 {
				return out
			}
			if store.HasReference(found) && !x.half {
				stack = append(stack, level{found, ref.Environment, ref.Path, at.depth + 1})
			}
			if found != "" {
				out = replaceAll(out, ref.Text, found)
			}
		}
	}
	return out
}

// replaceAll is JavaScript's String.prototype.replaceAll with a string pattern: $$, $&,
// $` and $' in the replacement have a meaning (ECMA-262, GetSubstitution).
func replaceAll(text, old, replacement string) string {
	if !strings.Contains(replacement, "$") {
		return strings.ReplaceAll(text, old, replacement)
	}
	var b strings.Builder
	for position := 0; ; {
		i := strings.Index(text[position:], old)
		if i < 0 {
			b.WriteString(text[position:])
			return b.String()
		}
		i += position
		b.WriteString(text[position:i])
		substitute(&b, replacement, text[:i], old, text[i+len(old):])
		position = i + len(old)
	}
}

func substitute(b *strings.Builder, replacement, before, matched, after string) {
	for i := 0; i < len(replacement); i++ {
		if replacement[i] != '$' || i+1 == len(replacement) {
			b.WriteByte(replacement[i])
			continue
		}
		i++
		switch replacement[i] {
		case '$':
			b.WriteByte('$')
		case '&':
			b.WriteString(matched)
		case '`':
			b.WriteString(before)
		case '\'':
			b.WriteString(after)
		default:
			b.WriteByte('$')
			b.WriteByte(replacement[i])
		}
	}
}

// RealFlicker is how often the recorded server answered half expanded: 11 of 60.
const RealFlicker = 11.0 / 60

// SetFlicker makes this part of the expanded answers come back with references inside
// referenced values left as they are, at random by the Config's seed. Body and ETag flip
// although nothing changed; answers that ask for no expansion are stable. 0 turns it off.
func (s *Server) SetFlicker(rate float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flicker = rate
}
