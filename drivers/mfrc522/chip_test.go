package mfrc522

import (
	"context"
	"errors"
	"slices"
	"testing"

	"watchpost/drivers"
)

func TestVersions(t *testing.T) {
	for v := range 256 {
		p := newParrot()
		p.registers[regVersion] = byte(v)
		readings, err := newReader(t, p).Sample(t.Context())
		switch want := drivers.Reason(""); {
		case slices.Contains([]int{0x88, 0x89, 0x90, 0x91, 0x92, 0xB2, 0x12}, v):
			if err != nil || readings[0].Raw.Value.Coefficient != int64(v) {
				t.Errorf("version %#x: %v, %v", v, readings, err)
			}
		default:
			want = drivers.BadAnswer
			if v == 0 || v == 0xFF {
				want = drivers.NoAnswer
			}
			if drivers.ReasonOf(err) != want || readings != nil {
				t.Errorf("version %#x: %v, %v; want %s", v, readings, err, want)
			}
		}
	}
}

// failing is a port whose n-th transfer fails, and all after it.
type failing struct {
	conn Conn
	left int
}

var errPort = errors.New("port is gone")

func (f *failing) Tx(w, r []byte) error {
	if f.left == 0 {
		return errPort
	}
	f.left--
	return f.conn.Tx(w, r)
}

// A port that fails at any transfer ends the poll with its error; no number that
// was not confirmed comes out, and one that was is not lost.
func TestPortFails(t *testing.T) {
	tokens := 0
	for n := range 200 {
		port := &failing{newParrot(conversation([]byte{1, 2, 3, 4})...), n}
		d := newReader(t, port)
		readings, err := d.Sample(t.Context())
		if err == nil {
			if got := secret(readings[0]); got != "uid:01020304" {
				t.Errorf("failure after %d transfers: token %q", n, got)
			}
			if tokens++; port.left > 0 {
				break
			}
			continue
		}
		if !errors.Is(err, errPort) || drivers.ReasonOf(err) != drivers.NoAnswer || readings != nil {
			t.Fatalf("failure after %d transfers: %v, %v", n, readings, err)
		}
		if d.chip.version != 0 {
			t.Errorf("failure after %d transfers: chip still counts as set up", n)
		}
	}
	if tokens < 2 {
		t.Errorf("%d polls gave a token, want those whose HLTA failed too", tokens)
	}
}

// Interrupts no healthy chip shows are the chip's fault, not a silent card's: a
// line that reads ones in the middle of a poll, a chip that was reset.
func TestChipFails(t *testing.T) {
	for name, said := range map[string]air{
		"ones":          {irq: 0xFF, errs: 0xFF, lastBits: 0xFF, data: make([]byte, 64)},
		"set1":          {irq: irqSet1 | irqRx, data: []byte{0x04, 0x00}},
		"reset":         {irq: 0x14},
		"endless level": {irq: irqRx, data: make([]byte, 0x80)},
	} {
		d := newReader(t, newParrot(said))
		readings, err := d.Sample(t.Context())
		if drivers.ReasonOf(err) != drivers.BadAnswer || readings != nil || d.chip.version != 0 {
			t.Errorf("%s: %v, %v; want bad_answer and a chip to set up again", name, readings, err)
		}
	}
}

// connFunc is a port made of a function.
type connFunc func(w, r []byte) error

func (f connFunc) Tx(w, r []byte) error { return f(w, r) }

// Nothing is asked after the context ended, whenever that is.
func TestContextEnds(t *testing.T) {
	ended := 0
	for at := 1; at < 90; at++ {
		ctx, cancel := context.WithCancel(t.Context())
		p := newParrot(conversation([]byte{1, 2, 3, 4})...)
		d := newReader(t, connFunc(func(w, r []byte) error {
			if p.transfers+1 == at {
				cancel()
			}
			return p.Tx(w, r)
		}))
		readings, err := d.Sample(ctx)
		if ctx.Err() != nil && p.transfers != at {
			t.Errorf("context ended in transfer %d, and %d were made", at, p.transfers)
		}
		switch {
		case err == nil && secret(readings[0]) != "uid:01020304":
			t.Errorf("context ended in transfer %d: %v", at, readings)
		case err != nil && !errors.Is(err, context.Canceled):
			t.Errorf("context ended in transfer %d: %v", at, err)
		case err != nil:
			ended++
		}
		cancel()
	}
	if ended < 30 {
		t.Errorf("%d polls ended with the context, want those before the card was read", ended)
	}
}
