package sim

import "time"

// cardWake is what a card takes to become ready in a field (ISO/IEC 14443-3:
// 5 ms at most).
const cardWake = 5 * time.Millisecond

// States of a card (ISO/IEC 14443-3, type A).
type cardState int

const (
	cardIdle   cardState = iota // also without a field
	cardReady                   // being told apart
	cardActive                  // selected
)

// Card is a model of an ISO 14443-3 type A card: it wakes, is told apart from
// others level by level, is selected and rests. It is used by the reader it was
// laid on.
type Card struct {
	uid    []byte
	state  cardState
	halted bool // HALT rather than IDLE is where it falls back to
	level  int
}

// NewCard is a card with a UID of 4, 7 or 10 bytes. Other lengths are cut, or
// filled with zeros, to the next that is possible.
func NewCard(uid ...byte) *Card {
	size := 4
	for size < len(uid) && size < 10 {
		size += 3
	}
	c := &Card{uid: make([]byte, size)}
	copy(c.uid, uid)
	return c
}

// levels is how many cascade levels the UID has.
func (c *Card) levels() int { return (len(c.uid) - 1) / 3 }

// lose is the loss of the field.
func (c *Card) lose() { c.state, c.halted, c.level = cardIdle, false, 0 }

// rest is what a card does with anything it does not expect.
func (c *Card) rest() { c.state, c.level = cardIdle, 0 }

// answer is the card's answer to a frame, of whose last byte lastBits were sent
// (0: all); nil is silence.
func (c *Card) answer(frame []byte, lastBits int) []byte {
	if len(frame) == 1 && lastBits == 7 {
		return c.request(frame[0])
	}
	if lastBits != 0 || len(frame) < 2 {
		c.rest()
		return nil
	}
	switch {
	case c.state == cardReady && frame[0] == 0x93+byte(2*c.level):
		return c.tellApart(frame)
	case c.state == cardActive && len(frame) == 4 && frame[0] == 0x50 && frame[1] == 0 && intact(frame):
		c.halted = true
	}
	c.rest()
	return nil
}

// request answers REQA, when it did not halt, and WUPA.
func (c *Card) request(command byte) []byte {
	wakes := command == 0x52 || command == 0x26 && !c.halted
	if c.state != cardIdle || !wakes {
		c.rest()
		return nil
	}
	c.state, c.level = cardReady, 0
	// Size of the UID and bit frame anticollision, as in 42 00 of a card with
	// seven bytes.
	return []byte{byte(c.levels()-1)<<6 | 0x02, 0x00}
}

// tellApart answers an anticollision or a selection of the present level.
func (c *Card) tellApart(frame []byte) []byte {
	part := c.part()
	switch {
	case frame[1] == 0x20 && len(frame) == 2:
		return part
	case frame[1] == 0x70 && len(frame) == 9 && intact(frame) && string(frame[2:7]) == string(part):
		sak := byte(0x04)
		c.level++
		if c.level == c.levels() {
			c.state = cardActive
			sak = 0x20
			if len(c.uid) == 4 {
				sak = 0x08
			}
		}
		return withCRC(sak)
	}
	c.rest()
	return nil
}

// part is the UID's part of the present level with its check byte.
func (c *Card) part() []byte {
	rest := c.uid[3*c.level:]
	part := append([]byte(nil), rest[:min(4, len(rest))]...)
	if c.level < c.levels()-1 {
		part = append([]byte{0x88}, rest[:3]...)
	}
	return append(part, part[0]^part[1]^part[2]^part[3])
}

// withCRC is data and its CRC_A, bit by bit as ISO/IEC 14443-3 draws it.
func withCRC(data ...byte) []byte {
	register := uint16(0x6363)
	for _, b := range data {
		for bit := range 8 {
			feedback := (register ^ uint16(b)>>bit) & 1
			register >>= 1
			if feedback != 0 {
				register ^= 0x8408
			}
		}
	}
	return append(append([]byte(nil), data...), byte(register), byte(register>>8))
}

// intact reports whether the last two bytes are the CRC_A of those before.
func intact(frame []byte) bool {
	n := len(frame) - 2
	return n > 0 && string(withCRC(frame[:n]...)) == string(frame)
}
