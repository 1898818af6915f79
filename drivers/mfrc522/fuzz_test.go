package mfrc522

import (
	"encoding/hex"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/drivers"
)

// script makes answers of fuzzed bytes: a length (its high bit: an error
// follows), then the data. 0xFF is silence.
func script(raw []byte) []air {
	var said []air
	for len(raw) > 0 && len(said) < 16 {
		n := int(raw[0])
		raw = raw[1:]
		a := air{}
		if n != 0xFF {
			if n&0x80 != 0 && len(raw) > 0 {
				a.errs, raw = raw[0], raw[1:]
			}
			n = min(n&0x7F, len(raw), 64)
			a.data, raw = append([]byte{}, raw[:n]...), raw[n:]
		}
		said = append(said, a)
	}
	return said
}

// judge is what a card that said this may be called: an independent reading of
// the rules.
func judge(said []air) string {
	next := func(n int) []byte {
		if len(said) == 0 || said[0].errs != 0 || len(said[0].data) != n {
			return nil
		}
		data := said[0].data
		said = said[1:]
		return data
	}
	if next(2) == nil {
		return ""
	}
	number := ""
	for i := range 3 {
		part, end := next(5), next(3)
		if part == nil || end == nil || part[0]^part[1]^part[2]^part[3]^part[4] != 0 {
			return ""
		}
		// The CRC over data and CRC together is zero.
		if crcA(end) != [2]byte{} {
			return ""
		}
		more := end[0]&4 != 0
		if more != (part[0] == 0x88 && i < 2) {
			return ""
		}
		if !more {
			number += hex.EncodeToString(part[:4])
			if len(number) == 8 && part[0] == 8 {
				return "uid-random:" + number
			}
			return "uid:" + number
		}
		number += hex.EncodeToString(part[1:4])
	}
	return ""
}

func flat(said []air) []byte {
	var raw []byte
	for _, a := range said {
		if a.data == nil {
			raw = append(raw, 0xFF)
			continue
		}
		raw = append(append(raw, byte(len(a.data))), a.data...)
	}
	return raw
}

// FuzzAnswers: whatever cards say, a token comes out exactly when the rules say
// so, and it is the number they say.
func FuzzAnswers(f *testing.F) {
	for _, number := range []string{"3d99c723", "08a1b2c3", "02a20071c84f90", "04010203040506070809"} {
		f.Add(flat(conversation(bytesOf(f, number))))
	}
	f.Add([]byte{0xFF})
	f.Add([]byte{0x82, 0x08, 0x04, 0x00})
	f.Fuzz(func(t *testing.T, raw []byte) {
		said := script(raw)
		p := newParrot(said...)
		cards, misread := sample(t, newReader(t, p))
		if got, want := secret(cards), judge(said); got != want {
			t.Errorf("token %q, want %q from %+v", got, want, said)
		}
		if !cards.Token.IsZero() && misread != 0 {
			t.Error("a token and a misread in one poll")
		}
		if p.transfers > 150 {
			t.Errorf("%d transfers", p.transfers)
		}
	})
}

// miso is a port that reads given bytes, then one of them for ever.
type miso struct {
	raw       []byte
	rest      byte
	transfers int
}

func (m *miso) Tx(_, r []byte) error {
	m.transfers++
	for i := range r {
		r[i] = m.rest
		if i > 0 && len(m.raw) > 0 {
			r[i], m.raw = m.raw[0], m.raw[1:]
		}
	}
	return nil
}

// FuzzPort: whatever comes in on MISO, a poll ends within its bounds, with a
// reason.
func FuzzPort(f *testing.F) {
	f.Add([]byte{}, byte(0))
	f.Add([]byte{0x92}, byte(0xFF))
	f.Add([]byte("\x92\x00\x00\x00\x00\x00\x20\x92\x92\x80\xA9\x4F\x40\x83\x20\x00\x02\x00\x04\x00"), byte(0x01))
	f.Fuzz(func(t *testing.T, raw []byte, rest byte) {
		synctest.Test(t, func(t *testing.T) {
			port := &miso{raw: raw, rest: rest}
			d, err := New(port, Opts{})
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			readings, err := d.Sample(t.Context())
			if took := time.Since(start); took > 400*time.Millisecond || port.transfers > 400 {
				t.Errorf("took %s, %d transfers", took, port.transfers)
			}
			if err != nil && (readings != nil || drivers.ReasonOf(err) == drivers.Broken) {
				t.Errorf("%v with %v (%s)", readings, err, drivers.ReasonOf(err))
			}
		})
	})
}

// BenchmarkReading is one poll with a card that stays: 7-byte UID, from SPI
// bytes to readings, without the waits.
func BenchmarkReading(b *testing.B) {
	p := newParrot(conversation(bytesOf(b, "02a20071c84f90"))...)
	d := newReader(b, p)
	b.ReportAllocs()
	for b.Loop() {
		p.next = 0
		if _, err := d.Sample(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	if d.cards != 1 || d.misread != 0 {
		b.Errorf("%d cards, %d misread", d.cards, d.misread)
	}
}

func BenchmarkCRC(b *testing.B) {
	frame := []byte{0x93, 0x70, 0x88, 0x02, 0xA2, 0x00, 0x28}
	b.ReportAllocs()
	for b.Loop() {
		crcA(frame)
	}
}
