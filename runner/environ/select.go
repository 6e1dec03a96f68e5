package environ

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// parseFiles reads Config.Files: server name -> variable, "" for the default.
func parseFiles(list []string) (map[string]string, error) {
	files := make(map[string]string, len(list))
	for _, arg := range list {
		name, variable, given := strings.Cut(arg, "=")
		if name == "" || given && badName(variable) != "" {
			return nil, fmt.Errorf("--file: %s is not SECRET or SECRET=VARIABLE", Display(arg))
		}
		if old, twice := files[name]; twice && old != variable {
			return nil, fmt.Errorf("--file: %s is named twice, with different variables", Display(name))
		}
		files[name] = variable
	}
	return files, nil
}

// selectSecrets filters and names the secrets and settles their conflicts. The
// entries come sorted by server name.
func (m *merge) selectSecrets() ([]Entry, error) {
	secrets := sorted(m.Secrets, func(s *Secret) string { return s.Name })
	var (
		selected   = make([]Entry, 0, len(secrets))
		seen       = make(map[string]string, len(secrets)) // folded final name -> server name
		conflicts  []Conflict
		onlyHits   bool
		excluded   bool
		renameHits int
		fileHits   int
	)
	for i, s := range secrets {
		if i > 0 && s.Name == secrets[i-1].Name {
			return nil, fmt.Errorf("secret %s is given twice", Display(s.Name))
		}
		final, renamed := m.Rename[s.Name]
		if renamed {
			renameHits++
		} else {
			final = m.Prefix + s.Name
		}
		wanted := len(m.Only) == 0 || m.only.match(s.Name)
		onlyHits = onlyHits || wanted
		out := m.exclude.match(s.Name)
		excluded = excluded || out
		if !wanted || out {
			m.plan.Skipped = append(m.plan.Skipped, Skipped{final, s.Name, s.Source, "not selected"})
			continue
		}
		e, conflict, err := m.settle(s)
		if err != nil {
			return nil, err
		}
		if conflict != nil {
			conflicts = append(conflicts, *conflict)
		}
		e.Name = final
		key := foldName(final, m.fold)
		if first, taken := seen[key]; taken {
			return nil, &RenameError{first, s.Name, final}
		}
		seen[key] = s.Name
		if variable, asked := m.files[s.Name]; asked {
			fileHits++
			e.Variable = cmp.Or(variable, final+"_FILE")
		}
		selected = append(selected, e)
	}
	if len(conflicts) > 0 && m.OnConflict == RefuseConflict {
		return nil, &ConflictError{conflicts}
	}
	if err := m.checkFiles(selected, seen, fileHits); err != nil {
		return nil, err
	}
	m.warnSelection(onlyHits, excluded, renameHits)
	return selected, nil
}

// settle picks the winner of one name inside the store.
func (m *merge) settle(s *Secret) (Entry, *Conflict, error) {
	won := Shadow{Source: s.Source, Kind: s.Kind, Value: s.Value}
	losers := s.Shadowed
	var conflict *Conflict
	if slices.ContainsFunc(losers, func(l Shadow) bool { return l.Conflict }) {
		rivals := []Shadow{won}
		var rest []Shadow
		for _, l := range losers {
			if l.Conflict {
				rivals = append(rivals, l)
			} else {
				rest = append(rest, l)
			}
		}
		sorted := slices.Clone(rivals)
		sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].Source < sorted[j].Source })
		conflict = &Conflict{Name: s.Name}
		for _, r := range sorted {
			conflict.Sources = append(conflict.Sources, displaySource(r.Source))
		}
		switch m.OnConflict {
		case FirstWins:
			rivals = sorted
		case LastWins:
			slices.Reverse(sorted)
			rivals = sorted
		case NearestWins:
			m.warn(fmt.Sprintf("%s is in %s: taking %s (--on-conflict error|first|last decides otherwise)",
				Display(s.Name), strings.Join(conflict.Sources, " and "), displaySource(s.Source)))
		}
		won, losers = rivals[0], append(rivals[1:], rest...)
		if won.Value.IsZero() && !m.NamesOnly {
			return Entry{}, nil, fmt.Errorf("--on-conflict: the value of %s in %s was not fetched", Display(s.Name), won.Source)
		}
	}
	e := Entry{
		Layer: Store, Source: won.Source, Kind: won.Kind, Secret: s.Name,
		Size: won.Value.Len(), Value: won.Value, Unresolved: s.Unresolved, Hidden: s.Hidden,
	}
	for _, l := range losers {
		e.Losers = append(e.Losers, Loser{Store, l.Source, l.Kind, l.Value.Len()})
	}
	return e, conflict, nil
}

// checkFiles wants every secret of Config.Files, and a variable of its own for
// each path.
func (m *merge) checkFiles(selected []Entry, seen map[string]string, hits int) error {
	if hits < len(m.files) {
		var unknown []string
		for name := range m.files {
			if !slices.ContainsFunc(selected, func(e Entry) bool { return e.Secret == name }) {
				unknown = append(unknown, name)
			}
		}
		slices.Sort(unknown)
		return fmt.Errorf("--file: no selected secret is called %s", displayAll(unknown))
	}
	for i := range selected {
		e := &selected[i]
		if e.Variable == "" {
			continue
		}
		key := foldName(e.Variable, m.fold)
		if other, taken := seen[key]; taken {
			return fmt.Errorf("--file: the path of %s would be in %s, which belongs to %s",
				Display(e.Secret), Display(e.Variable), Display(other))
		}
		if Guarded(e.Variable, m.fold) && !m.allow.match(e.Variable) {
			return fmt.Errorf("--file: %s is a guarded name (--allow-name lets it through)", Display(e.Variable))
		}
		seen[key] = e.Secret
	}
	return nil
}

// warnSelection speaks of options that matched nothing: most likely a typo, but
// a shared project file may name secrets that only some environments have.
func (m *merge) warnSelection(onlyHits, excluded bool, renameHits int) {
	if len(m.Only) > 0 && !onlyHits {
		m.warn("no secret matches --only " + displayAll(slices.Sorted(slices.Values(m.Only))))
	}
	if len(m.Exclude) > 0 && !excluded {
		m.warn("no secret matches --exclude " + displayAll(slices.Sorted(slices.Values(m.Exclude))))
	}
	if renameHits == len(m.Rename) {
		return
	}
	known := make(map[string]bool, len(m.Secrets))
	for i := range m.Secrets {
		known[m.Secrets[i].Name] = true
	}
	var unknown []string
	for name := range m.Rename {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	m.warn("no secret to --rename: " + displayAll(unknown))
}

// addSecrets lays the selected secrets over the parent's environment.
func (m *merge) addSecrets(selected []Entry) {
	var guarded []string
	for i := range selected {
		e := selected[i]
		switch {
		case m.FileDir: // no variable: the parent's stays, and Dir judges the names
			if !m.refuseHidden(&e) {
				m.plan.Files = append(m.plan.Files, e)
			}
		case m.refuse(&e):
		case m.preserved(e.Name):
			m.lose(e)
		case e.Variable != "":
			e.Losers = append(e.Losers, m.take(e.Name)...)
			m.plan.Files = append(m.plan.Files, e)
			m.put(Entry{Name: e.Variable, Layer: Store, Source: e.Source, Kind: e.Kind, PathOf: e.Secret})
		case !m.Export && Guarded(e.Name, m.fold) && !m.allow.match(e.Name):
			guarded = append(guarded, e.Name)
			m.plan.Skipped = append(m.plan.Skipped, Skipped{e.Name, e.Secret, e.Source, "guarded"})
		default:
			m.put(e)
		}
	}
	if len(guarded) > 0 {
		slices.Sort(guarded)
		m.warn("skipping guarded names: " + displayAll(guarded) + " (--allow-name NAME lets one through)")
	}
}
