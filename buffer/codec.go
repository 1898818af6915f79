package buffer

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// formatVersion is the version of all values in the store. A reader refuses
// newer ones.
const formatVersion = 1

// kind says what a value is. The numbers are stored: never reorder.
type kind uint8

const (
	kindRecord   kind = iota + 1 // one alarm or event; extra: wall time, unix seconds
	kindBlock                    // readings of one commit; extra: their number
	kindNote                     // a note; extra: length of its key
	kindCursor                   // a platform's cursor; payload: the platform's name
	kindHigh                     // last seq on flash of a lane
	kindStart                    // the run that opened the store, and its bounds
	kindClean                    // the run that closed the store
	kindComplete                 // the file was made to the end
	kindMarks                    // when which confirmations happened
	kindEnd
)

// The sizes of a value around its payload, and the bounds of what goes in.
const (
	magicByte   = 'w'
	headerSize  = 40
	sumSize     = 4
	blockMax    = 1840 // two blocks with their keys fill one 4 KiB page
	maxRecord   = 1 << 20
	maxInflated = 16 << 20
	maxNoteKey  = 1024
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errDamaged = errors.New("damaged value")
	errNewer   = errors.New("written by a newer version")
)

// value is the decoded form of everything kept in the store: it describes
// itself, so that it can be recognised without its key or its page.
type value struct {
	kind    kind
	lane    Lane
	pos     Position
	rev     uint64 // rises with every commit; of two copies the higher is the newer
	extra   uint32
	payload []byte
}

// encode returns header, payload and CRC32C.
func (v value) encode() []byte {
	out := make([]byte, headerSize, headerSize+len(v.payload)+sumSize)
	out[0], out[1], out[2], out[3] = magicByte, formatVersion, byte(v.kind), byte(v.lane)
	binary.BigEndian.PutUint64(out[4:], v.pos.Run.Epoch)
	binary.BigEndian.PutUint64(out[12:], v.pos.Run.N)
	binary.BigEndian.PutUint64(out[20:], v.pos.Seq)
	binary.BigEndian.PutUint64(out[28:], v.rev)
	binary.BigEndian.PutUint32(out[36:], v.extra)
	out = append(out, v.payload...)
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// decodeValue checks the checksum and every field; the payload is a part of raw.
func decodeValue(raw []byte) (value, error) {
	if len(raw) < headerSize+sumSize || raw[0] != magicByte {
		return value{}, errDamaged
	}
	body := raw[:len(raw)-sumSize]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(raw[len(body):]) {
		return value{}, errDamaged
	}
	if raw[1] > formatVersion {
		return value{}, errNewer
	}
	v := value{
		kind: kind(raw[2]),
		lane: Lane(raw[3]),
		pos: Position{
			Run: Run{Epoch: binary.BigEndian.Uint64(raw[4:]), N: binary.BigEndian.Uint64(raw[12:])},
			Seq: binary.BigEndian.Uint64(raw[20:]),
		},
		rev:     binary.BigEndian.Uint64(raw[28:]),
		extra:   binary.BigEndian.Uint32(raw[36:]),
		payload: body[headerSize:],
	}
	if v.kind == 0 || v.kind >= kindEnd || v.lane >= laneCount || raw[1] == 0 {
		return value{}, errDamaged
	}
	return v, nil
}

// seqKey is the key of a record or block: n and seq, so that order in the bucket
// is order of appending over all runs.
func seqKey(p Position) []byte {
	key := make([]byte, 16)
	binary.BigEndian.PutUint64(key, p.Run.N)
	binary.BigEndian.PutUint64(key[8:], p.Seq)
	return key
}

// noteValue is the stored form of a note.
func noteValue(n Note, rev uint64) value {
	payload := make([]byte, 0, len(n.Key)+len(n.Value))
	payload = append(append(payload, n.Key...), n.Value...)
	return value{kind: kindNote, lane: n.Lane, pos: n.At, rev: rev, extra: uint32(len(n.Key)), payload: payload}
}

// noteOf is the note in a value of kindNote.
func noteOf(v value) (Note, error) {
	if v.kind != kindNote || uint64(v.extra) > uint64(len(v.payload)) || v.extra == 0 {
		return Note{}, errDamaged
	}
	n := Note{Key: string(v.payload[:v.extra]), At: v.pos, Lane: v.lane}
	n.Value = bytes.Clone(v.payload[v.extra:])
	return n, nil
}

// blockEncoder makes blocks of readings. It keeps its compressor, which is
// costly to make.
type blockEncoder struct {
	deflate *flate.Writer
	raw     bytes.Buffer
	out     bytes.Buffer
}

// block takes as many leading records as fit into one block, at least one, and
// returns their number.
func (e *blockEncoder) block(first Position, rev uint64, records [][]byte) (value, int, error) {
	n, size := 0, 0
	for n < len(records) && (n == 0 || size < 8*blockMax) {
		size += len(records[n])
		n++
	}
	for {
		payload, err := e.compress(records[:n])
		if err != nil {
			return value{}, 0, err
		}
		over := len(payload) + headerSize + sumSize
		if over <= blockMax || n == 1 {
			v := value{kind: kindBlock, lane: Readings, pos: first, rev: rev, extra: uint32(n), payload: bytes.Clone(payload)}
			return v, n, nil
		}
		n = max(1, min(n-1, n*blockMax/over))
	}
}

func (e *blockEncoder) compress(records [][]byte) ([]byte, error) {
	e.raw.Reset()
	e.out.Reset()
	var length [binary.MaxVarintLen64]byte
	for _, r := range records {
		e.raw.Write(length[:binary.PutUvarint(length[:], uint64(len(r)))])
		e.raw.Write(r)
	}
	if e.deflate == nil {
		w, err := flate.NewWriter(&e.out, flate.DefaultCompression)
		if err != nil {
			return nil, fmt.Errorf("make compressor: %w", err)
		}
		e.deflate = w
	}
	e.deflate.Reset(&e.out)
	if _, err := e.deflate.Write(e.raw.Bytes()); err != nil {
		return nil, fmt.Errorf("deflate block: %w", err)
	}
	if err := e.deflate.Close(); err != nil {
		return nil, fmt.Errorf("deflate block: %w", err)
	}
	return e.out.Bytes(), nil
}

// recordsOf returns the records in a value of kindRecord or kindBlock, each in
// memory of its own.
func recordsOf(v value) ([]Entry, error) {
	switch v.kind {
	case kindRecord:
		return []Entry{{Position: v.pos, Record: bytes.Clone(v.payload)}}, nil
	case kindBlock:
		return blockRecords(v)
	}
	return nil, errDamaged
}

func blockRecords(v value) ([]Entry, error) {
	if v.extra == 0 || v.pos.Seq+uint64(v.extra) < v.pos.Seq {
		return nil, errDamaged
	}
	inflate := flate.NewReader(bytes.NewReader(v.payload))
	raw, err := io.ReadAll(io.LimitReader(inflate, maxInflated+1))
	if err != nil {
		return nil, fmt.Errorf("inflate block: %w: %w", errDamaged, err)
	}
	if len(raw) > maxInflated || uint64(v.extra) > uint64(len(raw)) {
		return nil, errDamaged
	}
	out := make([]Entry, 0, v.extra)
	for i := range uint64(v.extra) {
		length, used := binary.Uvarint(raw)
		if used <= 0 || length > uint64(len(raw)-used) {
			return nil, errDamaged
		}
		p := Position{Run: v.pos.Run, Seq: v.pos.Seq + i}
		out = append(out, Entry{Position: p, Record: bytes.Clone(raw[used : used+int(length)])})
		raw = raw[used+int(length):]
	}
	if len(raw) != 0 {
		return nil, errDamaged
	}
	return out, nil
}

// before is the order of appending. Within a data directory n rises over all
// epochs, so the epoch takes no part.
func (p Position) before(q Position) bool {
	if p.Run.N != q.Run.N {
		return p.Run.N < q.Run.N
	}
	return p.Seq < q.Seq
}
