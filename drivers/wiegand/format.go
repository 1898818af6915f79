package wiegand

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"watchpost/drivers"
)

// Formats is a set of frame formats, told apart by their length. H10304 and
// H10302 have the same length and parity, so a set holds one of them at most.
type Formats int

// The formats. All parities are even over the first half and odd over the
// second.
const (
	// H10301 is 26 bits: facility code 8, card number 16.
	H10301 Formats = 1 << iota
	// UID34 is 34 bits: 32 bits of card number, most often the card's own UID.
	UID34
	// H10304 is 37 bits: facility code 16, card number 19. The middle bit is in
	// both parities.
	H10304
	// H10302 is 37 bits: card number 35. Parity as in H10304.
	H10302
	// Keypad4 is one key in 4 bits without any check: 0 to 9, 10 *, 11 #.
	Keypad4
	// Keypad8 is one key in 8 bits, the first four being the complement of the
	// last four.
	Keypad8
)

// names spells the formats as a configuration does, in the order of their bits.
func names() []string { return []string{"26", "34", "h10304", "h10302", "keypad4", "keypad8"} }

// ParseFormats reads a set such as "26", "h10302" or "34+keypad4".
func ParseFormats(s string) (Formats, error) {
	var set Formats
	for name := range strings.SplitSeq(s, "+") {
		i := slices.Index(names(), strings.ToLower(strings.TrimSpace(name)))
		if i < 0 {
			return 0, fmt.Errorf("read format %q: want %s, several joined by +", s, strings.Join(names(), ", "))
		}
		set |= 1 << i
	}
	if err := set.check(); err != nil {
		return 0, fmt.Errorf("read format %q: %w", s, err)
	}
	return set, nil
}

// String is the set as ParseFormats reads it.
func (f Formats) String() string {
	var in []string
	for i, name := range names() {
		if f&(1<<i) != 0 {
			in = append(in, name)
		}
	}
	return strings.Join(in, "+")
}

func (f Formats) check() error {
	switch {
	case f <= 0 || f >= 1<<len(names()):
		return fmt.Errorf("no format, or one that is not known")
	case f&H10304 != 0 && f&H10302 != 0:
		return fmt.Errorf("h10304 and h10302 look alike on the wire: choose one")
	}
	return nil
}

// Keys of a keypad.
const (
	keyStar = 10
	keyHash = 11
)

// verdict is what a frame turned out to be.
type verdict uint8

const (
	isCard verdict = iota + 1
	isKey
	badLength
	badParity
	badKey
	swapped // neither card nor key, but its complement would be
)

// card is a decoded frame. It holds no text, so that decoding allocates nothing.
type card struct {
	format   Formats
	facility uint32
	number   uint64 // or the key
}

// half is a format with two parities.
type half struct {
	length    int
	even, odd uint64 // the bits each parity covers, its own among them
}

func halves(f Formats) half {
	switch f {
	case H10301:
		return half{26, ones(26) &^ ones(13), ones(13)}
	case UID34:
		return half{34, ones(34) &^ ones(17), ones(17)}
	}
	return half{37, ones(37) &^ ones(18), ones(19)}
}

func ones(n int) uint64 { return 1<<n - 1 }

func (h half) right(b uint64) bool {
	return bits.OnesCount64(b&h.even)%2 == 0 && bits.OnesCount64(b&h.odd)%2 == 1
}

// decode reads n bits, the first one sent being the highest.
func (f Formats) decode(b uint64, n int) (card, verdict) {
	switch {
	case n == 26 && f&H10301 != 0:
		return f.decodeCard(H10301, b)
	case n == 34 && f&UID34 != 0:
		return f.decodeCard(UID34, b)
	case n == 37 && f&(H10304|H10302) != 0:
		return f.decodeCard(f&(H10304|H10302), b)
	case n == 4 && f&Keypad4 != 0:
		return decodeKey(Keypad4, b)
	case n == 8 && f&Keypad8 != 0:
		if b>>4^b&0xF != 0xF {
			return card{}, badParity
		}
		return decodeKey(Keypad8, b&0xF)
	}
	return card{}, badLength
}

func (f Formats) decodeCard(format Formats, b uint64) (card, verdict) {
	h := halves(format)
	if !h.right(b) {
		if h.right(^b & ones(h.length)) {
			return card{}, swapped
		}
		return card{}, badParity
	}
	data := b >> 1 & ones(h.length-2)
	c := card{format: format, number: data}
	switch format {
	case H10301:
		c.facility, c.number = uint32(data>>16), data&ones(16)
	case H10304:
		c.facility, c.number = uint32(data>>19), data&ones(19)
	}
	return c, isCard
}

func decodeKey(format Formats, key uint64) (card, verdict) {
	switch {
	case key <= keyHash:
		return card{format: format, number: key}, isKey
	case ^key&0xF <= keyHash:
		return card{}, swapped
	}
	return card{}, badKey
}

// token is the card's number as others know it.
func (c card) token(reversed bool) drivers.Token {
	var room [32]byte
	text := room[:0]
	switch c.format {
	case UID34:
		n := uint32(c.number)
		if reversed {
			n = bits.ReverseBytes32(n)
		}
		const digits = "0123456789abcdef"
		for shift := 28; shift >= 0; shift -= 4 {
			text = append(text, digits[n>>shift&0xF])
		}
		return drivers.NewToken("uid", string(text))
	case H10302:
		return drivers.NewToken("h10302", string(strconv.AppendUint(text, c.number, 10)))
	}
	text = strconv.AppendUint(text, uint64(c.facility), 10)
	text = append(text, '/')
	text = strconv.AppendUint(text, c.number, 10)
	if c.format == H10304 {
		return drivers.NewToken("h10304", string(text))
	}
	return drivers.NewToken("h10301", string(text))
}
