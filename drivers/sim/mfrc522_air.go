package sim

import (
	"math/bits"
	"time"
)

// One bit at 106 kBd takes 128 periods of the field; a card answers 1172 of
// them after the reader's last bit (ISO/IEC 14443-3, frame delay time).
const (
	rcClk   = 13_560_000 // Hz
	rcBit   = time.Second * 128 / rcClk
	rcDelay = time.Second * 1172 / rcClk
)

// airAnswer is what the receiver will have at a time.
type airAnswer struct {
	at        time.Time
	data      []byte
	errors    byte
	collision int // the first bit of one, from 1; 0 is none
}

// transceive sends the FIFO and works out what will be received.
func (m *MFRC522) transceive(now time.Time) {
	frame, lastBits := m.fifo, int(m.registers[rcBitFraming]&7)
	m.fifo = nil
	m.registers[rcError] = 0
	length := 9*len(frame) + 2
	if lastBits != 0 {
		length += lastBits - 9
	}
	sent := now.Add(time.Duration(length) * rcBit)
	if m.registers[rcTMode]&0x80 != 0 {
		ticks := 1 + int64(m.registers[rcTReloadH])<<8 + int64(m.registers[rcTReloadL])
		prescaler := 2*(int64(m.registers[rcTMode]&0x0F)<<8+int64(m.registers[rcTPrescaler])) + 1
		m.timer = sent.Add(time.Duration(ticks * prescaler * int64(time.Second) / rcClk))
	}
	answer := m.hear(now, frame, lastBits)
	if answer == nil {
		return
	}
	begins := sent.Add(rcDelay)
	answer.at = begins.Add(time.Duration(9*len(answer.data)+2) * rcBit)
	if begins.Add(5 * rcBit).Before(m.timer) {
		m.timer = time.Time{} // stopped by the first bits
	}
	m.pending = answer
}

// hear is what the receiver gets for a frame; nil is silence.
func (m *MFRC522) hear(now time.Time, frame []byte, lastBits int) *airAnswer {
	if m.fault == ReaderDeaf || m.fieldOn.IsZero() || now.Sub(m.fieldOn) < cardWake {
		return nil
	}
	var got *airAnswer
	for _, c := range m.cards {
		if answer := c.answer(frame, lastBits); answer != nil {
			got = got.overlay(answer)
		}
	}
	if m.onAnswer != nil {
		var data []byte
		if got != nil {
			data = got.data
		}
		if data = m.onAnswer(frame, data); data == nil {
			return nil
		}
		if got == nil {
			got = &airAnswer{}
		}
		got.data = data
	}
	return got
}

// overlay is the answers of two cards on top of each other. Where they differ
// the receiver sees modulation in both halves of a bit.
func (a *airAnswer) overlay(answer []byte) *airAnswer {
	if a == nil {
		return &airAnswer{data: append([]byte(nil), answer...)}
	}
	for i := range max(len(a.data), len(answer)) {
		switch {
		case i >= len(answer):
			a.collide(8 * i)
		case i >= len(a.data):
			a.data = append(a.data, answer[i])
			a.collide(8 * i)
		case a.data[i] != answer[i]:
			a.collide(8*i + bits.TrailingZeros8(a.data[i]^answer[i]))
			a.data[i] |= answer[i]
		}
	}
	return a
}

// collide notes a collision in the bit that comes after so many.
func (a *airAnswer) collide(after int) {
	a.errors |= 0x08 // CollErr
	if a.collision == 0 || after+1 < a.collision {
		a.collision = after + 1
	}
}

// collided puts the place of a collision into CollReg and, as that register
// says, drops what came after it.
func (m *MFRC522) collided(got *airAnswer) {
	keep := m.registers[rcColl] & rcKeepAfter
	m.registers[rcColl] = keep
	switch at := got.collision; {
	case at == 0 || at > 32:
		m.registers[rcColl] |= 0x20 // CollPosNotValid
	default:
		m.registers[rcColl] |= byte(at & 0x1F)
	}
	if keep == 0 && got.collision != 0 && got.collision <= 8*len(got.data) {
		first := (got.collision - 1) / 8
		got.data[first] &= 1<<((got.collision-1)%8) - 1
		clear(got.data[first+1:])
	}
}

// advance lets happen what was due.
func (m *MFRC522) advance(now time.Time) {
	if m.pending != nil && !now.Before(m.pending.at) {
		got := m.pending
		m.pending = nil
		m.collided(got)
		m.fifo = append(m.fifo, got.data[:min(len(got.data), rcFIFOSize)]...)
		m.registers[rcControl] &^= 7
		m.registers[rcError] = got.errors
		m.registers[rcComIrq] |= 0x20
		if got.errors != 0 {
			m.registers[rcComIrq] |= 0x02
		}
	}
	if !m.timer.IsZero() && !now.Before(m.timer) {
		m.timer = time.Time{}
		m.registers[rcComIrq] |= 0x01
	}
}
