package store

import "infuse/fetch/secret"

// index finds a raw value by folder and key.
type index map[[2]string]string

func (t Tree) index() index {
	idx := index{}
	for folder, entries := range t {
		for _, e := range entries {
			idx[[2]string{folder, e.Key}] = e.Value.Reveal()
		}
	}
	return idx
}

// expand is a copy of the tree with every reference replaced.
func (t Tree) expand(env string, lookup Lookup) Tree {
	out := make(Tree, len(t))
	for folder, entries := range t {
		expanded := make([]Entry, len(entries))
		for i, e := range entries {
			raw := e.Value.Reveal()
			if value := Expand(raw, env, folder, lookup); value != raw {
				e.Value = secret.New(value)
			}
			expanded[i] = e
		}
		out[folder] = expanded
	}
	return out
}
