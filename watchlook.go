package main

import (
	"crypto/sha256"
	"os"
	"slices"
	"sort"
	"strings"

	"infuse/fetch"
	"infuse/fetch/secret"
	"infuse/runner/environ"
	"infuse/watch"
)

// look is what Confirm compares: everything that would be delivered, by name.
// Files are named apart from variables.
func (l *watchLoop) look(plan *environ.Plan, snapshot *fetch.Snapshot, event watch.Event) watch.Look {
	vars := make(map[string]watch.Var, len(plan.Entries)+len(plan.Files))
	for i := range plan.Entries {
		if e := &plan.Entries[i]; e.PathOf == "" {
			vars[e.Name] = watch.Var{Value: e.Value, Unresolved: e.Unresolved}
		}
	}
	for i := range plan.Files {
		e := &plan.Files[i]
		vars[fileKey+e.Name] = watch.Var{Value: e.Value, Unresolved: e.Unresolved}
	}
	if l.template != "" {
		if text, err := os.ReadFile(l.template); err == nil {
			l.text = secret.New(string(text))
		}
		vars[fileKey+l.template] = watch.Var{Value: l.text}
	}
	return watch.Look{
		Vars: vars, Event: event,
		Local: l.read.server == nil,
		Empty: len(snapshot.Secrets) == 0,
	}
}

// fileKey marks the names of files in a Look: no variable has a NUL in its name.
const fileKey = "file\x00"

// digest identifies all that is delivered: the plan, and the text of a template.
type digest [2][sha256.Size]byte

func (l *watchLoop) digest() digest {
	return digest{l.agreed.Digest(), sha256.Sum256([]byte(l.text.Reveal()))}
}

func missingNames(plan *environ.Plan, required []string) []string {
	var missing []string
	for _, name := range required {
		if entry, ok := plan.Lookup(name); !ok || entry.Value.Empty() && entry.PathOf == "" {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// withVars is plan with exactly the variables that were agreed on: a name that
// was held back has the value it had before.
func withVars(plan, before *environ.Plan, vars map[string]watch.Var) *environ.Plan {
	agreed := *plan
	agreed.Entries = pick(plan.Entries, before.Entries, "", vars)
	agreed.Files = pick(plan.Files, before.Files, fileKey, vars)
	return &agreed
}

func pick(now, before []environ.Entry, prefix string, vars map[string]watch.Var) []environ.Entry {
	var picked []environ.Entry
	taken := map[string]bool{}
	for _, entries := range [][]environ.Entry{now, before} {
		for _, entry := range entries {
			v, ok := vars[prefix+entry.Name]
			if taken[entry.Name] || !ok && entry.PathOf == "" {
				continue
			}
			taken[entry.Name] = true
			if ok {
				entry.Value, entry.Unresolved, entry.Size = v.Value, v.Unresolved, v.Value.Len()
			}
			picked = append(picked, entry)
		}
	}
	sort.Slice(picked, func(i, j int) bool { return picked[i].Name < picked[j].Name }) // slices.SortFunc costs 30 KB of code for every struct type
	return picked
}

// changeText names what changed: "changed: DB_URL; added: X; removed: Y".
func changeText(d watch.Decision) string {
	var parts []string
	for _, part := range []struct {
		word  string
		names []string
	}{{"changed", d.Changed}, {"added", d.Added}, {"removed", d.Removed}} {
		if len(part.names) == 0 {
			continue
		}
		names := make([]string, len(part.names))
		for i, name := range part.names {
			names[i] = environ.Display(strings.TrimPrefix(name, fileKey))
		}
		parts = append(parts, part.word+": "+strings.Join(names, ", "))
	}
	return strings.Join(parts, "; ")
}
