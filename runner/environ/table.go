package environ

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"text/tabwriter"
)

// row is an entry with the place it goes to.
type row struct {
	Entry
	file bool
}

func compareEntries(a, b *row, fold bool) int {
	return strings.Compare(foldName(a.Name, fold), foldName(b.Name, fold))
}

// all are the variables and the files, sorted by name.
func (p *Plan) all() []row {
	rows := make([]row, 0, len(p.Entries)+len(p.Files))
	for i := range p.Entries {
		rows = append(rows, row{p.Entries[i], false})
	}
	if len(p.Files) == 0 {
		return rows
	}
	for i := range p.Files {
		rows = append(rows, row{p.Files[i], true})
	}
	sort.SliceStable(rows, func(i, j int) bool { return compareEntries(&rows[i], &rows[j], p.fold) < 0 })
	return rows
}

// TableConfig says what WriteText shows.
type TableConfig struct {
	Parent bool // also what comes from the parent unchanged; otherwise it is counted
}

// WriteText writes the plan as a table for people: name, source, size, and what
// it beat. Never a value.
func (p *Plan) WriteText(w io.Writer, c TableConfig) error {
	var table bytes.Buffer
	t := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tFROM\tBYTES\tNOTE")
	inherited := 0
	for _, r := range p.all() {
		if r.Layer == Parent && len(r.Losers) == 0 && !c.Parent {
			inherited++
			continue
		}
		size := fmt.Sprint(r.Size)
		if r.PathOf != "" || r.Hidden {
			size = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", Display(r.Name), r.origin(), size, r.note())
	}
	for _, s := range p.Skipped {
		fmt.Fprintf(t, "%s\t%s\t-\t%s\n", Display(s.Name), (&Entry{Layer: Store, Source: s.Source}).origin(), "skipped: "+s.Why)
	}
	for _, r := range p.Refused {
		fmt.Fprintf(t, "%s\t%s\t-\t%s\n", Display(r.Name), r.Source, "refused: "+r.Why)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if inherited > 0 {
		fmt.Fprintf(&table, "and %d from the parent's environment\n", inherited)
	}
	if len(p.Removed) > 0 {
		fmt.Fprintf(&table, "taken out of the parent's environment: %s\n", displayAll(p.Removed))
	}
	for line := range bytes.Lines(table.Bytes()) {
		if _, err := w.Write(append(bytes.TrimRight(line, " \n"), '\n')); err != nil {
			return err
		}
	}
	return nil
}

// note is the last column.
func (r *row) note() string {
	var notes []string
	if r.Kind != "" && r.Kind != "shared" {
		notes = append(notes, r.Kind)
	}
	if r.Secret != "" && r.Secret != r.Name {
		notes = append(notes, "named "+Display(r.Secret)+" on the server")
	}
	switch {
	case r.PathOf != "":
		notes = append(notes, "path of "+Display(r.PathOf))
	case r.Variable != "":
		notes = append(notes, "file, path in "+Display(r.Variable))
	case r.file:
		notes = append(notes, "file")
	}
	if r.Hidden {
		notes = append(notes, "the server hides the value")
	}
	if r.Unresolved {
		notes = append(notes, "holds an unresolved reference")
	}
	if len(r.Losers) > 0 {
		beaten := make([]string, len(r.Losers))
		for i, l := range r.Losers {
			beaten[i] = (&Entry{Layer: l.Layer, Source: l.Source}).origin()
		}
		notes = append(notes, "beats "+strings.Join(beaten, ", "))
	}
	return strings.Join(notes, "; ")
}

// MarshalJSON writes the same as an object: "variables", each with name, layer,
// source, size, delivery ("environment" or "file") and losers; "skipped",
// "refused" where there is any, "removed" and "warnings". Never a value.
func (p *Plan) MarshalJSON() ([]byte, error) {
	type variable struct {
		Entry
		Delivery string `json:"delivery"`
	}
	doc := struct {
		Variables []variable `json:"variables"`
		Skipped   []Skipped  `json:"skipped"`
		Refused   []Refusal  `json:"refused,omitempty"`
		Removed   []string   `json:"removed"`
		Warnings  []string   `json:"warnings"`
	}{[]variable{}, notNil(p.Skipped), p.Refused, notNil(p.Removed), notNil(p.Warnings)}
	for _, r := range p.all() {
		delivery := "environment"
		if r.file {
			delivery = "file"
		}
		doc.Variables = append(doc.Variables, variable{r.Entry, delivery})
	}
	return json.Marshal(doc)
}

// notNil makes JSON write [] for an empty list.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
