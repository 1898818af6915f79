package mfrc522

import (
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"watchpost/drivers"
)

// sample is one poll that must succeed: cards, their quality, token, misreads.
func sample(t testing.TB, d *Dev) (cards drivers.Reading, misread int64) {
	t.Helper()
	readings, err := d.Sample(t.Context())
	if err != nil || len(readings) != 2 || readings[0].Quantity != drivers.Card || readings[1].Quantity != drivers.Misread {
		t.Fatalf("sample: %v, %v; want a card and a misread count", readings, err)
	}
	return readings[0], readings[1].Value.Coefficient
}

// secret is the token's number, for comparing in tests.
func secret(r drivers.Reading) string {
	if r.Token.IsZero() {
		return ""
	}
	return r.Token.Secret()
}

func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors are those of ISO/IEC 14443-3 and of a HLTA on the air.
func TestCRC(t *testing.T) {
	for _, tt := range []struct{ data, want string }{
		{"0000", "a01e"}, {"1234", "26cf"}, {"5000", "57cd"}, {"", "6363"},
	} {
		crc := crcA(bytesOf(t, tt.data))
		if got := hex.EncodeToString(crc[:]); got != tt.want {
			t.Errorf("CRC_A(%s) = %s, want %s", tt.data, got, tt.want)
		}
	}
	if got := hex.EncodeToString(withCRC(hlta, 0)); got != "500057cd" {
		t.Errorf("HLTA is %s, want 500057cd", got)
	}
}

// The answers of a card with seven bytes as another chip recorded them
// (testdata/st25r3916-nfc-a.spi.csv: reads of its FIFO, without CRC), and what
// is sent to get them, byte by byte.
func TestRecordedCard(t *testing.T) {
	recording, err := os.ReadFile("testdata/st25r3916-nfc-a.spi.csv")
	if err != nil {
		t.Fatal(err)
	}
	var said []air
	for line := range strings.Lines(string(recording)) {
		cells := strings.Split(strings.TrimSpace(line), ",")
		if len(cells) != 3 || !strings.HasPrefix(cells[1], "9f") {
			continue
		}
		switch data := bytesOf(t, cells[2])[1:]; len(data) {
		case 1:
			said = append(said, sak(data[0]))
		default:
			said = append(said, air{data: data})
		}
	}
	if len(said) != 6 {
		t.Fatalf("%d recorded answers, want 6", len(said))
	}
	p := newParrot(append(said[1:], silence)...) // the recording wakes the card twice
	p.keep = true
	cards, _ := sample(t, newReader(t, p))
	if got := secret(cards); got != "uid:02a20071c84f90" {
		t.Errorf("token %s, want uid:02a20071c84f90", got)
	}
	var got []string
	for _, frame := range p.frames {
		got = append(got, hex.EncodeToString(frame))
	}
	crc := func(frame string) string {
		c := crcA(bytesOf(t, frame))
		return frame + hex.EncodeToString(c[:])
	}
	want := []string{
		"52",
		"9320", crc("93708802a20028"),
		"9520", crc("957071c84f9066"),
		"500057cd",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("frames sent (-want +got):\n%s", diff)
	}
}

func TestNumbers(t *testing.T) {
	for _, tt := range []struct{ number, want string }{
		{"3d99c723", "uid:3d99c723"},
		{"00000000", "uid:00000000"},
		{"08a1b2c3", "uid-random:08a1b2c3"},
		{"02a20071c84f90", "uid:02a20071c84f90"},
		{"08a20071c84f90", "uid:08a20071c84f90"}, // 08 says random in 4 bytes only
		{"04010203040506070809", "uid:04010203040506070809"},
		{"04010203040588070809", "uid:04010203040588070809"}, // no cascade tag in the last level
	} {
		d := newReader(t, newParrot(conversation(bytesOf(t, tt.number))...))
		cards, misread := sample(t, d)
		want := drivers.NewGood(drivers.Card, drivers.Int(1), drivers.Count)
		if got := secret(cards); got != tt.want || misread != 0 {
			t.Errorf("%s: token %q, %d misread; want %s", tt.number, got, misread, tt.want)
		}
		if cards.Quality != want.Quality || cards.Value != want.Value || cards.Unit != want.Unit {
			t.Errorf("%s: reading %+v, want %+v", tt.number, cards, want)
		}
		if want := (drivers.Raw{Value: drivers.Int(0x92), Unit: Version}); cards.Raw != want {
			t.Errorf("%s: raw %+v, want %+v", tt.number, cards.Raw, want)
		}
	}
}

// Answers that break a rule of ISO/IEC 14443-3 though every check byte is right.
func TestRefuses(t *testing.T) {
	four, seven := bytesOf(t, "3d99c723"), bytesOf(t, "02a20071c84f90")
	change := func(said []air, i int, to air) []air {
		said = slices.Clone(said)
		said[i] = to
		return said
	}
	for name, said := range map[string][]air{
		"collision in ATQA":       {air{data: []byte{0x46, 0}, errs: 0x08}},
		"collision in UID":        change(conversation(four), 1, air{data: four, errs: errCollision}),
		"collision with parity":   change(conversation(four), 1, air{data: level(four...).data, errs: 0x0A}),
		"parity error":            change(conversation(four), 1, air{data: level(four...).data, errs: 0x02}),
		"protocol error":          change(conversation(four), 1, air{data: level(four...).data, errs: 0x01}),
		"overflow":                change(conversation(four), 1, air{data: level(four...).data, errs: 0x10}),
		"hot":                     change(conversation(four), 2, air{data: sak(8).data, errs: 0x40}),
		"write error":             change(conversation(four), 2, air{data: sak(8).data, errs: 0x80}),
		"CRC error":               change(conversation(four), 2, air{data: sak(8).data, errs: 0x04}),
		"reserved error":          change(conversation(four), 2, air{data: sak(8).data, errs: 0x20}),
		"error without a name":    change(conversation(four), 2, air{data: sak(8).data, irq: irqRx | irqErr}),
		"half a byte":             change(conversation(four), 1, air{data: level(four...).data, lastBits: 4}),
		"ATQA of one byte":        {air{data: []byte{0x04}}},
		"ATQA of three bytes":     {air{data: []byte{0x04, 0, 0}}},
		"empty answer":            {air{irq: irqRx}},
		"UID of four bytes":       change(conversation(four), 1, air{data: four}),
		"UID of six bytes":        change(conversation(four), 1, air{data: append(level(four...).data, 0)}),
		"full FIFO":               change(conversation(four), 1, air{data: make([]byte, 64)}),
		"SAK without CRC":         change(conversation(four), 2, air{data: []byte{0x08}}),
		"SAK all zeros":           change(conversation(four), 2, air{data: []byte{0, 0, 0}}),
		"tag but SAK final":       change(conversation(seven), 2, sak(0x20)),
		"no tag but SAK unfinal":  change(conversation(four), 2, sak(0x04)),
		"tag in level 2, final":   {atqa, level(0x88, 1, 2, 3), sak(4), level(0x88, 4, 5, 6), sak(0x20), silence},
		"no tag 2, unfinal":       {atqa, level(0x88, 1, 2, 3), sak(4), level(4, 4, 5, 6), sak(0x04), silence},
		"four levels":             {atqa, level(0x88, 1, 2, 3), sak(4), level(0x88, 4, 5, 6), sak(4), level(1, 2, 3, 4), sak(4), silence},
		"left before its number":  {atqa, silence},
		"left before its SAK":     {atqa, level(four...), silence},
		"left before its level 2": {atqa, level(0x88, 1, 2, 3), sak(4), silence},
	} {
		d := newReader(t, newParrot(said...))
		cards, misread := sample(t, d)
		if !cards.Token.IsZero() || misread != 1 || cards.Value.Coefficient != 0 {
			t.Errorf("%s: %+v, token %q, %d misread; want none and 1", name, cards, secret(cards), misread)
		}
	}
}

// Every flip of one bit in any answer but ATQA, which names nobody, is refused.
// The control: the same flip with the check byte or CRC made right again does
// give another number, so only the checks stood in between, and the test sees a
// wrong token when there is one.
func TestFlipsAreRefused(t *testing.T) {
	flips, wrong := 0, 0
	for _, number := range []string{"3d99c723", "02a20071c84f90", "04010203040506070809"} {
		said := conversation(bytesOf(t, number))
		for i := 1; i < len(said)-1; i++ {
			for bit := range 8 * len(said[i].data) {
				flips++
				spoilt := slices.Clone(said)
				spoilt[i].data = slices.Clone(said[i].data)
				spoilt[i].data[bit/8] ^= 1 << (bit % 8)
				cards, misread := sample(t, newReader(t, newParrot(spoilt...)))
				if !cards.Token.IsZero() || misread != 1 {
					t.Errorf("%s, answer %d, bit %d: token %q, %d misread", number, i, bit, secret(cards), misread)
				}
				if n := len(spoilt[i].data); n == levelLen && bit < 8*partLen {
					spoilt[i] = level(spoilt[i].data[:partLen]...)
					cards, _ := sample(t, newReader(t, newParrot(spoilt...)))
					if !cards.Token.IsZero() && secret(cards) != "uid:"+number {
						wrong++
					}
				}
			}
		}
	}
	t.Logf("%d flips refused; %d of them are other numbers once the check byte is made right", flips, wrong)
	if want := (1 + 2 + 3) * (levelLen + sakLen) * 8; flips != want {
		t.Errorf("%d flips, want %d", flips, want)
	}
	if wrong < 100 {
		t.Errorf("control: %d wrong tokens without the check byte, want over 100", wrong)
	}
}

// A card is presented once, and again only after it was gone.
func TestPresence(t *testing.T) {
	a, b := bytesOf(t, "3d99c723"), bytesOf(t, "02a20071c84f90")
	polls := map[byte][]air{'a': conversation(a), 'b': conversation(b), '.': {silence}, 'x': {air{data: []byte{4, 0}, errs: 8}, silence}}
	for _, tt := range []struct {
		gone         int
		polls, shows string
	}{
		{4, "aaaa", "a---"},
		{4, "a...a", "a----"},
		{4, "a....a", "a----a"},
		{4, "a..a..a...a....a", "a--------------a"},
		{4, "ababab", "ab----"},
		{4, "abbbba", "ab---a"}, // b for a second: a was taken away
		{4, "axxxxxxa", "a-------"},
		{4, "a.x.x.x.a", "a-------a"},
		{1, "a.aa.a", "a-a--a"},
		{1, "aba", "aba"},
	} {
		p := newParrot()
		d := newReader(t, p)
		d.gone = tt.gone
		shows := ""
		for _, poll := range []byte(tt.polls) {
			p.answers, p.next = polls[poll], 0
			cards, _ := sample(t, d)
			switch secret(cards) {
			case "":
				shows += "-"
			case "uid:3d99c723":
				shows += "a"
			case "uid:02a20071c84f90":
				shows += "b"
			}
		}
		if shows != tt.shows {
			t.Errorf("gone after %d, polls %s: presented %s, want %s", tt.gone, tt.polls, shows, tt.shows)
		}
	}
}

func TestManyCardsAreBounded(t *testing.T) {
	p := newParrot()
	d := newReader(t, p)
	for i := range 100 {
		p.answers, p.next = conversation([]byte{0x10, 0, 0, byte(i)}), 0
		if cards, _ := sample(t, d); cards.Token.IsZero() || cards.Value.Coefficient != int64(i+1) {
			t.Fatalf("card %d: %+v", i, cards)
		}
	}
	if len(d.present) > mostPresent {
		t.Errorf("%d cards remembered, want at most %d", len(d.present), mostPresent)
	}
}

// Trouble that stays is said by the quality; one refused poll is not.
func TestDoubt(t *testing.T) {
	collision := []air{{data: []byte{4, 0}, errs: errCollision}, silence}
	noise := []air{{data: []byte{4, 0}, errs: 2}, silence}
	p := newParrot()
	d := newReader(t, p)
	for i, tt := range []struct {
		said []air
		want drivers.Reason
	}{
		{collision, ""}, {collision, ""}, {collision, ""}, {collision, drivers.Interference}, {noise, drivers.BadAnswer},
		{nil, ""}, {noise, ""},
	} {
		p.answers, p.next = tt.said, 0
		cards, _ := sample(t, d)
		quality := drivers.Good
		if tt.want != "" {
			quality = drivers.Uncertain
		}
		if cards.Reason != tt.want || cards.Quality != quality {
			t.Errorf("poll %d: %s %q, want %s %q", i, cards.Quality, cards.Reason, quality, tt.want)
		}
	}
	p.answers, p.next = nil, 0
	sample(t, d) // no trouble
	for i := range doubtAfter + 1 {
		p.answers, p.next = nil, 0
		clear(p.registers[regTMode:regVersion]) // the supply dips between polls
		want := drivers.Reason("")
		if i+1 >= doubtAfter {
			want = drivers.BadAnswer
		}
		if cards, _ := sample(t, d); cards.Reason != want {
			t.Errorf("settings lost %d times: %q, want %q", i+1, cards.Reason, want)
		}
	}
}

func TestNewTouchesNothing(t *testing.T) {
	p := newParrot()
	for _, gone := range []int{0, 1, MostGone} {
		if _, err := New(p, Opts{Gone: gone}); err != nil {
			t.Error(err)
		}
	}
	for _, gone := range []int{-1, MostGone + 1} {
		if _, err := New(p, Opts{Gone: gone}); drivers.ReasonOf(err) != drivers.BadWiring {
			t.Errorf("gone after %d: %v, want bad wiring", gone, err)
		}
	}
	if _, err := New(nil, Opts{}); drivers.ReasonOf(err) != drivers.BadWiring {
		t.Errorf("no port: %v, want bad wiring", err)
	}
	if p.transfers != 0 {
		t.Errorf("%d transfers", p.transfers)
	}
}

// No number shows in anything that is printed.
func TestTokenHides(t *testing.T) {
	cards, _ := sample(t, newReader(t, newParrot(conversation([]byte{0xDE, 0xAD, 0xBE, 0xEF})...)))
	if got := fmt.Sprintf("%v %+v %#v", cards, cards, cards); strings.Contains(got, "deadbeef") {
		t.Errorf("printed: %s", got)
	}
}
