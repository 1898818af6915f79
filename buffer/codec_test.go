package buffer

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBlocksHoldWhatWasPut(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var e blockEncoder
	for _, size := range []int{0, 1, 30, 400, 1700, 5000, 200_000} {
		var records [][]byte
		for range 50 {
			records = append(records, []byte(randomRecord(r, size)))
		}
		got, blocks := [][]byte{}, 0
		for rest := records; len(rest) > 0; {
			v, n, err := e.block(Position{Run: Run{1, 2}, Seq: uint64(len(got) + 1)}, 9, rest)
			if err != nil {
				t.Fatal(err)
			}
			raw := v.encode()
			if len(raw) > blockMax && n > 1 {
				t.Errorf("size %d: block of %d bytes holds %d records", size, len(raw), n)
			}
			back, err := decodeValue(raw)
			if err != nil {
				t.Fatal(err)
			}
			entries, err := recordsOf(back)
			if err != nil || len(entries) != n {
				t.Fatalf("size %d: %d entries, %v", size, len(entries), err)
			}
			for _, entry := range entries {
				if entry.Seq != uint64(len(got)+1) {
					t.Fatalf("seq %d, want %d", entry.Seq, len(got)+1)
				}
				got = append(got, entry.Record)
			}
			rest = rest[n:]
			blocks++
		}
		if !slices.EqualFunc(got, records, bytes.Equal) {
			t.Errorf("size %d: records changed on the way", size)
		}
		if size == 0 && blocks != 1 {
			t.Errorf("%d blocks for empty records", blocks)
		}
	}
}

func TestEveryFlippedBitIsSeen(t *testing.T) {
	raw := value{kind: kindRecord, lane: Events, pos: Position{Run{1, 2}, 3}, payload: []byte("door open")}.encode()
	for i := range len(raw) * 8 {
		bad := bytes.Clone(raw)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := decodeValue(bad); err == nil {
			t.Errorf("bit %d flipped unseen", i)
		}
	}
	if _, err := decodeValue(raw); err != nil {
		t.Error(err)
	}
}

func FuzzDecodeValue(f *testing.F) {
	f.Add(value{kind: kindRecord, payload: []byte("x")}.encode())
	f.Add(noteValue(Note{Key: "k", Value: []byte("v")}, 1).encode())
	f.Add([]byte("w"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := decodeValue(raw)
		if err != nil {
			if !errors.Is(err, errDamaged) && !errors.Is(err, errNewer) {
				t.Errorf("error %v", err)
			}
			return
		}
		if !bytes.Equal(v.encode(), raw) {
			t.Errorf("%x is read as %+v", raw, v)
		}
	})
}

// The payload is fuzzed without its checksum, which would hide everything behind it.
func FuzzDecodePayload(f *testing.F) {
	var e blockEncoder
	v, _, err := e.block(Position{Seq: 1}, 1, [][]byte{[]byte("one"), []byte("two")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(kindBlock), v.extra, v.payload)
	f.Add(uint8(kindNote), uint32(1), []byte("kv"))
	f.Add(uint8(kindMarks), uint32(0), make([]byte, 40))
	f.Fuzz(func(t *testing.T, k uint8, extra uint32, payload []byte) {
		v := value{kind: kind(k), extra: extra, payload: payload, lane: Readings}
		entries, err := recordsOf(v)
		if err == nil && kind(k) == kindBlock && len(entries) != int(extra) {
			t.Errorf("%d entries of %d", len(entries), extra)
		}
		_, _ = noteOf(v)
		_, _ = bounds(v)
		_ = marksOf(v)
		_, _ = placeOf(v)
	})
}

// A page of any content is read without harm.
func FuzzReadPage(f *testing.F) {
	page := make([]byte, 2*pageSize)
	page[8], page[10] = leafPage, 3
	f.Add(page)
	f.Fuzz(func(t *testing.T, raw []byte) {
		file := &pageFile{r: bytes.NewReader(raw), size: int64(len(raw))}
		s := &salvage{small: map[string]value{}}
		s.scan(file)
		if m, err := file.meta(); err == nil {
			w := &walker{file: file, meta: m, seen: map[uint64]bool{}}
			_ = w.tree(m.root, func(element) error { return nil })
		}
		w := &walker{file: file, meta: meta{pages: uint64(len(raw) / pageSize)}, seen: map[uint64]bool{}}
		_ = w.tree(2, func(e element) error { return w.bucket(e.value, func(element) error { return nil }) })
	})
}

func FuzzRunFile(f *testing.F) {
	f.Add(runFile{Run: Run{7, 8}, Unfinished: 1}.encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, ok := decodeRunFile(raw); ok && !bytes.Equal(bytes.TrimSuffix(raw, []byte("\n")), bytes.TrimSuffix(r.encode(), []byte("\n"))) {
			t.Errorf("%q is read as %+v", raw, r)
		}
	})
}
