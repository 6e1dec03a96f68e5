package api

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// A list is the one large answer, and reading it is most of what a start
// computes. parseList reads a well-formed one several times as fast as
// encoding/json, which looks at everything twice and by reflection. It does not
// try to be complete: whatever is not plain (a damaged document, a key twice or
// in other letters, a value of another type) makes it give up, and the caller
// asks encoding/json, whose word counts. A fuzz test holds the two together.
func parseList(body []byte) (*SecretList, bool) {
	p := parser{b: body}
	list := new(SecretList)
	var seen keys
	ok := p.object(func(key []byte) bool {
		switch string(key) {
		case "secrets":
			return seen.first(0) && p.secrets(&list.Secrets)
		case "imports":
			return seen.first(1) && p.imports(&list.Imports)
		}
		return !foldsTo(key, "secrets", "imports") && p.skip(1)
	})
	p.blanks()
	return list, ok && p.i == len(p.b)
}

// maxDepth is how deep the parser follows a document before it gives up.
const maxDepth = 100

type parser struct {
	b     []byte
	i     int
	texts []string // where the values live: one allocation for many of them
	// The last path, environment and type: they repeat from row to row.
	path, environment, kind string
}

// keys marks the keys of one object that were met.
type keys uint

func (k *keys) first(n uint) bool {
	met := *k&(1<<n) != 0
	*k |= 1 << n
	return !met
}

func (p *parser) imports(out *[]Import) bool {
	return p.array(func() { *out = []Import{} }, func() bool {
		*out = append(*out, Import{})
		imp := &(*out)[len(*out)-1]
		var seen keys
		return p.object(func(key []byte) bool {
			switch string(key) {
			case "secretPath":
				return seen.first(0) && p.repeated(&imp.Path, &p.path)
			case "environment":
				return seen.first(1) && p.repeated(&imp.Environment, &p.environment)
			case "secrets":
				return seen.first(2) && p.secrets(&imp.Secrets)
			}
			return !foldsTo(key, "secretPath", "environment", "secrets") && p.skip(1)
		})
	})
}

func (p *parser) secrets(out *[]Secret) bool {
	return p.array(func() { *out = []Secret{} }, func() bool {
		*out = append(*out, Secret{})
		return p.secret(&(*out)[len(*out)-1])
	})
}

func (p *parser) secret(s *Secret) bool {
	var seen keys
	return p.object(func(key []byte) bool {
		switch string(key) {
		case "secretKey":
			return seen.first(0) && p.text(&s.Key)
		case "secretValue":
			return seen.first(1) && p.value(&s.Value)
		case "type":
			return seen.first(2) && p.repeated(&s.Type, &p.kind)
		case "secretPath":
			return seen.first(3) && p.repeated(&s.Path, &p.path)
		case "environment":
			return seen.first(4) && p.repeated(&s.Environment, &p.environment)
		case "secretValueHidden":
			return seen.first(5) && p.boolean(&s.Hidden)
		}
		return !foldsTo(key, "secretKey", "secretValue", "type", "secretPath", "environment", "secretValueHidden") && p.skip(1)
	})
}

// foldsTo reports whether encoding/json could take key for one of names, which
// it compares without regard to case.
func foldsTo(key []byte, names ...string) bool {
	for _, name := range names {
		if len(key) == len(name) && bytes.EqualFold(key, []byte(name)) {
			return true
		}
	}
	return false
}

func (p *parser) blanks() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\n' || p.b[p.i] == '\r' || p.b[p.i] == '\t') {
		p.i++
	}
}

// take consumes c if it comes next.
func (p *parser) take(c byte) bool {
	p.blanks()
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

// word consumes a literal if it comes next.
func (p *parser) word(w string) bool {
	p.blanks()
	if len(p.b)-p.i >= len(w) && string(p.b[p.i:p.i+len(w)]) == w {
		p.i += len(w)
		return true
	}
	return false
}

func (p *parser) object(member func(key []byte) bool) bool {
	if !p.take('{') {
		return false
	}
	if p.take('}') {
		return true
	}
	for {
		p.blanks()
		key, plain, ok := p.quoted()
		if !ok || !plain || !ascii(key) || !p.take(':') || !member(key) {
			return false
		}
		if p.take('}') {
			return true
		}
		if !p.take(',') {
			return false
		}
	}
}

// array calls element for each one. begin is called for an array, not for null.
func (p *parser) array(begin func(), element func() bool) bool {
	if p.word("null") {
		return true
	}
	if !p.take('[') {
		return false
	}
	begin()
	if p.take(']') {
		return true
	}
	for {
		if !element() {
			return false
		}
		if p.take(']') {
			return true
		}
		if !p.take(',') {
			return false
		}
	}
}

// quoted consumes a string and gives what is between its quotes. plain means
// that this is its value: no escapes, valid UTF-8.
func (p *parser) quoted() (raw []byte, plain, ok bool) {
	if p.i >= len(p.b) || p.b[p.i] != '"' {
		return nil, false, false
	}
	start, escaped, high := p.i+1, false, false
	for i := start; i < len(p.b); i++ {
		switch c := p.b[i]; {
		case c == '"':
			raw, p.i = p.b[start:i], i+1
			return raw, !escaped && (!high || utf8.Valid(raw)), true
		case c == '\\':
			escaped = true
			n := escapeLength(p.b[i:])
			if n == 0 {
				return nil, false, false
			}
			i += n - 1
		case c < ' ':
			return nil, false, false
		case c >= utf8.RuneSelf:
			high = true
		}
	}
	return nil, false, false
}

// escapeLength is the length of the escape b begins with, 0 for none.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return 0
			}
		}
		return 6
	}
	return 0
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// text reads a string or null.
func (p *parser) text(out *string) bool {
	if p.word("null") {
		return true
	}
	start := p.i
	raw, plain, ok := p.quoted()
	switch {
	case !ok:
		return false
	case plain:
		*out = string(raw)
		return true
	}
	return json.Unmarshal(p.b[start:p.i], out) == nil
}

// repeated is text for what is mostly the same as the last time.
func (p *parser) repeated(out, last *string) bool {
	p.blanks()
	start := p.i
	if raw, plain, ok := p.quoted(); ok && plain {
		if string(raw) != *last {
			*last = string(raw)
		}
		*out = *last
		return true
	}
	p.i = start
	return p.text(out)
}

// value is text that tells null from "".
func (p *parser) value(out **string) bool {
	if p.word("null") {
		return true
	}
	if len(p.texts) == cap(p.texts) {
		p.texts = make([]string, 0, min(max(2*cap(p.texts), 16), 1024))
	}
	p.texts = append(p.texts, "")
	*out = &p.texts[len(p.texts)-1]
	return p.text(*out)
}

func (p *parser) boolean(out *bool) bool {
	switch {
	case p.word("true"):
		*out = true
	case p.word("false"), p.word("null"):
	default:
		return false
	}
	return true
}

// skip consumes any value, and sees to it that it is one.
func (p *parser) skip(depth int) bool {
	p.blanks()
	if p.i >= len(p.b) || depth > maxDepth {
		return false
	}
	switch p.b[p.i] {
	case '"':
		_, _, ok := p.quoted()
		return ok
	case '{':
		return p.object(func([]byte) bool { return p.skip(depth + 1) })
	case '[':
		return p.array(func() {}, func() bool { return p.skip(depth + 1) })
	case 't', 'f', 'n':
		return p.word("true") || p.word("false") || p.word("null")
	}
	return p.number()
}

// number consumes a number by the grammar of RFC 8259, section 6.
func (p *parser) number() bool {
	digits := func() bool {
		start := p.i
		for p.i < len(p.b) && p.b[p.i] >= '0' && p.b[p.i] <= '9' {
			p.i++
		}
		return p.i > start
	}
	next := func(set string) bool {
		if p.i < len(p.b) && bytes.IndexByte([]byte(set), p.b[p.i]) >= 0 {
			p.i++
			return true
		}
		return false
	}
	next("-")
	if !next("0") && !digits() {
		return false
	}
	if next(".") && !digits() {
		return false
	}
	if next("eE") {
		next("+-")
		return digits()
	}
	return true
}
