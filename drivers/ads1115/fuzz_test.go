package ads1115

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

// noise is a bus that answers reads with given words, then with zeros, and
// remembers what was said.
type noise struct {
	words   []uint16
	written uint16
	configs []uint16 // read since the settings were written
	code    int16
	atCode  int // how many configs had been read before the value
}

func (n *noise) String() string                  { return "noise" }
func (n *noise) SetSpeed(physic.Frequency) error { return nil }

func (n *noise) Tx(_ uint16, w, r []byte) error {
	if len(w) == 3 {
		n.written, n.configs = binary.BigEndian.Uint16(w[1:]), nil
		return nil
	}
	var word uint16
	if len(n.words) > 0 {
		word, n.words = n.words[0], n.words[1:]
	}
	binary.BigEndian.PutUint16(r, word)
	if w[0] == regConfig {
		n.configs = append(n.configs, word)
	} else {
		n.code, n.atCode = int16(word), len(n.configs)
	}
	return nil
}

func FuzzRegisters(f *testing.F) {
	f.Add([]byte("\xC3\x83\x43\x83\xC3\x83\x38\x40\xC3\x83"), uint8(5), uint8(2), uint8(5))
	f.Add([]byte("\xC3\x83\xC3\x83\x38\x40\x85\x83"), uint8(5), uint8(2), uint8(5))
	f.Add([]byte("\x85\x8B\x85\x8B\x00\x00\x85\x83"), uint8(1), uint8(3), uint8(5))
	f.Add([]byte("\xC3\x83\xC3\x83\x7F\xFF\xC3\x83"), uint8(5), uint8(2), uint8(5))
	f.Fuzz(func(t *testing.T, raw []byte, m, g, r uint8) {
		bus := &noise{}
		for len(raw) >= 2 {
			bus.words, raw = append(bus.words, binary.BigEndian.Uint16(raw)), raw[2:]
		}
		opts := Opts{Gain: Gain(g % 7), Rate: Rate(r % 9)}
		synctest.Test(t, func(t *testing.T) {
			d, err := New(bus, AddrGND, opts)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			v, err := d.Voltage(t.Context(), Mux(m%8)+AIN0minusAIN1)
			if took := time.Since(start); took > time.Second {
				t.Errorf("took %v", took)
			}
			if err != nil {
				if v != 0 || drivers.ReasonOf(err) == drivers.Broken {
					t.Errorf("voltage %v with error %v (%s)", v, err, drivers.ReasonOf(err))
				}
				return
			}
			checkHonest(t, bus, d.FullScale(), v)
		})
	})
}

// checkHonest fails unless all settings read agree with those written, the chip
// was idle around the value, and the value is that of the code.
func checkHonest(t *testing.T, bus *noise, full, v physic.ElectricPotential) {
	t.Helper()
	for i, word := range bus.configs {
		idle := i < bus.atCode-1 || word == bus.written
		if word|configOS != bus.written || !idle {
			t.Errorf("voltage %v though settings read %#04x, written %#04x", v, bus.configs, bus.written)
		}
	}
	if bus.atCode == 0 || len(bus.configs) != bus.atCode+1 {
		t.Errorf("voltage %v without a look before and after: %d of %d", v, bus.atCode, len(bus.configs))
	}
	if bus.code == 0x7FFF || bus.code == -0x8000 {
		t.Errorf("voltage %v from the clipped code %#x", v, bus.code)
	}
	if want := physic.ElectricPotential(int64(bus.code) * int64(full) / 32768); v != want {
		t.Errorf("code %#x: voltage %v, want %v", bus.code, v, want)
	}
}
