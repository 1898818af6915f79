package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Function is a public function code (MODBUS Application Protocol V1.1b3,
// section 6).
type Function byte

// Functions whose questions and answers this package can put into frames.
const (
	ReadCoils              Function = 0x01
	ReadDiscreteInputs     Function = 0x02
	ReadHoldingRegisters   Function = 0x03
	ReadInputRegisters     Function = 0x04
	WriteSingleCoil        Function = 0x05
	WriteSingleRegister    Function = 0x06
	WriteMultipleCoils     Function = 0x0F
	WriteMultipleRegisters Function = 0x10
)

// exceptionFlag is added to the function code of an answer that refuses.
const exceptionFlag Function = 0x80

// Lengths of frames on the line, in bytes.
const (
	crcLength       = 2
	exceptionLength = 5 // unit, function, code, CRC: the shortest answer
	fixedLength     = 8 // a question without a block of data, and the answer to a write
	blockAt         = 7 // where the data of a question that has a block begins
	maxFrame        = 256
)

// Limits of one question (V1.1b3, sections 6.1 to 6.12).
const (
	maxReadBits       = 2000
	maxReadRegisters  = 125
	maxWriteBits      = 1968
	maxWriteRegisters = 123
)

// MaxUnit is the highest address of a unit; 0 is the address of all.
const MaxUnit = 247

// crcTable is CRC-16/MODBUS for each byte: polynomial 8005 reflected, start
// FFFF (MODBUS over Serial Line V1.02, appendix B).
var crcTable = makeCRCTable()

func makeCRCTable() (table [256]uint16) {
	for i := range table {
		crc := uint16(i)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xA001
			} else {
				crc >>= 1
			}
		}
		table[i] = crc
	}
	return table
}

// CRC is the checksum of a frame's bytes. On the line its low byte comes first.
func CRC(frame []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, b := range frame {
		crc = crc>>8 ^ crcTable[byte(crc)^b]
	}
	return crc
}

// sealed reports whether the last two bytes are the checksum of the others.
func sealed(frame []byte) bool {
	n := len(frame) - crcLength
	return n > 0 && binary.LittleEndian.Uint16(frame[n:]) == CRC(frame[:n])
}

func appendCRC(frame []byte) []byte {
	return binary.LittleEndian.AppendUint16(frame, CRC(frame))
}

// Request is a question to a unit.
type Request struct {
	Unit     byte
	Function Function
	// Address is the first coil or register as the protocol counts, from 0:
	// what manuals call register 40001 is address 0.
	Address uint16
	// Count is how many coils or registers; 1 for the two single writes.
	Count uint16
	// Data is what a write writes, in the order of the line: nil for a read.
	Data []byte
}

// Validate reports what no device can be asked.
func (r Request) Validate() error {
	limit, data := 0, 0
	switch r.Function {
	case ReadCoils, ReadDiscreteInputs:
		limit = maxReadBits
	case ReadHoldingRegisters, ReadInputRegisters:
		limit = maxReadRegisters
	case WriteSingleCoil, WriteSingleRegister:
		limit, data = 1, 2
	case WriteMultipleCoils:
		limit, data = maxWriteBits, bitBytes(r.Count)
	case WriteMultipleRegisters:
		limit, data = maxWriteRegisters, 2*int(r.Count)
	default:
		return fmt.Errorf("function %d is not known", byte(r.Function))
	}
	switch {
	case r.Unit > MaxUnit:
		return fmt.Errorf("unit %d: want 0 to %d", r.Unit, MaxUnit)
	case r.Unit == 0 && data == 0:
		return errors.New("unit 0: nobody answers a read that asks all")
	case r.Count < 1 || int(r.Count) > limit:
		return fmt.Errorf("function %d with count %d: want 1 to %d", byte(r.Function), r.Count, limit)
	case int(r.Address)+int(r.Count) > 1<<16:
		return fmt.Errorf("address %d with count %d: past the last address", r.Address, r.Count)
	case len(r.Data) != data:
		return fmt.Errorf("function %d with count %d: %d bytes of data, want %d", byte(r.Function), r.Count, len(r.Data), data)
	case r.Function == WriteSingleCoil && r.Data[1] != 0 || r.Function == WriteSingleCoil && r.Data[0] != 0xFF && r.Data[0] != 0:
		return fmt.Errorf("coil value %02x%02x: want ff00 or 0000", r.Data[0], r.Data[1])
	}
	return nil
}

// Append adds the question's frame to dst. The request must be valid.
func (r Request) Append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, r.Unit, byte(r.Function))
	dst = binary.BigEndian.AppendUint16(dst, r.Address)
	switch r.Function {
	case WriteSingleCoil, WriteSingleRegister:
		dst = append(dst, r.Data...)
	case WriteMultipleCoils, WriteMultipleRegisters:
		dst = binary.BigEndian.AppendUint16(dst, r.Count)
		dst = append(dst, byte(len(r.Data)))
		dst = append(dst, r.Data...)
	default:
		dst = binary.BigEndian.AppendUint16(dst, r.Count)
	}
	return binary.LittleEndian.AppendUint16(dst, CRC(dst[start:]))
}

// AnswerLength is how many bytes the answer has, unless it is an exception.
func (r Request) AnswerLength() int {
	switch r.Function {
	case ReadCoils, ReadDiscreteInputs:
		return exceptionLength + bitBytes(r.Count)
	case ReadHoldingRegisters, ReadInputRegisters:
		return exceptionLength + 2*int(r.Count)
	}
	return fixedLength
}

// reads reports a question that changes nothing.
func (r Request) reads() bool {
	return r.Function >= ReadCoils && r.Function <= ReadInputRegisters
}

// same reports the same question, whose answers serve both.
func (r Request) same(s Request) bool {
	return r.Unit == s.Unit && r.Function == s.Function && r.Address == s.Address && r.Count == s.Count &&
		string(r.Data) == string(s.Data)
}

func bitBytes(count uint16) int { return (int(count) + 7) / 8 }

// verdict is what some bytes are, looked at as a frame that begins with them.
type verdict int

const (
	stranger verdict = iota // they cannot begin the frame
	short                   // they may; more is needed to say
	damaged                 // head and length fit, the checksum does not
	right
)

// match looks at b as the answer to r, exceptions included. n is the length of
// the frame when it is right or damaged.
func (r Request) match(b []byte) (n int, v verdict) {
	switch {
	case len(b) == 0:
		return 0, short
	case b[0] != r.Unit:
		return 0, stranger
	case len(b) == 1:
		return 0, short
	}
	n = r.AnswerLength()
	switch Function(b[1]) {
	case r.Function:
		if !r.headFits(b) {
			return 0, stranger
		}
	case r.Function | exceptionFlag:
		n = exceptionLength
	default:
		return 0, stranger
	}
	switch {
	case len(b) < n:
		return 0, short
	case !sealed(b[:n]):
		return n, damaged
	}
	return n, right
}

// headFits compares what the answer repeats of the question, as far as it is
// there: the byte count of a read, address and value or count of a write.
func (r Request) headFits(b []byte) bool {
	if r.reads() {
		return len(b) < 3 || int(b[2]) == r.AnswerLength()-exceptionLength
	}
	var head [6]byte
	binary.BigEndian.PutUint16(head[2:], r.Address)
	binary.BigEndian.PutUint16(head[4:], r.Count)
	if len(r.Data) == 2 && (r.Function == WriteSingleCoil || r.Function == WriteSingleRegister) {
		copy(head[4:], r.Data)
	}
	for i := 2; i < len(b) && i < len(head); i++ {
		if b[i] != head[i] {
			return false
		}
	}
	return true
}

// answerAt is the length of the whole answer of any unit to any question that b
// begins with; 0 when there is none.
func answerAt(b []byte) int {
	if len(b) < exceptionLength {
		return 0
	}
	n := 0
	switch f := Function(b[1]); f {
	case ReadCoils, ReadDiscreteInputs, ReadHoldingRegisters, ReadInputRegisters:
		n = exceptionLength + int(b[2])
	case WriteSingleCoil, WriteSingleRegister, WriteMultipleCoils, WriteMultipleRegisters:
		n = fixedLength
	default:
		if f&exceptionFlag == 0 {
			return 0
		}
		n = exceptionLength
	}
	if n > maxFrame || len(b) < n || !sealed(b[:n]) {
		return 0
	}
	return n
}

// ParseRequest reads the question that b begins with and gives its length. The
// data are those of b. ok is false when b does not begin with a whole and
// undamaged question.
func ParseRequest(b []byte) (r Request, n int, ok bool) {
	if len(b) < fixedLength {
		return Request{}, 0, false
	}
	r = Request{Unit: b[0], Function: Function(b[1]), Address: binary.BigEndian.Uint16(b[2:]), Count: binary.BigEndian.Uint16(b[4:])}
	n = fixedLength
	switch r.Function {
	case WriteSingleCoil, WriteSingleRegister:
		r.Count, r.Data = 1, b[4:6:6]
	case WriteMultipleCoils, WriteMultipleRegisters:
		n = blockAt + int(b[6]) + crcLength
		if len(b) < n {
			return Request{}, 0, false
		}
		r.Data = b[blockAt : n-crcLength : n-crcLength]
	}
	if !sealed(b[:n]) || r.Validate() != nil {
		return Request{}, 0, false
	}
	return r, n, true
}
