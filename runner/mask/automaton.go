package mask

// automaton finds every occurrence of a set of patterns in one pass (A. Aho,
// M. Corasick, "Efficient string matching", CACM 18(6), 1975). A state is the
// longest end of the text that is the beginning of a pattern.
//
// A table of 256 successors a state would cost a kilobyte a byte of pattern,
// and one private key has a hundred kilobytes of forms. So a state is ten
// bytes: the states of a pattern that stand behind each other are neighbours,
// the few places where patterns part are in a map. An automaton does not
// change once it is built, and is shared by all streams.
type automaton struct {
	label  []byte           // the byte that leads into a state
	flags  []uint8          // hasNext, hasBranch, hasMatch
	depth  []int32          // how many bytes a state has seen
	fail   []int32          // the state of the next shorter end
	branch map[uint64]int32 // state<<8|byte: the successors that are not state+1
	match  map[int32]int32  // the longest pattern that ends in a state
	start  [256]int32       // the successors of the root
	filter *filter
}

const (
	hasNext   = 1 << iota // state+1 is a successor
	hasBranch             // there are successors in branch
	hasMatch              // a pattern ends here
)

const root = 0

// newAutomaton builds the automaton of patterns, which are sorted and differ.
func newAutomaton(patterns []string) *automaton {
	size := 1
	for i, p := range patterns {
		size += len(p)
		if i > 0 {
			size -= common(patterns[i-1], p)
		}
	}
	a := &automaton{
		label: make([]byte, 1, size), flags: make([]uint8, 1, size), depth: make([]int32, 1, size),
		branch: map[uint64]int32{}, match: map[int32]int32{}, filter: newFilter(patterns),
	}
	var path []int32 // the states of the last pattern, the root first
	for i, p := range patterns {
		shared := 0
		if i > 0 {
			shared = common(patterns[i-1], p)
		}
		path = append(path[:min(shared, len(path))], a.add(path, p, shared)...)
	}
	a.link()
	return a
}

// common is the length of the longest common beginning.
func common(p, q string) int {
	n := 0
	for n < len(p) && n < len(q) && p[n] == q[n] {
		n++
	}
	return n
}

// add appends the states of p that the last pattern does not have, and returns
// them. path[i] is the state after i+1 bytes of the last pattern.
func (a *automaton) add(path []int32, p string, shared int) []int32 {
	from := int32(root)
	if shared > 0 {
		from = path[shared-1]
	}
	first := int32(len(a.label))
	for i := shared; i < len(p); i++ {
		s := int32(len(a.label))
		switch {
		case from == root:
			a.start[p[i]] = s
		case from+1 == s:
			a.flags[from] |= hasNext
		default:
			a.flags[from] |= hasBranch
			a.branch[uint64(from)<<8|uint64(p[i])] = s
		}
		a.label = append(a.label, p[i])
		a.flags = append(a.flags, 0)
		a.depth = append(a.depth, int32(i+1))
		from = s
	}
	a.flags[from] |= hasMatch
	a.match[from] = int32(len(p))
	states := make([]int32, 0, len(p)-shared)
	for s := first; s <= from; s++ {
		states = append(states, s)
	}
	return states
}

// child returns the successor of s by c in the tree of patterns.
func (a *automaton) child(s int32, c byte) (int32, bool) {
	if s == root {
		n := a.start[c]
		return n, n != root
	}
	f := a.flags[s]
	if f&hasNext != 0 && a.label[s+1] == c {
		return s + 1, true
	}
	if f&hasBranch != 0 {
		n, ok := a.branch[uint64(s)<<8|uint64(c)]
		return n, ok
	}
	return root, false
}

// next returns the state after s and c.
func (a *automaton) next(s int32, c byte) int32 {
	for {
		if n, ok := a.child(s, c); ok {
			return n
		}
		if s == root {
			return root
		}
		s = a.fail[s]
	}
}

// link computes fail and the inherited matches, shallow states first.
func (a *automaton) link() {
	a.fail = make([]int32, len(a.label))
	branches := map[int32][]int32{}
	for key, n := range a.branch {
		branches[int32(key>>8)] = append(branches[int32(key>>8)], n)
	}
	queue := make([]int32, 0, len(a.label))
	for _, n := range a.start {
		if n != root {
			queue = append(queue, n) // fail is the root
		}
	}
	visit := func(parent, n int32) {
		f := a.next(a.fail[parent], a.label[n])
		a.fail[n] = f
		if longest, ok := a.match[f]; ok && a.flags[n]&hasMatch == 0 {
			a.flags[n] |= hasMatch
			a.match[n] = longest
		}
		queue = append(queue, n)
	}
	for head := 0; head < len(queue); head++ {
		s := queue[head]
		if a.flags[s]&hasNext != 0 {
			visit(s, s+1)
		}
		if a.flags[s]&hasBranch != 0 {
			for _, n := range branches[s] {
				visit(s, n)
			}
		}
	}
}
