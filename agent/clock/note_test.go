package clock

import (
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// sampleTable has two boots; the newer one was stepped back by an hour.
func sampleTable() *Table {
	t := NewTable()
	utc := time.Date(2026, 3, 1, 4, 5, 6, 789e6, time.UTC)
	learn := func(boot byte, offset time.Duration, wall time.Time) {
		t.Learn(Stamp{Boot: BootID{0: boot, 15: 7}, Offset: offset, Wall: wall, Synced: true})
	}
	learn(1, 90*time.Second, utc)
	learn(2, 42*time.Second+42*time.Millisecond, utc.Add(25*time.Hour))
	learn(2, time.Hour+42*time.Second+43*time.Millisecond, utc.Add(26*time.Hour))
	learn(2, 2*time.Hour, utc.Add(26*time.Hour))
	return t
}

func noteOf(t *Table) []byte { b, _ := t.Note(); return b }

// The notes of the release before lie on gateways in the field.
func TestNoteBytes(t *testing.T) {
	text, err := os.ReadFile("testdata/table.hex")
	if err != nil {
		t.Fatalf("%v\nhas to hold:\n%x", err, noteOf(sampleTable()))
	}
	want, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if got := noteOf(sampleTable()); hex.EncodeToString(got) != hex.EncodeToString(want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	table, err := DecodeTable(want)
	if err != nil {
		t.Fatal(err)
	}
	if got := noteOf(table); string(got) != string(want) {
		t.Errorf("through the decoder: %x", got)
	}
	if table.Unsaved() {
		t.Error("a table just read is not saved")
	}
}

func TestEmptyNote(t *testing.T) {
	table, err := DecodeTable(noteOf(NewTable()))
	if err != nil || len(table.Fixes()) != 0 {
		t.Errorf("%v, %v", table.Fixes(), err)
	}
}

// future appends fields of every wire type that this release does not know.
func future(b []byte) []byte {
	b = protowire.AppendVarint(protowire.AppendTag(b, 90, protowire.VarintType), 1<<63)
	b = protowire.AppendFixed32(protowire.AppendTag(b, 91, protowire.Fixed32Type), 7)
	b = protowire.AppendFixed64(protowire.AppendTag(b, 92, protowire.Fixed64Type), 7)
	return protowire.AppendString(protowire.AppendTag(b, 93, protowire.BytesType), "\xff not for you")
}

func message(num protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), body)
}

// whole is the durable form of a table with these lines.
func whole(lines ...[]byte) []byte {
	b := []byte{noteVersion}
	for _, l := range lines {
		b = append(b, message(fieldLine, l)...)
	}
	return seal(b)
}

func TestNoteOfALaterRelease(t *testing.T) {
	note := noteOf(sampleTable())
	later := seal(future(note[: len(note)-sumLen : len(note)-sumLen]))
	if table, err := DecodeTable(later); err != nil || string(noteOf(table)) != string(note) {
		t.Errorf("unknown fields: %v", err)
	}
	boot := BootID{5}
	line := future(append(message(lineBoot, boot[:]), message(linePoints, []byte{1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1})...))
	if table, err := DecodeTable(whole(line)); err != nil || len(table.Fixes()) != 1 {
		t.Errorf("unknown fields in a boot: %v", err)
	}
	newer := append([]byte{noteVersion + 1}, note[1:]...)
	if _, err := DecodeTable(newer); !errors.Is(err, ErrNewer) || errors.Is(err, ErrDamaged) {
		t.Errorf("newer form: %v", err)
	}
}

func TestDamagedNotes(t *testing.T) {
	note := noteOf(sampleTable())
	for n := range note {
		if _, err := DecodeTable(note[:n]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
	for bit := range 8 * len(note) {
		flipped := append([]byte{}, note...)
		flipped[bit/8] ^= 1 << (bit % 8)
		if _, err := DecodeTable(flipped); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
			t.Errorf("bit %d flipped: %v", bit, err)
		}
	}
	boot, zero := BootID{5}, BootID{}
	id, utc := message(lineBoot, boot[:]), []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1}
	point := append([]byte{1}, utc...)
	sound := append(append([]byte{}, id...), message(linePoints, point)...)
	if _, err := DecodeTable(whole(sound)); err != nil { // the parts below are sound
		t.Errorf("whole: %v", err)
	}
	for name, b := range map[string][]byte{
		"boot twice":        whole(sound, sound),
		"boot is short":     whole(append(message(lineBoot, []byte{1}), message(linePoints, point)...)),
		"boot is zero":      whole(append(message(lineBoot, zero[:]), message(linePoints, point)...)),
		"no boot":           whole(message(linePoints, point)),
		"no points":         whole(id),
		"points of nothing": whole(append(id[:len(id):len(id)], message(linePoints, nil)...)),
		"point cut":         whole(append(id[:len(id):len(id)], message(linePoints, point[:3])...)),
		"point without utc": whole(append(id[:len(id):len(id)], message(linePoints, []byte{1})...)),
		"points stand":      whole(append(id[:len(id):len(id)], message(linePoints, append(point[:len(point):len(point)], 0, 0))...)),
		"offset of ages":    whole(append(id[:len(id):len(id)], message(linePoints, append(protowire.AppendVarint(nil, 1<<63), utc...))...)),
		"year 20000":        whole(append(id[:len(id):len(id)], message(linePoints, protowire.AppendVarint([]byte{1}, 2*569e12))...)),
		"boot as a number":  whole(protowire.AppendVarint(protowire.AppendTag(nil, lineBoot, protowire.VarintType), 1)),
		"line as a number":  seal(protowire.AppendVarint(protowire.AppendTag([]byte{noteVersion}, fieldLine, protowire.VarintType), 1)),
		"tag cut":           seal([]byte{noteVersion, 0x80}),
		"field cut":         seal([]byte{noteVersion, 0x0a, 9}),
		"version 0":         seal([]byte{0}),
	} {
		if _, err := DecodeTable(b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A table read back says what it said; whatever the bytes, nothing panics.
func FuzzDecodeTable(f *testing.F) {
	note := noteOf(sampleTable())
	f.Add(note)
	f.Add(noteOf(NewTable()))
	f.Add(seal(future(note[: len(note)-sumLen : len(note)-sumLen])))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > sumLen { // past the checksum, which no mutation gets right
			b = seal(append([]byte{}, b[:len(b)-sumLen]...))
		}
		table, err := DecodeTable(b)
		if err != nil {
			if !errors.Is(err, ErrNewer) && !errors.Is(err, ErrDamaged) {
				t.Fatalf("untyped error: %v", err)
			}
			return
		}
		again, err := DecodeTable(noteOf(table))
		if err != nil || string(noteOf(again)) != string(noteOf(table)) {
			t.Fatalf("cannot be read back: %v", err)
		}
		for _, fix := range table.Fixes() {
			for _, at := range []time.Duration{0, fix.Offset / 2, fix.Offset, fix.Offset + time.Hour} {
				for _, synced := range []bool{false, true} {
					s := Stamp{Boot: fix.Boot, Offset: at, Wall: fix.UTC, Synced: synced}
					one, _ := table.Correct(s)
					two, _ := again.Correct(s)
					if one != two || one.Corrected && (one.Wall.Year() < 2000 || one.Wall.Year() > 9999) {
						t.Fatalf("%+v corrected to %+v and %+v", s, one, two)
					}
					table.Uncertainty(s)
				}
			}
			table.Learn(Stamp{Boot: fix.Boot, Offset: fix.Offset + time.Hour, Wall: time.Unix(1.8e9, 0), Synced: true})
		}
		if _, err := DecodeTable(noteOf(table)); err != nil {
			t.Fatalf("what was learnt on top cannot be read back: %v", err)
		}
	})
}
