package environ

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// Digest is a fingerprint of what a child gets: two plans have the same one
// exactly if every name and value, in the environment and in files, is the
// same. Every field is preceded by its length, so that no two sets of fields
// share a byte sequence. It is a plain hash: keep it in memory, since a short
// secret can be guessed from it.
func (p *Plan) Digest() [sha256.Size]byte {
	h := sha256.New()
	d := digester{bufio.NewWriter(h)} // a hash takes pieces of eight bytes slowly
	d.entries(p.Entries)
	d.entries(p.Files)
	d.length(len(p.odd))
	for _, s := range p.odd {
		d.text(s)
	}
	_ = d.Flush() // a hash never fails
	return [sha256.Size]byte(h.Sum(nil))
}

type digester struct{ *bufio.Writer }

func (d digester) entries(entries []Entry) {
	d.length(len(entries))
	for i := range entries {
		e := &entries[i]
		d.text(e.Name)
		d.text(e.Variable)
		d.text(e.PathOf)
		d.text(e.Value.Reveal())
	}
}

func (d digester) text(s string) {
	d.length(len(s))
	_, _ = d.WriteString(s)
}

func (d digester) length(n int) {
	_, _ = d.Write(binary.BigEndian.AppendUint64(d.AvailableBuffer(), uint64(n)))
}

// Change says by name what differs between two plans. Sorted.
type Change struct {
	Added, Changed, Removed []string

	// Unresolved is set when every difference is about a value that holds, or
	// held, a reference the server did not expand. Real servers give such
	// values expanded one time and raw the next, so that more equal looks are
	// needed before one acts on the difference.
	Unresolved bool
}

// Empty reports whether nothing differs.
func (c Change) Empty() bool { return len(c.Added)+len(c.Changed)+len(c.Removed) == 0 }

// String is what a log may say: "changed: DB_URL; added: X; removed: Y".
func (c Change) String() string {
	var parts []string
	for _, part := range []struct {
		word  string
		names []string
	}{{"changed: ", c.Changed}, {"added: ", c.Added}, {"removed: ", c.Removed}} {
		if len(part.names) > 0 {
			parts = append(parts, part.word+displayAll(part.names))
		}
	}
	if parts == nil {
		return "nothing changed"
	}
	return strings.Join(parts, "; ")
}

// Diff tells what a child of p sees differently from a child of old. A nil old
// is an empty plan.
func (p *Plan) Diff(old *Plan) Change {
	if old == nil {
		old = &Plan{fold: p.fold}
	}
	c := Change{Unresolved: true}
	before, after := old.all(), p.all()
	for len(before) > 0 || len(after) > 0 {
		order := 0
		switch {
		case len(before) == 0:
			order = 1
		case len(after) == 0:
			order = -1
		default:
			order = compareEntries(&before[0], &after[0], p.fold)
		}
		switch {
		case order < 0:
			c.Removed = append(c.Removed, before[0].Name)
			c.Unresolved = c.Unresolved && before[0].Unresolved
			before = before[1:]
		case order > 0:
			c.Added = append(c.Added, after[0].Name)
			c.Unresolved = c.Unresolved && after[0].Unresolved
			after = after[1:]
		default:
			b, a := before[0], after[0]
			if !a.Value.Equal(b.Value) || a.Variable != b.Variable || a.PathOf != b.PathOf || a.file != b.file || a.Name != b.Name {
				c.Changed = append(c.Changed, a.Name)
				c.Unresolved = c.Unresolved && (a.Unresolved || b.Unresolved)
			}
			before, after = before[1:], after[1:]
		}
	}
	c.Unresolved = c.Unresolved && !c.Empty()
	return c
}
