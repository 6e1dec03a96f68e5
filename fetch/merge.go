package fetch

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"infuse/fetch/api"
	"infuse/fetch/secret"
	"infuse/fetch/store"
)

// hiddenMask is what servers put in the place of a value they do not show.
const hiddenMask = "<hidden-by-infisical>"

// rank places a candidate for a key; the smaller rank wins. It depends on what
// a row is, never on where the server put it.
type rank struct {
	request  int // later --path first
	imported int // 0 local; of imports the last is 1
	depth    int // folders below the requested one
	folder   string
	shared   int // 0 personal, 1 shared
	order    int // within one import the first occurrence
}

func (r rank) compare(s rank) int {
	return cmp.Or(cmp.Compare(r.request, s.request), cmp.Compare(r.imported, s.imported), cmp.Compare(r.depth, s.depth),
		strings.Compare(r.folder, s.folder), cmp.Compare(r.shared, s.shared), cmp.Compare(r.order, s.order))
}

// candidate is one row of an answer.
type candidate struct {
	rank
	row *api.Secret
	imp *api.Import // nil for a local row
}

// Merge resolves the lists of a scope, one for each of its paths and in that
// order, into the secrets that win, sorted by key. scope must be normalized.
// The error is a *HiddenError.
func Merge(scope Scope, lists []*api.SecretList) ([]Secret, error) {
	m := merger{scope: scope}
	size := 0
	for _, list := range lists {
		size += len(list.Secrets)
	}
	m.winners = make(map[string]int, size)
	m.best = make([]candidate, 0, size)
	for i, list := range lists {
		m.add(len(lists)-1-i, scope.Paths[i], list)
	}
	return m.result()
}

// merger keeps the best candidate of each key, and the losers of the few keys that have any.
type merger struct {
	scope   Scope
	winners map[string]int // key to index in best
	best    []candidate
	losers  map[string][]candidate
}

func (m *merger) add(request int, base string, list *api.SecretList) {
	for i := range list.Secrets {
		row := &list.Secrets[i]
		folder := row.Path
		if folder == "" { // servers of early 2024 leave it out
			folder = base
		}
		m.offer(candidate{row: row, rank: rank{request: request, depth: depth(base, folder), folder: folder, shared: shared(row)}})
	}
	for i := range list.Imports {
		imp := &list.Imports[i]
		for j := range imp.Secrets {
			m.offer(candidate{row: &imp.Secrets[j], imp: imp,
				rank: rank{request: request, imported: len(list.Imports) - i, shared: shared(&imp.Secrets[j]), order: j}})
		}
	}
}

func shared(row *api.Secret) int {
	if row.Type == "personal" {
		return 0
	}
	return 1
}

// depth counts the folders between base and a folder below it.
func depth(base, folder string) int {
	if folder == base {
		return 0
	}
	return strings.Count(strings.TrimPrefix(folder, base), "/") + 1
}

func (m *merger) offer(c candidate) {
	if c.shared == 0 && !m.scope.Personal {
		return
	}
	i, taken := m.winners[c.row.Key]
	if !taken {
		m.winners[c.row.Key] = len(m.best)
		m.best = append(m.best, c)
		return
	}
	if c.compareRows(m.best[i]) < 0 {
		c, m.best[i] = m.best[i], c
	}
	if m.losers == nil {
		m.losers = map[string][]candidate{}
	}
	m.losers[c.row.Key] = append(m.losers[c.row.Key], c)
}

// compareRows orders candidates of one key. Two rows that the rank cannot tell
// apart (no server should send them) are told apart by value, so that the
// outcome does not depend on their order.
func (c candidate) compareRows(d candidate) int {
	if n := c.compare(d.rank); n != 0 {
		return n
	}
	return strings.Compare(text(c.row), text(d.row))
}

func text(row *api.Secret) string {
	if row.Value == nil {
		return ""
	}
	return *row.Value
}

// isHidden reports a row without its value.
func isHidden(row *api.Secret) bool {
	return row.Hidden || row.Value == nil || *row.Value == hiddenMask
}

func (m *merger) result() ([]Secret, error) {
	order := make([]*candidate, len(m.best)) // pointers: the structs are too large to swap
	for i := range m.best {
		order[i] = &m.best[i]
	}
	slices.SortFunc(order, func(a, b *candidate) int { return strings.Compare(a.row.Key, b.row.Key) })
	out := make([]Secret, len(order))
	var hidden []string
	for i, c := range order {
		s := &out[i]
		s.Key = c.row.Key
		s.Origin = m.origin(c)
		if losers := m.losers[s.Key]; losers != nil {
			s.Shadowed, s.Conflict = m.shadowed(c, s.Origin, losers)
		}
		if isHidden(c.row) {
			s.Hidden = true
			hidden = append(hidden, s.Key)
			continue
		}
		s.Value = secret.FromPointer(c.row.Value)
		s.Unresolved = store.HasReference(*c.row.Value)
	}
	if len(hidden) > 0 && !m.scope.NamesOnly {
		return nil, &HiddenError{Names: hidden}
	}
	return out, nil
}

// shadowed lists the places that lost, best first and each once, and reports
// whether one of them is another folder of the winner's own request.
func (m *merger) shadowed(winner *candidate, won Origin, losers []candidate) (shadows []Shadow, conflict bool) {
	sort.Slice(losers, func(i, j int) bool { return losers[i].compareRows(losers[j]) < 0 })
	for i := range losers {
		l := &losers[i]
		o := m.origin(l)
		if o == won || slices.ContainsFunc(shadows, func(s Shadow) bool { return s.Origin == o }) {
			continue
		}
		shadow := Shadow{Origin: o}
		if l.request == winner.request && l.imp == nil && winner.imp == nil && l.folder != winner.folder {
			conflict, shadow.Conflict, shadow.Hidden = true, true, isHidden(l.row)
			if !shadow.Hidden {
				shadow.Value = secret.FromPointer(l.row.Value)
			}
		}
		shadows = append(shadows, shadow)
	}
	return shadows, conflict
}

func (m *merger) origin(c *candidate) Origin {
	o := Origin{Environment: c.row.Environment, Path: c.folder, Personal: c.shared == 0}
	if c.imp != nil {
		o.Environment, o.Path, o.Import = c.imp.Environment, c.imp.Path, true
	}
	if o.Environment == "" {
		o.Environment = m.scope.Environment
	}
	return o
}
