package mask

import (
	"encoding/binary"
	"math/bits"
)

// filter finds where a pattern may begin, at a few gigabytes a second, so that
// output without secrets never reaches the automaton.
//
// Every pattern has a first block of eight bytes, and in it five groups of four
// that stand one byte apart. Whatever the alignment, a look at the text at
// every fifth byte sees one group of each occurrence. The groups are in a bit
// table, sparse enough that about one look in fifty passes by chance; the
// blocks are in a hash table, which decides.
type filter struct {
	groups     []uint64
	groupShift uint
	blocks     []uint64 // open addressing; 0 is empty
	blockShift uint
	zero       bool // a block of eight zero bytes is among them
}

const (
	block  = minimum
	group  = 4
	stride = block - group + 1
)

func newFilter(patterns []string) *filter {
	f := &filter{}
	// 64 bits a group at 5 groups a block, from 2^14 bits up to 2^22: the table
	// of a hundred secrets is to stay in the second-level cache.
	width := uint(min(max(bits.Len(uint(len(patterns)*stride*64)), 14), 22))
	f.groups = make([]uint64, 1<<(width-6))
	f.groupShift = 32 - width
	width = uint(bits.Len(uint(len(patterns))*4)) + 1
	f.blocks = make([]uint64, 1<<width)
	f.blockShift = 64 - width
	for _, p := range patterns {
		b := []byte(p[:block])
		for i := range stride {
			h := hashGroup(binary.LittleEndian.Uint32(b[i:]), f.groupShift)
			f.groups[h>>6] |= 1 << (h & 63)
		}
		f.add(binary.LittleEndian.Uint64(b))
	}
	return f
}

func hashGroup(g uint32, shift uint) uint32 { return (g * 0x9E3779B1) >> shift }

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

// find returns the first index of text at which the first eight bytes of a
// pattern stand, or -1.
func (f *filter) find(text []byte) int {
	groups, shift := f.groups, f.groupShift&31
	for q := stride - 1; q+group <= len(text); q += stride {
		h := hashGroup(binary.LittleEndian.Uint32(text[q:]), shift)
		if groups[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for i := q - stride + 1; i <= q && i+block <= len(text); i++ {
			if f.has(binary.LittleEndian.Uint64(text[i:])) {
				return i
			}
		}
	}
	return -1
}
