package envfile

import (
	"slices"
	"sort"

	"infuse/fetch/secret"
	"infuse/runner/environ"
)

// Format describes one dialect for people.
type Format struct {
	Name    string
	Aliases []string
	Reader  string // what reads it
}

// Document is what one file is made of.
type Document struct {
	Vars []environ.Var // any order; written sorted by name

	// Details of the variables, by name, for formats that have a place for
	// them (infisical-json).
	Details map[string]Detail

	// SecretName and Namespace are the metadata of a k8s-secret; the name is
	// "infuse" by default, the namespace is left to kubectl.
	SecretName string
	Namespace  string
}

// Detail is what the official CLI's JSON says about a secret beside its value.
type Detail struct {
	Workspace  string
	Type       string
	ID         string
	SecretPath string
	Comment    string
	Tags       []Tag
}

// Tag is a tag of a secret.
type Tag struct {
	ID    string `json:"_id"`
	Name  string `json:"name"`
	Slug  string `json:"slug"`
	Color string `json:"color"`
}

// item is one variable on its way into a file.
type item struct {
	name, value string
	first       bool
	detail      Detail
}

// dialect is one format: which names and values it can carry, and how. The
// checks return why not, or "".
type dialect struct {
	Format
	name  func(name string) string
	value func(value string) string
	entry func(dst []byte, it item) []byte

	// The rest is optional.
	line  func(name, value string) string                    // a check of both together
	whole func(doc *Document, bytes int) (refuse string)     // a check of the document
	open  func(dst []byte, doc *Document) []byte             // before the entries
	done  func(dst []byte, doc *Document, empty bool) []byte // after them
}

// check says why d cannot carry the variable, or "".
func (d *dialect) check(name, value string) string {
	if name == "" {
		return "the name is empty"
	}
	if why := d.name(name); why != "" {
		return why
	}
	if why := d.value(value); why != "" {
		return why
	}
	if d.line != nil {
		return d.line(name, value)
	}
	return ""
}

// dialects is every format but template. A format is one entry here, written
// in the file that its name leads to.
var dialects = []dialect{
	dotenv, docker, shell, fish, powershell, systemd,
	jsonObject, infisicalJSON, yaml, toml, csvTable, properties,
	k8sSecret, githubActions,
}

// Template is the name of the format that Execute renders: it needs a template
// and is not among those of Encode.
const Template = "template"

// Formats lists what Encode takes, the default first.
func Formats() []Format {
	formats := make([]Format, len(dialects))
	for i := range dialects {
		formats[i] = dialects[i].Format
	}
	return formats
}

// Lookup finds a format by its name or an alias.
func Lookup(name string) (Format, bool) {
	if d := find(name); d != nil {
		return d.Format, true
	}
	return Format{}, false
}

func find(name string) *dialect {
	for i := range dialects {
		if d := &dialects[i]; d.Name == name || slices.Contains(d.Aliases, name) {
			return d
		}
	}
	return nil
}

// carriers names the formats that can carry a variable.
func carriers(name, value string) []string {
	var can []string
	for i := range dialects {
		if dialects[i].check(name, value) == "" {
			can = append(can, dialects[i].Name)
		}
	}
	return can
}

// sorted copies vars by name; of a name that is given twice the last counts.
func sorted(vars []environ.Var) []environ.Var {
	out := slices.Clone(vars)
	sort.SliceStable(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	n := 0
	for i := range out {
		if i+1 < len(out) && out[i+1].Name == out[i].Name {
			continue
		}
		out[n] = out[i]
		n++
	}
	clear(out[n:])
	return out[:n]
}

// reveal is the one place where values leave their type.
func reveal(v secret.Value) string { return v.Reveal() }
