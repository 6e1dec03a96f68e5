package environ

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sort"
	"strings"

	"infuse/fetch/secret"
)

// Compose merges the layers of c into a plan. It reads nothing but c (and, for
// zero Limits, the limits of this process), and gives the same plan for the
// same input in any order.
//
// Errors are [*RefusedError], [*ConflictError], [*RenameError], [*MissingError],
// [*SizeError], or a plain one for an option that does not make sense.
func Compose(c Config) (*Plan, error) {
	m, err := newMerge(c)
	if err != nil {
		return nil, err
	}
	selected, err := m.selectSecrets()
	if err != nil {
		return nil, err
	}
	m.addParent()
	m.addSecrets(selected)
	m.addVars()
	return m.finish()
}

// merge is the state of one Compose.
type merge struct {
	Config
	fold bool

	inherit, preserve, only, exclude, allow, credentials globs
	files                                                map[string]string // server name -> variable

	entries []Entry
	index   map[string]int // folded name -> entries
	refused []Refusal
	plan    Plan
}

func newMerge(c Config) (*merge, error) {
	m := &merge{Config: c, fold: c.FoldNames || runtime.GOOS == "windows"}
	inherit := c.Inherit
	if c.Pristine || len(c.Inherit) > 0 {
		m.Pristine = true
		inherit = slices.Concat(inherit, pristineNames)
		if runtime.GOOS == "windows" {
			inherit = slices.Concat(inherit, pristineWindowsNames)
		}
	}
	var errs [5]error
	m.inherit, errs[0] = newGlobs("--inherit", inherit, m.fold)
	m.preserve, errs[1] = newGlobs("--preserve-env", c.Preserve, m.fold)
	m.only, errs[2] = newGlobs("--only", c.Only, false)
	m.exclude, errs[3] = newGlobs("--exclude", c.Exclude, false)
	m.allow, errs[4] = newGlobs("--allow-name", c.AllowNames, m.fold)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	m.credentials = globs{fold: m.fold, names: make(map[string]bool, len(c.Credentials))}
	for _, name := range c.Credentials {
		m.credentials.names[foldName(name, m.fold)] = true
	}
	switch c.OnConflict {
	case NearestWins, RefuseConflict, FirstWins, LastWins:
	default:
		return nil, fmt.Errorf("--on-conflict: %q is not error, first or last", c.OnConflict)
	}
	if c.FileDir && len(c.Files) > 0 {
		return nil, errors.New("--file and --file-dir exclude each other")
	}
	files, err := parseFiles(c.Files)
	if err != nil {
		return nil, err
	}
	m.files = files
	size := len(c.Parent) + len(c.Secrets) + len(c.Set)
	m.entries = make([]Entry, 0, size)
	m.index = make(map[string]int, size)
	return m, nil
}

// put lets e win over whatever has its name.
func (m *merge) put(e Entry) {
	key := foldName(e.Name, m.fold)
	i, found := m.index[key]
	if !found {
		m.index[key] = len(m.entries)
		m.entries = append(m.entries, e)
		return
	}
	old := &m.entries[i]
	e.Losers = slices.Concat(e.Losers, []Loser{old.loser()}, old.Losers)
	*old = e
}

// lose records e below the entry that keeps its name.
func (m *merge) lose(e Entry) {
	winner := &m.entries[m.index[foldName(e.Name, m.fold)]]
	winner.Losers = append(winner.Losers, e.loser())
	winner.Losers = append(winner.Losers, e.Losers...)
}

// take removes the parent's variable of this name, because a file replaces it:
// programs that know both X and X_FILE refuse to start with the two
// (https://github.com/docker-library/postgres, docker_file_env).
func (m *merge) take(name string) []Loser {
	key := foldName(name, m.fold)
	i, found := m.index[key]
	if !found || m.entries[i].Layer != Parent || Guarded(name, m.fold) {
		return nil
	}
	lost := []Loser{m.entries[i].loser()}
	m.entries[i] = Entry{}
	delete(m.index, key)
	return lost
}

func (e *Entry) loser() Loser { return Loser{e.Layer, e.Source, e.Kind, e.Size} }

// addParent takes the parent's environment. Of a name that stands there twice
// the first counts, as for getenv and os.Environ.
func (m *merge) addParent() {
	for _, kv := range m.Parent {
		// Windows keeps its per-drive directories under names like "=C:".
		eq := strings.IndexByte(kv, '=')
		if eq == 0 {
			if next := strings.IndexByte(kv[1:], '='); next >= 0 && runtime.GOOS == "windows" {
				eq = next + 1
			}
		}
		if eq <= 0 {
			if !m.Pristine && kv != "" {
				m.plan.odd = append(m.plan.odd, kv)
			}
			continue
		}
		name, value := kv[:eq], kv[eq+1:]
		if !m.PassCredentials && m.credentials.match(name) {
			m.plan.Removed = append(m.plan.Removed, name)
			continue
		}
		if m.Pristine && !m.inherit.match(name) {
			continue
		}
		if _, twice := m.index[foldName(name, m.fold)]; twice {
			continue
		}
		m.put(Entry{Name: name, Layer: Parent, Size: len(value), Value: secret.New(value)})
	}
	slices.Sort(m.plan.odd)
	slices.Sort(m.plan.Removed)
	m.plan.Removed = slices.Compact(m.plan.Removed)
}

// preserved reports whether the parent's value beats a secret of this name.
func (m *merge) preserved(name string) bool {
	if !m.PreserveAll && !m.preserve.match(name) {
		return false
	}
	i, found := m.index[foldName(name, m.fold)]
	return found && m.entries[i].Layer == Parent
}

// addVars lays the env files and --set on top.
func (m *merge) addVars() {
	for _, file := range m.EnvFiles {
		for _, v := range file.Vars {
			m.addVar(v, File, file.Path)
		}
	}
	for _, v := range m.Set {
		m.addVar(v, Set, "")
	}
}

func (m *merge) addVar(v Var, layer Layer, source string) {
	e := Entry{Name: v.Name, Layer: layer, Source: source, Size: v.Value.Len(), Value: v.Value}
	if m.refuse(&e) {
		return
	}
	m.put(e)
}

// refuse notes why the kernel could not carry e. A file takes any value, and
// runner/envfile judges an export itself.
func (m *merge) refuse(e *Entry) bool {
	if m.refuseHidden(e) {
		return true
	}
	if m.Export {
		return false
	}
	why := badName(e.Name)
	if why == "" && e.Variable == "" && strings.IndexByte(e.Value.Reveal(), 0) >= 0 {
		why = "the value holds NUL"
	}
	if why != "" {
		m.addRefusal(e, why)
	}
	return why != ""
}

// refuseHidden notes a value that the server did not give.
func (m *merge) refuseHidden(e *Entry) bool {
	if !e.Hidden || m.NamesOnly {
		return false
	}
	m.addRefusal(e, "the server hides the value")
	return true
}

// addRefusal notes a variable that no environment can carry. A list shows it
// with the reason, since a list is where people look for it.
func (m *merge) addRefusal(e *Entry, why string) {
	m.refused = append(m.refused, Refusal{cmp.Or(e.Secret, e.Name), e.origin(), why})
}

// origin is layer and source as one phrase: "secret dev:/", "env-file .env".
func (e *Entry) origin() string {
	if e.Source == "" {
		return e.Layer.String()
	}
	return e.Layer.String() + " " + displaySource(e.Source)
}

// finish sorts, checks what only the whole can tell, and hands the plan over.
func (m *merge) finish() (*Plan, error) {
	sort.Slice(m.refused, func(i, j int) bool { // slices.SortFunc costs 15 KB of code for every struct type
		a, b := &m.refused[i], &m.refused[j]
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Source, b.Source)) < 0
	})
	if len(m.refused) > 0 && !m.NamesOnly {
		return nil, &RefusedError{m.refused}
	}
	p := &m.plan
	p.Refused = m.refused
	p.fold = m.fold
	taken := func(e Entry) bool { return e.Name == "" && e.Layer == Parent }
	p.Entries = m.sortEntries(slices.DeleteFunc(m.entries, taken))
	p.Files = m.sortEntries(p.Files)
	if !m.NamesOnly {
		if err := m.checkRequired(); err != nil {
			return nil, err
		}
	}
	if !m.Export {
		m.warnNames()
	}
	if !m.Export && !m.NamesOnly {
		limits := m.Limits
		if limits == (Limits{}) {
			limits = SystemLimits()
		}
		if err := limits.check(p.Entries, p.odd, m.Args); err != nil {
			return nil, err
		}
	}
	sort.Slice(p.Skipped, func(i, j int) bool {
		a, b := &p.Skipped[i], &p.Skipped[j]
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Secret, b.Secret)) < 0
	})
	slices.Sort(p.Warnings)
	return p, nil
}

func (m *merge) sortEntries(entries []Entry) []Entry {
	byName := sorted(entries, func(e *Entry) string { return foldName(e.Name, m.fold) })
	out := make([]Entry, len(byName))
	for i, e := range byName {
		out[i] = *e
	}
	return out
}

// sorted orders pointers to list by key: the structs are too large to swap.
func sorted[T any](list []T, key func(*T) string) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	slices.SortFunc(out, func(a, b *T) int { return strings.Compare(key(a), key(b)) })
	return out
}

// checkRequired wants every name of Require with a value; a secret that is
// handed over in a file counts under its own name and its variable's.
func (m *merge) checkRequired() error {
	var missing MissingError
	for _, name := range m.Require {
		e, found := m.plan.Lookup(name)
		switch {
		case !found:
			missing.Missing = append(missing.Missing, name)
		case e.PathOf == "" && e.Value.Empty():
			missing.Empty = append(missing.Empty, name)
		}
	}
	if missing.Missing == nil && missing.Empty == nil {
		return nil
	}
	for _, list := range []*[]string{&missing.Missing, &missing.Empty} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return &missing
}

// warnNames says once which names of ours dash would drop. What the parent had
// is not ours to judge.
func (m *merge) warnNames() {
	var odd []string
	for i := range m.plan.Entries {
		if e := &m.plan.Entries[i]; e.Layer != Parent && !Portable(e.Name) {
			odd = append(odd, e.Name)
		}
	}
	if len(odd) > 0 {
		m.warn("sh drops variables that are not letters, digits and _, so npm start and scripts will not see " +
			displayAll(odd) + " (--rename gives them other names)")
	}
}

func (m *merge) warn(s string) { m.plan.Warnings = append(m.plan.Warnings, s) }
