package envfile

import (
	"fmt"
	"io"
	"strings"

	"infuse/runner/environ"
)

// Write encodes vars in format and writes the file to w, or nothing at all if
// the format cannot carry every variable.
func Write(w io.Writer, format string, vars []environ.Var) error {
	data, err := Encode(format, Document{Vars: vars})
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("writing %s: %w", format, err)
	}
	return nil
}

// Encode returns doc in format. The error is an [*UnknownFormatError], or a
// [*RefusedError] that names every variable which the format cannot carry.
func Encode(format string, doc Document) ([]byte, error) {
	d := find(format)
	if d == nil {
		return nil, &UnknownFormatError{format}
	}
	vars := sorted(doc.Vars)
	size, values := 0, 0
	var refused []Refusal
	for _, v := range vars {
		value := reveal(v.Value)
		if why := d.check(v.Name, value); why != "" {
			refused = append(refused, Refusal{v.Name, why, carriers(v.Name, value)})
		}
		size += len(v.Name) + len(value) + 16
		values += len(v.Name) + len(value)
	}
	if refused != nil {
		return nil, &RefusedError{d.Name, refused}
	}
	if d.whole != nil {
		if why := d.whole(&doc, values); why != "" {
			return nil, fmt.Errorf("%s: %s", d.Name, why)
		}
	}
	out := make([]byte, 0, size+256)
	if d.open != nil {
		out = d.open(out, &doc)
	}
	for i, v := range vars {
		out = d.entry(out, item{v.Name, reveal(v.Value), i == 0, doc.Details[v.Name]})
	}
	if d.done != nil {
		out = d.done(out, &doc, len(vars) == 0)
	}
	return out, nil
}

// UnknownFormatError says that there is no such format.
type UnknownFormatError struct{ Name string }

func (e *UnknownFormatError) Error() string {
	return fmt.Sprintf("unknown format %s: there are %s", environ.Display(e.Name), strings.Join(formatNames(), ", "))
}

func formatNames() []string {
	var names []string
	for i := range dialects {
		names = append(names, dialects[i].Name)
	}
	return append(names, Template)
}

// Refusal is a variable that a format cannot carry, why, and the formats that
// can.
type Refusal struct {
	Name string
	Why  string
	Can  []string
}

// RefusedError lists every variable that a format cannot carry. Nothing was
// written.
type RefusedError struct {
	Format  string
	Refused []Refusal
}

func (e *RefusedError) Error() string {
	parts := make([]string, len(e.Refused))
	for i, r := range e.Refused {
		parts[i] = fmt.Sprintf("%s (%s)", environ.Display(r.Name), r.Why)
	}
	return fmt.Sprintf("the format %s cannot carry %s", e.Format, strings.Join(parts, ", "))
}

// Hint names the formats that can carry all of them, or each its own.
func (e *RefusedError) Hint() string {
	count := map[string]int{}
	for _, r := range e.Refused {
		for _, can := range r.Can {
			count[can]++
		}
	}
	var all []string
	for _, name := range formatNames() {
		if count[name] == len(e.Refused) {
			all = append(all, name)
		}
	}
	if len(all) > 0 {
		return "--format " + strings.Join(all, "|") + " can"
	}
	parts := make([]string, len(e.Refused))
	for i, r := range e.Refused {
		parts[i] = environ.Display(r.Name) + ": " + strings.Join(r.Can, ", ")
		if len(r.Can) == 0 {
			parts[i] = environ.Display(r.Name) + ": no format"
		}
	}
	return "no one format carries all of them; " + strings.Join(parts, "; ")
}
