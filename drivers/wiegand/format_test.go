package wiegand

import (
	"fmt"
	"math/bits"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"watchpost/drivers"
)

// encode puts the parities of a card format around its data. It is written
// apart from decode, bit by bit, from the layouts themselves.
func encode(f Formats, data uint64) (uint64, int) {
	length := map[Formats]int{H10301: 24, UID34: 32, H10304: 35, H10302: 35}[f]
	first, second := 0, 0
	for i := range length { // i counts from the first bit sent
		bit := int(data >> (length - 1 - i) & 1)
		if i < (length+1)/2 {
			first += bit
		}
		if i >= length/2 {
			second += bit
		}
	}
	return uint64(first%2)<<(length+1) | data<<1 | uint64(1-second%2), length + 2
}

func cards() []Formats { return []Formats{H10301, UID34, H10304, H10302} }

// everything is a set with every length.
const everything = H10301 | UID34 | H10304 | Keypad4 | Keypad8

func sendable(b uint64, n int) string { return fmt.Sprintf("%0*b", n, b) }

func parse(s string) (b uint64, n int) {
	for _, r := range s {
		b = b<<1 | uint64(r&1)
	}
	return b, len(s)
}

func TestVectors(t *testing.T) {
	for _, tt := range []struct {
		format Formats
		bits   string
		want   string
	}{
		{H10301, "00101101000000001010001000", "h10301:90/324"},
		{H10301, "00110001100000011111001111", "h10301:99/999"},
		{H10301, sendable(0xC607CF, 26), "h10301:99/999"},
		{H10301, "00100010010100010010011111", "h10301:68/41551"},
		{H10301, strings.Repeat("0", 25) + "1", "h10301:0/0"},
		{H10301, "0" + strings.Repeat("1", 25), "h10301:255/65535"},
		{H10301, sendable(0x2020002, 26), "h10301:1/1"},
		{UID34, sendable(0x22468ACF1, 34), "uid:12345678"},
		{UID34, sendable(0x2, 34), "uid:00000001"},
		{UID34, sendable(0x3BD5B7DDE, 34), "uid:deadbeef"},
		{UID34, "0010001010011001000000100100010000", "uid:45320488"},
		{H10304, sendable(0x104D21BBAA, 37), "h10304:1234/56789"},
		{H10302, sendable(0x104D21BBAA, 37), fmt.Sprintf("h10302:%d", 1234<<19|56789)},
	} {
		b, n := parse(tt.bits)
		c, v := tt.format.decode(b, n)
		if v != isCard || c.token(false).Secret() != tt.want {
			t.Errorf("%s %s: verdict %d, token %s, want %s", tt.format, tt.bits, v, c.token(false).Secret(), tt.want)
		}
	}
}

func TestReversedUID(t *testing.T) {
	b, n := parse("0010001010011001000000100100010000")
	c, _ := UID34.decode(b, n)
	if got := c.token(true).Secret(); got != "uid:88043245" {
		t.Errorf("reversed: %s, want uid:88043245", got)
	}
}

func TestKeys(t *testing.T) {
	for key, b := range map[uint64]uint64{0: 0xF0, 1: 0xE1, 5: 0xA5, 9: 0x69, keyStar: 0x5A, keyHash: 0x4B} {
		if c, v := Keypad8.decode(b, 8); v != isKey || c.number != key {
			t.Errorf("%02x: verdict %d key %d, want key %d", b, v, c.number, key)
		}
	}
	valid := 0
	for b := range uint64(256) {
		if _, v := Keypad8.decode(b, 8); v == isKey {
			valid++
		}
	}
	if valid != 12 {
		t.Errorf("%d of 256 bytes are keys, want 12", valid)
	}
	for b := range uint64(16) {
		c, v := Keypad4.decode(b, 4)
		if (v == isKey) != (b <= keyHash) || v == isKey && c.number != b {
			t.Errorf("%04b: verdict %d key %d", b, v, c.number)
		}
	}
}

func number(f Formats, data uint64) string {
	switch f {
	case H10301:
		return fmt.Sprintf("h10301:%d/%d", data>>16, data&0xFFFF)
	case UID34:
		return fmt.Sprintf("uid:%08x", data)
	case H10304:
		return fmt.Sprintf("h10304:%d/%d", data>>19, data&0x7FFFF)
	}
	return fmt.Sprintf("h10302:%d", data)
}

func drawData(t *rapid.T, f Formats) uint64 {
	width := map[Formats]int{H10301: 24, UID34: 32, H10304: 35, H10302: 35}[f]
	return rapid.Uint64Range(0, 1<<width-1).Draw(t, "data")
}

func TestEveryFrameComesBack(t *testing.T) {
	for _, f := range cards() {
		rapid.Check(t, func(t *rapid.T) {
			data := drawData(t, f)
			b, n := encode(f, data)
			c, v := f.decode(b, n)
			if v != isCard || c.token(false).Secret() != number(f, data) {
				t.Fatalf("%s %x: verdict %d, token %s", f, data, v, c.token(false).Secret())
			}
		})
	}
}

// One wrong bit is refused in every format, and so are exchanged lines, which
// are told from it.
func TestFlipsAndComplements(t *testing.T) {
	for _, f := range cards() {
		rapid.Check(t, func(t *rapid.T) {
			b, n := encode(f, drawData(t, f))
			for i := range n {
				// The middle bit of 37 is in both parities, and so is taken for
				// exchanged lines: refused all the same.
				middle := n == 37 && i == 18
				if _, v := f.decode(b^1<<i, n); v != badParity && !(middle && v == swapped) {
					t.Fatalf("%s %x with bit %d flipped: verdict %d", f, b, i, v)
				}
			}
			if _, v := f.decode(^b&ones(n), n); v != swapped {
				t.Fatalf("%s %x complemented: verdict %d", f, b, v)
			}
		})
	}
}

// The tests above are no proof unless they go red without the parity.
func TestFlipsAreSeenByParityAlone(t *testing.T) {
	b, n := encode(H10301, 0x6303E7)
	flipped := b ^ 1<<12
	if !(half{26, 0, 1}).right(flipped | 1) {
		t.Error("a parity that covers nothing refused a frame")
	}
	if halves(H10301).right(flipped) {
		t.Error("a flipped frame has right parity")
	}
	if bits.Len64(halves(H10304).even&halves(H10304).odd) != 19 {
		t.Error("the middle bit of 37 must be in both parities")
	}
	_ = n
}

func TestParseFormats(t *testing.T) {
	for in, want := range map[string]Formats{
		"26": H10301, "34": UID34, "h10304": H10304, "H10302": H10302,
		"26+keypad4": H10301 | Keypad4, "keypad8 + 34": UID34 | Keypad8, "26+34": H10301 | UID34,
	} {
		got, err := ParseFormats(in)
		if err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", in, got, err, want)
		}
		if again, err := ParseFormats(got.String()); err != nil || again != got {
			t.Errorf("%q written as %q is read as %s, %v", in, got, again, err)
		}
	}
	for _, in := range []string{"", "37", "26,34", "h10304+h10302", "26+", "keypad"} {
		if got, err := ParseFormats(in); err == nil {
			t.Errorf("%q accepted as %s", in, got)
		}
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	b, n := encode(H10301, 0x6303E7)
	var kept card
	if got := testing.AllocsPerRun(100, func() { kept, _ = everything.decode(b, n) }); got != 0 {
		t.Errorf("decode: %v allocations", got)
	}
	var token drivers.Token
	if got := testing.AllocsPerRun(100, func() { token = kept.token(false) }); got != 1 {
		t.Errorf("token: %v allocations, want 1, the text", got)
	}
	if token.IsZero() {
		t.Error("no token")
	}
}
