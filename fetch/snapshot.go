package fetch

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"infuse/fetch/secret"
)

// Secret is one secret that won, with where it came from.
type Secret struct {
	Key    string
	Value  secret.Value
	Origin Origin
	// Shadowed are the places that hold the same key and lost, best first.
	Shadowed []Shadow
	// Conflict marks a key that two folders of one recursive fetch hold.
	Conflict bool
	// Unresolved marks a value that holds a reference, ${...}, as text.
	Unresolved bool
	// Hidden marks a secret without its value; only with Scope.NamesOnly.
	Hidden bool
}

// Shadow is a secret of the same key that lost.
type Shadow struct {
	Origin
	// Conflict marks one that lost only because its folder is farther from the
	// requested path than the winner's, of the same recursive fetch. It has its
	// Value, for those who decide otherwise; the others have none.
	Conflict bool
	Value    secret.Value
	Hidden   bool // a conflict whose value the server keeps back: it cannot be taken instead
}

// Origin is where a secret stands.
type Origin struct {
	Environment string
	Path        string
	Import      bool // found through an import of the requested folder
	Personal    bool
}

// String is "dev:/backend", "dev:/backend (personal)" or "prod:/shared (import)".
func (o Origin) String() string {
	s := o.Environment + ":" + o.Path
	switch {
	case o.Import && o.Personal:
		return s + " (import, personal)"
	case o.Import:
		return s + " (import)"
	case o.Personal:
		return s + " (personal)"
	}
	return s
}

// Snapshot is what a scope held at one moment.
type Snapshot struct {
	Secrets   []Secret // sorted by key, each key once
	Source    string   // in words: the server, the directory, or the copy and its age
	FetchedAt time.Time
	Warnings  []string
	// FromCopy marks a snapshot of the offline copy.
	FromCopy bool
}

// Lookup finds a secret by its key.
func (s *Snapshot) Lookup(key string) (Secret, bool) {
	i, ok := slices.BinarySearchFunc(s.Secrets, key, func(s Secret, key string) int { return strings.Compare(s.Key, key) })
	if !ok {
		return Secret{}, false
	}
	return s.Secrets[i], true
}

// Digest identifies names and values, and nothing else: two snapshots with the
// same digest give a program the same secrets. Every part is preceded by its
// length, so that no two different lists look alike.
func (s *Snapshot) Digest() [sha256.Size]byte {
	h := sha256.New()
	var n [8]byte
	write := func(part string) {
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	for i := range s.Secrets {
		write(s.Secrets[i].Key)
		write(s.Secrets[i].Value.Reveal())
	}
	return [sha256.Size]byte(h.Sum(nil))
}
