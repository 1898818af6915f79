package wiegand

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

// stream makes edges of bytes, three each: line, direction, loss and an odd step
// back in the first, the time since the one before in the others.
func stream(raw []byte) (edges []drivers.Edge) {
	var at time.Duration
	seqno := uint32(0)
	for len(raw) >= 3 && len(edges) < 600 {
		flags, step := raw[0], time.Duration(int(raw[1])<<8|int(raw[2]))*20*time.Microsecond
		if flags&8 != 0 && at > step {
			at -= step
		} else {
			at += step
		}
		seqno += 1 + uint32(flags>>4)
		edges = append(edges, drivers.Edge{Line: int(flags & 1), Rising: flags&2 != 0, At: at, Seqno: seqno})
		raw = raw[3:]
	}
	return edges
}

// bytesOf is the reverse, for seeds.
func bytesOf(edges []drivers.Edge) (raw []byte) {
	var at time.Duration
	for _, e := range edges {
		step := (e.At - at) / (20 * time.Microsecond)
		for ; step > 0xFFFF; step -= 0xFFFF {
			raw = append(raw, 2, 0xFF, 0xFF)
		}
		raw = append(raw, byte(e.Line), byte(step>>8), byte(step))
		at = e.At
	}
	return raw
}

// checkFrames holds what is true of every stream: as many bits as falling edges
// at most, and no sound frame with a lost edge or two pulses closer than a
// glitch of different lines in it.
func checkFrames(t *testing.T, edges []drivers.Edge) {
	t.Helper()
	pulses, bits := 0, 0
	for _, e := range edges {
		if !e.Rising {
			pulses++
		}
	}
	for _, f := range assemble(DefaultGap, edges) {
		bits += f.length
		if f.length < 1 || f.length > longest {
			t.Errorf("a frame of %d bits", f.length)
		}
		c, v := everything.decode(f.bits, f.length)
		if v == isCard && f.length < 64 {
			data := c.number
			switch c.format {
			case H10301:
				data |= uint64(c.facility) << 16
			case H10304:
				data |= uint64(c.facility) << 19
			}
			if b, n := encode(c.format, data); b != f.bits || n != f.length {
				t.Errorf("%s decoded as %x, which is sent as %s", sendable(f.bits, f.length), data, sendable(b, n))
			}
		}
	}
	if bits > pulses {
		t.Errorf("%d bits of %d pulses", bits, pulses)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(bytesOf(capture(f)))
	f.Add(bytesOf(numbered(train(time.Second, 2*ms, card99))))
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0x10, 0, 0, 8, 1, 0})
	f.Fuzz(func(t *testing.T, raw []byte) { checkFrames(t, stream(raw)) })
}

func FuzzWatch(f *testing.F) {
	f.Add(bytesOf(capture(f)), uint8(2), uint8(0))
	f.Add(bytesOf(numbered(keys4(time.Second, "1*234#5"))), uint8(16), uint8(1))
	f.Add(bytesOf(numbered(keys8(time.Second, "99#"), train(4*time.Second, 2*ms, card99))), uint8(33), uint8(2))
	f.Fuzz(func(t *testing.T, raw []byte, formats, fault uint8) {
		set := Formats(formats % 64)
		if set.check() != nil {
			return
		}
		edges := stream(raw)
		var end time.Duration
		for i := range edges {
			if i > 0 && edges[i].At < edges[i-1].At {
				edges[i].At = edges[i-1].At // the player's clock does not go back
			}
			end = edges[i].At
		}
		synctest.Test(t, func(t *testing.T) {
			l := newLines(edges...)
			switch fault % 4 {
			case 1:
				l.set(1, gpio.Low)
			case 2:
				l.ended = errors.New("gone")
			case 3:
				l.fail = errors.New("gone")
			}
			out, err := watchFor(t, l, Opts{Formats: set}, end+70*time.Second)
			if err == nil {
				t.Error("Watch returned nil")
			}
			checkTold(t, out)
			if got := last(out, drivers.Card); fault%4 == 0 && got.Quality != drivers.Good {
				t.Errorf("after a minute of calm: %+v", got)
			}
		})
	})
}

// checkTold holds what is true of everything a reader says: counts never fall,
// and rise by one with each token.
func checkTold(t *testing.T, out []told) {
	t.Helper()
	var read, refused int64
	for _, o := range out {
		r := o.Reading
		switch {
		case !r.Token.IsZero():
			read++
			if r.Quality != drivers.Good || r.Quantity != drivers.Card || r.Value.Coefficient != read {
				t.Errorf("token %d with %+v", read, r)
			}
		case r.Quantity == drivers.Card && r.HasValue() && r.Value.Coefficient != read:
			t.Errorf("count %s after %d tokens", r.Value, read)
		case r.Quantity == drivers.Misread:
			if r.Value.Coefficient < refused {
				t.Errorf("misread fell from %d to %s", refused, r.Value)
			}
			refused = r.Value.Coefficient
		}
	}
}
