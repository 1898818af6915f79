package receive

import (
	"cmp"
	"slices"
)

// maxSpans bounds the spans kept of one run: beyond it the oldest two become
// one, and the hole between them is forgotten. A gap is kept apart, so only a
// record that a filter passed over could be taken for a double after that.
const maxSpans = 128

// span is a run of seqs, both ends included.
type span struct{ first, last uint64 }

// spans is a set of seqs, in order and apart from each other.
type spans []span

// find is the place of the first span that ends at seq or after it.
func (s spans) find(seq uint64) int {
	i, _ := slices.BinarySearchFunc(s, seq, func(p span, seq uint64) int { return cmp.Compare(p.last, seq) })
	return i
}

// has reports whether seq is in the set.
func (s spans) has(seq uint64) bool {
	i := s.find(seq)
	return i < len(s) && s[i].first <= seq
}

// before is the greatest seq of the set below seq, 0 when there is none.
func (s spans) before(seq uint64) uint64 {
	switch i := s.find(seq); {
	case i < len(s) && s[i].first < seq:
		return seq - 1
	case i > 0:
		return s[i-1].last
	}
	return 0
}

// highest is the greatest seq of the set, 0 when it is empty.
func (s spans) highest() uint64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].last
}

// covers reports whether all of first to last is in the set.
func (s spans) covers(first, last uint64) bool {
	if first > last {
		return true
	}
	i := s.find(first)
	return i < len(s) && s[i].first <= first && last <= s[i].last
}

// add is the set with first to last in it.
func (s spans) add(first, last uint64) spans {
	if n := len(s); n > 0 && s[n-1].last+1 == first { // the usual case
		s[n-1].last = last
		return s
	}
	i := 0
	for i < len(s) && s[i].last+1 < first {
		i++
	}
	j := i
	for j < len(s) && s[j].first <= last+1 {
		first, last = min(first, s[j].first), max(last, s[j].last)
		j++
	}
	s = slices.Replace(s, i, j, span{first, last})
	if len(s) > maxSpans {
		s = slices.Replace(s, 0, 2, span{s[0].first, s[1].last})
	}
	return s
}
