package mfrc522

import (
	"context"
	"encoding/hex"
	"errors"

	"watchpost/drivers"
)

// Frames of ISO/IEC 14443-3, type A.
const (
	wupa     = 0x52 // short frame of 7 bits
	wupaBits = 7
	hlta     = 0x50 // followed by 00
	nvbUID   = 0x20 // anticollision: nothing known yet, all of the UID asked for
	nvbAll   = 0x70 // selection: the whole UID follows

	cascadeTag = 0x88 // first byte of a level that is not the last
	cascadeBit = 0x04 // of SAK: UID not complete
	randomByte = 0x08 // first byte of a 4-byte UID made up anew each time

	atqaLen  = 2
	levelLen = 5 // four bytes of UID or cascade tag, and BCC
	sakLen   = 3 // SAK and CRC_A
	partLen  = 4
	maxUID   = 10
)

// levels are the commands of the three cascade levels.
var levels = [...]byte{0x93, 0x95, 0x97}

// Formats of the tokens.
const (
	// FormatUID is a UID of 4, 7 or 10 bytes.
	FormatUID = "uid"
	// FormatRandom is a UID that the card, mostly a phone, made up for this one
	// time. It names nobody.
	FormatRandom = "uid-random"
)

// uid is a card's number.
type uid struct {
	bytes [maxUID]byte
	n     int
}

func (u *uid) add(part []byte) { u.n += copy(u.bytes[u.n:], part) }

func (u *uid) token() drivers.Token {
	format := FormatUID
	if u.n == partLen && u.bytes[0] == randomByte {
		format = FormatRandom
	}
	return drivers.NewToken(format, hex.EncodeToString(u.bytes[:u.n]))
}

// identify asks who is in the field and sends the card to rest. errSilent says
// nobody, a *refusal that somebody could not be read.
func (c *chip) identify(ctx context.Context) (uid, error) {
	_, err := c.exchange(ctx, []byte{wupa}, wupaBits, atqaLen)
	if errors.Is(err, errSilent) {
		return uid{}, err
	}
	var card uid
	if err == nil {
		card, err = c.resolve(ctx)
	}
	var refused *refusal
	if err != nil && !errors.As(err, &refused) {
		return uid{}, err
	}
	// Also after a refusal: a card left in the middle takes any other command
	// than the one it waits for as a reason to rest, without an answer, and the
	// next wake-up would be wasted on it. Silence is the answer here, and
	// nothing depends on it: a chip that fails now shows in the next poll.
	if _, halted := c.exchange(ctx, withCRC(hlta, 0x00), 0, 0); halted != nil && !errors.Is(halted, errSilent) && !errors.As(halted, &refused) {
		c.version = 0
	}
	return card, err
}

// resolve goes through the cascade levels. A level counts only when the card
// confirmed it: SELECT sends the card its own number, CRC-protected, and only a
// card of that number answers.
func (c *chip) resolve(ctx context.Context) (uid, error) {
	var card uid
	for i, sel := range levels {
		part, err := c.anticollision(ctx, sel)
		if err != nil {
			return uid{}, err
		}
		sak, err := c.selectCard(ctx, sel, part)
		if err != nil {
			return uid{}, err
		}
		last := i == len(levels)-1
		tagged, more := part[0] == cascadeTag && !last, sak&cascadeBit != 0
		switch {
		case tagged != more:
			// uid0 and, since Amendment 1 of 2005, uid3 are never 88.
			return uid{}, refuse(drivers.BadAnswer, "level %d: cascade tag %t, but SAK %#02x", i+1, tagged, sak)
		case !more:
			card.add(part[:partLen])
			return card, nil
		}
		card.add(part[1:partLen])
	}
	return uid{}, refuse(drivers.BadAnswer, "more than %d cascade levels", len(levels))
}

// anticollision asks all cards of a level for their numbers. Where they differ
// the chip sees a collision, which is refused: two cards in one wallet are
// nobody's presentation.
func (c *chip) anticollision(ctx context.Context, sel byte) (part [levelLen]byte, err error) {
	answer, err := c.exchange(ctx, []byte{sel, nvbUID}, 0, levelLen)
	if err != nil {
		return part, unfinished(err)
	}
	copy(part[:], answer)
	if bcc := part[0] ^ part[1] ^ part[2] ^ part[3]; bcc != part[4] {
		return part, refuse(drivers.BadAnswer, "check byte of the UID is wrong")
	}
	return part, nil
}

func (c *chip) selectCard(ctx context.Context, sel byte, part [levelLen]byte) (sak byte, err error) {
	frame := [2 + levelLen + 2]byte{sel, nvbAll}
	copy(frame[2:], part[:])
	crc := crcA(frame[:2+levelLen])
	frame[7], frame[8] = crc[0], crc[1]
	answer, err := c.exchange(ctx, frame[:], 0, sakLen)
	if err != nil {
		return 0, unfinished(err)
	}
	if crc := crcA(answer[:1]); crc[0] != answer[1] || crc[1] != answer[2] {
		return 0, refuse(drivers.BadAnswer, "CRC of SAK %#02x is wrong", answer[0])
	}
	return answer[0], nil
}

// unfinished makes a refusal of a silence that came after the card had answered.
func unfinished(err error) error {
	if errors.Is(err, errSilent) {
		return refuse(drivers.BadAnswer, "card left or fell silent while it was read")
	}
	return err
}

// crcA is CRC_A (ISO/IEC 14443-3) in the order it is sent.
func crcA(data []byte) [2]byte {
	crc := uint16(0x6363)
	for _, b := range data {
		crc ^= uint16(b)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8408
			} else {
				crc >>= 1
			}
		}
	}
	return [2]byte{byte(crc), byte(crc >> 8)}
}

// withCRC is a frame of two bytes and their CRC.
func withCRC(a, b byte) []byte {
	crc := crcA([]byte{a, b})
	return []byte{a, b, crc[0], crc[1]}
}
