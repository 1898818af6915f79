package mfrc522

import (
	"context"
	"slices"
	"testing"
	"time"
)

// parrot is a chip that answers each exchange with the next scripted one,
// whatever was sent: nothing but the driver's own checks stands between what it
// says and a token.
type parrot struct {
	registers [64]byte
	fifo      []byte
	next      int
	answers   []air
	frames    [][]byte // what was sent, if keep is set
	keep      bool
	transfers int
	out       [64]byte
}

// air is one answer. The zero one is silence.
type air struct {
	data     []byte
	errs     byte
	lastBits byte
	irq      byte // 0: as data and errs say
}

func newParrot(answers ...air) *parrot {
	p := &parrot{answers: answers}
	p.registers[regVersion] = 0x92
	return p
}

func (p *parrot) Tx(w, r []byte) error {
	p.transfers++
	if w[0]&addressRead != 0 {
		for i := 1; i < len(r); i++ {
			r[i] = p.read(w[i-1] >> 1 & 0x3F)
		}
		return nil
	}
	register := w[0] >> 1
	switch register {
	case regFIFOLevel:
		p.fifo = p.fifo[:0]
	case regFIFOData:
		p.fifo = append(p.fifo, w[1:]...)
	case regComIrq:
		p.registers[regComIrq] &^= w[1]
	case regBitFraming:
		if w[1]&startSend != 0 {
			p.answer()
		}
	case regCommand:
		p.registers[regCommand] = 0
	default:
		p.registers[register] = w[1]
	}
	return nil
}

func (p *parrot) read(register byte) byte {
	switch register {
	case regFIFOLevel:
		return byte(len(p.fifo))
	case regFIFOData:
		if len(p.fifo) == 0 {
			return 0
		}
		v := p.fifo[0]
		p.fifo = p.fifo[1:]
		return v
	}
	return p.registers[register]
}

func (p *parrot) answer() {
	if p.keep {
		p.frames = append(p.frames, slices.Clone(p.fifo))
	}
	p.fifo = p.out[:0]
	var a air
	if p.next < len(p.answers) {
		a = p.answers[p.next]
	}
	p.next++
	p.registers[regError], p.registers[regControl] = a.errs, a.lastBits
	switch {
	case a.irq != 0:
		p.registers[regComIrq] = a.irq
	case a.data == nil && a.errs == 0:
		p.registers[regComIrq] = irqTimer
	default:
		p.registers[regComIrq] = irqRx
	}
	p.fifo = append(p.fifo, a.data...)
}

// newReader is a reader on conn that does not wait.
func newReader(t testing.TB, conn Conn) *Dev {
	t.Helper()
	d, err := New(conn, Opts{})
	if err != nil {
		t.Fatal(err)
	}
	d.chip.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return d
}

// level is the answer to an anticollision.
func level(part ...byte) air {
	return air{data: append(slices.Clone(part), part[0]^part[1]^part[2]^part[3])}
}

// sak is the answer to a selection.
func sak(v byte) air {
	crc := crcA([]byte{v})
	return air{data: []byte{v, crc[0], crc[1]}}
}

var (
	silence = air{}
	atqa    = air{data: []byte{0x42, 0x00}}
)

// conversation is all a card of that number says, and the silence at its end.
func conversation(number []byte) []air {
	said := []air{atqa}
	for rest := number; ; rest = rest[3:] {
		if len(rest) == 4 {
			return append(said, level(rest...), sak(0x20), silence)
		}
		said = append(said, level(cascadeTag, rest[0], rest[1], rest[2]), sak(0x04))
	}
}
