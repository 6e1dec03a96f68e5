package mask

import (
	"encoding/binary"
	"math/bits"
)

// filter finds where a pattern may stand, at gigabytes a second, so that output
// without secrets never reaches the automaton.
//
// Every pattern has a block of eight bytes among its first ones, and in that
// five groups of four that stand one byte apart. Whatever the alignment, a look
// at the text at every fifth byte sees one group of each occurrence. The groups
// are in a bit table: of a hundred secrets about one look in fifty passes by
// chance, and the table stays in the first-level cache. The blocks are in a hash
// table, which decides.
type filter struct {
	groups     [1 << (groupBits - 6)]uint64
	blocks     []uint64 // open addressing; 0 is empty
	blockShift uint
	zero       bool                        // a block of zero bytes is among them
	heads      [1 << (headBits - 6)]uint64 // the first groups of all patterns
}

const (
	block     = minimum
	group     = 4
	stride    = block - group + 1
	groupBits = 18
	headBits  = 14
	lead      = 16 // a block begins at most this far behind the start of its pattern,
	reach     = lead + block
)

func newFilter(patterns []string) *filter {
	width := uint(bits.Len(uint(len(patterns))*4)) + 1
	f := &filter{blocks: make([]uint64, 1<<width), blockShift: 64 - width}
	for _, p := range patterns {
		at := rarest(p)
		b := []byte(p[at : at+block])
		for i := range stride {
			h := hashGroup(binary.LittleEndian.Uint32(b[i:]))
			f.groups[h>>6] |= 1 << (h & 63)
		}
		f.add(binary.LittleEndian.Uint64(b))
		h := hashGroup(binary.LittleEndian.Uint32([]byte(p))) >> (groupBits - headBits)
		f.heads[h>>6] |= 1 << (h & 63)
	}
	return f
}

// rarest guesses which block of p is the least likely to stand in other output:
// the one that changes most often between kinds of characters. Keys do, but
// they begin like everything else ("https://", "postgres://").
func rarest(p string) int {
	best, at := -1, 0
	for i := 0; i <= lead && i+block <= len(p); i++ {
		changes := 0
		for j := i + 1; j < i+block; j++ {
			if kind(p[j]) != kind(p[j-1]) {
				changes++
			}
		}
		if changes > best {
			best, at = changes, i
		}
	}
	return at
}

func kind(c byte) int {
	switch {
	case 'a' <= c && c <= 'z':
		return 0
	case 'A' <= c && c <= 'Z':
		return 1
	case '0' <= c && c <= '9':
		return 2
	case c >= 0x80:
		return 3
	}
	return 4
}

func hashGroup(g uint32) uint32 { return (g * 0x9E3779B1) >> (32 - groupBits) }

func (f *filter) add(b uint64) {
	if b == 0 {
		f.zero = true
		return
	}
	i := (b * 0x9E3779B97F4A7C15) >> f.blockShift
	for f.blocks[i] != 0 && f.blocks[i] != b {
		i = (i + 1) & uint64(len(f.blocks)-1)
	}
	f.blocks[i] = b
}

func (f *filter) has(b uint64) bool {
	if b == 0 {
		return f.zero
	}
	i := (b * 0x9E3779B97F4A7C15) >> f.blockShift
	for f.blocks[i] != 0 {
		if f.blocks[i] == b {
			return true
		}
		i = (i + 1) & uint64(len(f.blocks)-1)
	}
	return false
}

// find returns the first index of text at which the block of a pattern stands,
// or -1.
func (f *filter) find(text []byte) int {
	groups := &f.groups
	for q := stride - 1; ; {
		// Four looks at once: they do not depend on each other, so the processor overlaps them.
		for ; q+3*stride+group <= len(text); q += 4 * stride {
			t := text[q : q+3*stride+group]
			a := hashGroup(binary.LittleEndian.Uint32(t))
			b := hashGroup(binary.LittleEndian.Uint32(t[stride:]))
			c := hashGroup(binary.LittleEndian.Uint32(t[2*stride:]))
			d := hashGroup(binary.LittleEndian.Uint32(t[3*stride:]))
			if (groups[a>>6]>>(a&63)|groups[b>>6]>>(b&63)|groups[c>>6]>>(c&63)|groups[d>>6]>>(d&63))&1 != 0 {
				break
			}
		}
		// One of them has passed, or the end is near.
		for range 4 {
			if q+group > len(text) {
				return -1
			}
			h := hashGroup(binary.LittleEndian.Uint32(text[q:]))
			if groups[h>>6]>>(h&63)&1 != 0 {
				for i := q - stride + 1; i <= q && i+block <= len(text); i++ {
					if f.has(binary.LittleEndian.Uint64(text[i:])) {
						return i
					}
				}
			}
			q += stride
		}
	}
}

// begin returns the first index of text at which a pattern may begin. It is one
// of the last three at the latest: there is too little to tell.
func (f *filter) begin(text []byte) int {
	for i := 0; i+group <= len(text); i++ {
		h := hashGroup(binary.LittleEndian.Uint32(text[i:])) >> (groupBits - headBits)
		if f.heads[h>>6]>>(h&63)&1 != 0 {
			return i
		}
	}
	return max(0, len(text)-group+1)
}
