package clock

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// NoteKey is where a table is kept among the notes of the buffer.
const NoteKey = "clock/boots"

// ErrNewer is returned, wrapped, for the table of a later release in a form
// that this one cannot read.
var ErrNewer = errors.New("table of a newer release")

// ErrDamaged is returned, wrapped, for bytes that no release writes.
var ErrDamaged = errors.New("damaged table")

// The durable form: a version byte, fields in the wire form of Protocol
// Buffers, CRC32C of all before (4 bytes, big-endian). A field that is not
// known is skipped.
//
//	table:  1 boot message, repeated, oldest first
//	boot:   1 id, 16 bytes
//	        2 points, bytes: for each the milliseconds of offset since the one
//	          before (varint; since boot for the first), and of UTC since where
//	          the one before would put it (zigzag; Unix for the first)
const (
	noteVersion = 1
	fieldLine   = 1
	lineBoot    = 1
	linePoints  = 2
	sumLen      = 4
)

// maxOffset bounds the offset of a point to what a Duration can say.
const maxOffset = int64(1<<63-1) / 1e6

// Note is the table's durable form, to be kept under NoteKey, and its revision.
func (t *Table) Note() (value []byte, revision uint64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	b := []byte{noteVersion}
	for _, l := range t.lines {
		body := protowire.AppendTag(nil, lineBoot, protowire.BytesType)
		body = protowire.AppendBytes(body, l.boot[:])
		var points []byte
		var last point
		for _, p := range l.points {
			points = protowire.AppendVarint(points, uint64(p.offset-last.offset))
			points = protowire.AppendVarint(points, protowire.EncodeZigZag(p.lead()-last.lead()))
			last = p
		}
		body = protowire.AppendTag(body, linePoints, protowire.BytesType)
		body = protowire.AppendBytes(body, points)
		b = protowire.AppendTag(b, fieldLine, protowire.BytesType)
		b = protowire.AppendBytes(b, body)
	}
	return seal(b), t.revision
}

// Unsaved reports whether the table holds what its durable form does not: a
// first fix or a step at once, and otherwise hourly while the clock is synced.
func (t *Table) Unsaved() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.revision != t.saved
}

// Saved says that what Note returned with revision is durable.
func (t *Table) Saved(revision uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.saved = max(t.saved, revision)
}

// Adopt takes in what an earlier run knew, for a table that began to learn
// before it could be read. What t knows of a boot stays.
func (t *Table) Adopt(earlier *Table) {
	earlier.mu.RLock()
	defer earlier.mu.RUnlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	var older []*line
	for _, l := range earlier.lines {
		if t.line(l.boot) == nil {
			older = append(older, &line{boot: l.boot, points: slices.Clone(l.points)})
		}
	}
	if older == nil {
		return
	}
	fresh := len(t.lines) == 0
	t.lines = append(older, t.lines...)
	t.lines = t.lines[max(len(t.lines)-maxBoots, 0):]
	t.revision++
	if fresh {
		t.saved = t.revision
	}
}

func seal(b []byte) []byte {
	sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return append(b, byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
}

// DecodeTable reads what Note returned. An error wraps ErrNewer or ErrDamaged;
// whoever gets one goes on with an empty table.
func DecodeTable(note []byte) (*Table, error) {
	switch {
	case len(note) == 0:
		return nil, fmt.Errorf("decode clock table: %w: empty", ErrDamaged)
	case note[0] > noteVersion:
		return nil, fmt.Errorf("decode clock table: %w: format %d, this release reads %d", ErrNewer, note[0], noteVersion)
	case note[0] < noteVersion:
		return nil, fmt.Errorf("decode clock table: %w: format %d", ErrDamaged, note[0])
	case len(note) < 1+sumLen || string(seal(note[:len(note)-sumLen:len(note)-sumLen])) != string(note):
		return nil, fmt.Errorf("decode clock table of %d bytes: %w: checksum", len(note), ErrDamaged)
	}
	t := NewTable()
	err := messages(note[1:len(note)-sumLen], func(num protowire.Number, raw []byte) error {
		if num != fieldLine {
			return nil
		}
		l, err := decodeLine(raw)
		if err != nil {
			return err
		}
		if t.line(l.boot) != nil {
			return fmt.Errorf("%w: boot %s twice", ErrDamaged, l.boot)
		}
		t.lines = append(t.lines, l)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("decode clock table of %d bytes: %w", len(note), err)
	}
	// a later release may keep more
	t.lines = t.lines[max(len(t.lines)-maxBoots, 0):]
	for i, l := range t.lines {
		limit := keepPoints
		if i == len(t.lines)-1 {
			limit = maxPoints
		}
		l.thin(limit)
	}
	return t, nil
}

func decodeLine(b []byte) (*line, error) {
	l := &line{}
	err := messages(b, func(num protowire.Number, raw []byte) error {
		switch num {
		case lineBoot:
			if len(raw) != len(l.boot) {
				return fmt.Errorf("%w: boot id of %d bytes", ErrDamaged, len(raw))
			}
			copy(l.boot[:], raw)
		case linePoints:
			points, err := decodePoints(raw)
			l.points = points
			return err
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case l.boot == (BootID{}) || len(l.points) == 0:
		return nil, fmt.Errorf("%w: boot %s with %d points", ErrDamaged, l.boot, len(l.points))
	}
	return l, nil
}

func decodePoints(b []byte) ([]point, error) {
	var points []point
	var last point
	for len(b) > 0 {
		step, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, fmt.Errorf("%w: read point: %w", ErrDamaged, protowire.ParseError(n))
		}
		lead, m := protowire.ConsumeVarint(b[n:])
		if m < 0 {
			return nil, fmt.Errorf("%w: read point: %w", ErrDamaged, protowire.ParseError(m))
		}
		b = b[n+m:]
		if step > uint64(maxOffset-last.offset) || step == 0 && len(points) > 0 {
			return nil, fmt.Errorf("%w: point %d ms after the one before", ErrDamaged, step)
		}
		p := point{offset: last.offset + int64(step)}
		p.utc = p.offset + last.lead() + protowire.DecodeZigZag(lead)
		if p.utc < -latest || p.utc > latest {
			return nil, fmt.Errorf("%w: point at Unix time %d ms", ErrDamaged, p.utc)
		}
		points, last = append(points, p), p
	}
	return points, nil
}

// messages calls take for each field of b. All fields of this release are made
// of bytes; raw is nil for one that is not.
func messages(b []byte, take func(num protowire.Number, raw []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%w: read tag: %w", ErrDamaged, protowire.ParseError(n))
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(num, typ, b)
		if n < 0 {
			return fmt.Errorf("%w: read field %d: %w", ErrDamaged, num, protowire.ParseError(n))
		}
		var raw []byte
		if typ == protowire.BytesType {
			raw, _ = protowire.ConsumeBytes(b) // whole: its length was just looked at
		}
		if err := take(num, raw); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
