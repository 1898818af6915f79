package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// ModbusFault is what is wrong with a simulated Modbus unit.
type ModbusFault int

// Faults of a unit. A late one is made with Delay, one that refuses with Refuse.
const (
	// ModbusHealthy is a unit that works.
	ModbusHealthy ModbusFault = iota
	// ModbusSilent does not answer.
	ModbusSilent
	// ModbusWrongCRC answers with a wrong checksum.
	ModbusWrongCRC
	// ModbusTruncated leaves off the end of its answers.
	ModbusTruncated
	// ModbusOtherUnit answers with the address after its own.
	ModbusOtherUnit
	// ModbusOtherLength answers with one register too many.
	ModbusOtherLength
)

// What the simulated units know of the protocol (MODBUS Application Protocol
// V1.1b3). It is written apart from the driver, so that one checks the other.
const (
	mbReadHolding   = 0x03
	mbReadInput     = 0x04
	mbWriteSingle   = 0x06
	mbWriteMultiple = 0x10

	mbIllegalFunction = 0x01
	mbIllegalAddress  = 0x02
	mbIllegalValue    = 0x03
	mbRefusal         = 0x80

	mbMostRegisters = 125
	mbShortest      = 8 // bytes of the shortest question
	mbLongest       = 256
)

// modbusDelay is what a unit takes to answer unless told otherwise; a flow meter
// was recorded that takes 4.0 ms.
const modbusDelay = 4 * time.Millisecond

// Modbus is a simulated RS-485 line with Modbus RTU units on it. Attach its
// Answer to a Serial, or let it Serve the far end of a pseudo-terminal. It is
// safe for concurrent use.
type Modbus struct {
	// mu guards everything that follows, and the units.
	mu    sync.Mutex
	units map[byte]*ModbusUnit
	echo  bool
	float bool
	heard []byte // by Serve, of a question not yet whole
}

// NewModbus is a line without units.
func NewModbus() *Modbus { return &Modbus{units: make(map[byte]*ModbusUnit)} }

// Unit is the unit at that address, made at the first call.
func (l *Modbus) Unit(address byte) *ModbusUnit {
	l.mu.Lock()
	defer l.mu.Unlock()
	u, ok := l.units[address]
	if !ok {
		u = &ModbusUnit{line: l, address: address, delay: modbusDelay, holding: make(map[uint16]uint16), input: make(map[uint16]uint16)}
		l.units[address] = u
	}
	return u
}

// Echo lets each question come back first, as on boards that switch direction
// by themselves and go on listening.
func (l *Modbus) Echo(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.echo = on
}

// Float lets the line float between transmissions: a false byte appears at
// every turn-around.
func (l *Modbus) Float(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.float = on
}

// Answer is what is heard on the line after a question: a Peer.
func (l *Modbus) Answer(question []byte) []Piece {
	l.mu.Lock()
	defer l.mu.Unlock()
	var pieces []Piece
	if l.echo {
		pieces = append(pieces, Piece{Bytes: question})
	}
	if l.float {
		pieces = append(pieces, Piece{Bytes: []byte{0xFE}})
	}
	if len(question) < mbShortest || !mbSealed(question) {
		return pieces
	}
	unit, ok := l.units[question[0]]
	if !ok || unit.fault == ModbusSilent {
		return pieces
	}
	unit.asked++
	answer := Piece{After: unit.delay, Bytes: unit.answer(question)}
	if l.float {
		answer.Bytes = append(append([]byte{0x00}, answer.Bytes...), 0xFE)
	}
	return append(pieces, answer)
}

// Serve answers the questions that arrive at rw until reading fails, with nil
// when rw was closed. Answers not yet said when it returns are dropped.
func (l *Modbus) Serve(ctx context.Context, rw io.ReadWriter) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := make([]byte, mbLongest)
	for {
		n, err := rw.Read(p)
		for _, question := range l.questions(p[:n]) {
			pieces := l.Answer(question)
			wg.Go(func() { speak(ctx, rw, pieces) })
		}
		switch {
		case errors.Is(err, os.ErrClosed), errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// questions adds what arrived and takes out the whole questions.
func (l *Modbus) questions(p []byte) (whole [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, p...)
	for from := 0; from+mbShortest <= len(l.heard); from++ {
		n := mbShortest
		if l.heard[from+1] == mbWriteMultiple {
			n = 9 + int(l.heard[from+6])
		}
		if from+n <= len(l.heard) && mbSealed(l.heard[from:from+n]) {
			whole = append(whole, slices.Clone(l.heard[from:from+n]))
			l.heard = l.heard[from+n:]
			from = -1
		}
	}
	if len(l.heard) > mbLongest {
		l.heard = slices.Clone(l.heard[len(l.heard)-mbLongest:])
	}
	return whole
}

// speak writes pieces at their times.
func speak(ctx context.Context, w io.Writer, pieces []Piece) {
	for _, piece := range pieces {
		timer := time.NewTimer(piece.After)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if _, err := w.Write(piece.Bytes); err != nil {
			return // nobody listens any more
		}
	}
}

// ModbusUnit is one unit on a line.
type ModbusUnit struct {
	line    *Modbus
	address byte
	delay   time.Duration
	fault   ModbusFault
	refuse  byte
	asked   int
	holding map[uint16]uint16
	input   map[uint16]uint16
}

// SetHolding makes holding registers from that one on, with these values.
func (u *ModbusUnit) SetHolding(register uint16, values ...uint16) {
	u.set(u.holding, register, values)
}

// SetInput makes input registers from that one on, with these values.
func (u *ModbusUnit) SetInput(register uint16, values ...uint16) {
	u.set(u.input, register, values)
}

func (u *ModbusUnit) set(registers map[uint16]uint16, register uint16, values []uint16) {
	u.line.mu.Lock()
	defer u.line.mu.Unlock()
	for i, v := range values {
		registers[register+uint16(i)] = v
	}
}

// Delay is what the unit takes from now on to answer a question.
func (u *ModbusUnit) Delay(d time.Duration) {
	u.line.mu.Lock()
	defer u.line.mu.Unlock()
	u.delay = d
}

// Inject puts a fault on the unit, in place of the one before.
func (u *ModbusUnit) Inject(fault ModbusFault) {
	u.line.mu.Lock()
	defer u.line.mu.Unlock()
	u.fault = fault
}

// Refuse lets the unit answer every question with an exception; 0 ends that.
func (u *ModbusUnit) Refuse(code byte) {
	u.line.mu.Lock()
	defer u.line.mu.Unlock()
	u.refuse = code
}

// Asked is how many questions the unit answered so far.
func (u *ModbusUnit) Asked() int {
	u.line.mu.Lock()
	defer u.line.mu.Unlock()
	return u.asked
}

// answer is the frame with the unit's fault in it.
func (u *ModbusUnit) answer(question []byte) []byte {
	function := question[1]
	body, refused := u.serve(question)
	if u.refuse != 0 {
		refused = u.refuse
	}
	answer := append([]byte{u.address, function}, body...)
	if refused != 0 {
		answer = []byte{u.address, function | mbRefusal, refused}
	}
	switch u.fault {
	case ModbusOtherUnit:
		answer[0]++
	case ModbusOtherLength:
		if refused == 0 && (function == mbReadHolding || function == mbReadInput) {
			answer = append(answer, 0, 0)
			answer[2] += 2
		}
	}
	answer = binary.LittleEndian.AppendUint16(answer, mbChecksum(answer))
	switch u.fault {
	case ModbusWrongCRC:
		answer[len(answer)-1] ^= 0x10
	case ModbusTruncated:
		answer = answer[:len(answer)-crcCut]
	}
	return answer
}

// crcCut is how many bytes a truncated answer lacks: its checksum and one more.
const crcCut = 3

// serve does what is asked and gives what follows unit and function in the
// answer.
func (u *ModbusUnit) serve(question []byte) (body []byte, refused byte) {
	first, count := binary.BigEndian.Uint16(question[2:]), binary.BigEndian.Uint16(question[4:])
	switch question[1] {
	case mbReadHolding:
		return read(u.holding, first, count)
	case mbReadInput:
		return read(u.input, first, count)
	case mbWriteSingle:
		return question[2:6], u.write(first, question[4:6])
	case mbWriteMultiple:
		data := question[7 : len(question)-2]
		if len(data) != 2*int(count) {
			return nil, mbIllegalValue
		}
		return question[2:6], u.write(first, data)
	}
	return nil, mbIllegalFunction
}

func read(registers map[uint16]uint16, first, count uint16) (body []byte, refused byte) {
	if count < 1 || count > mbMostRegisters {
		return nil, mbIllegalValue
	}
	body = []byte{byte(2 * count)}
	for i := range count {
		v, ok := registers[first+i]
		if !ok {
			return nil, mbIllegalAddress
		}
		body = binary.BigEndian.AppendUint16(body, v)
	}
	return body, 0
}

func (u *ModbusUnit) write(first uint16, data []byte) (refused byte) {
	for i := 0; i < len(data); i += 2 {
		register := first + uint16(i/2)
		if _, ok := u.holding[register]; !ok {
			return mbIllegalAddress
		}
		u.holding[register] = binary.BigEndian.Uint16(data[i:])
	}
	return 0
}

// mbChecksum is CRC-16/MODBUS, bit by bit.
func mbChecksum(frame []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, b := range frame {
		crc ^= uint16(b)
		for range 8 {
			odd := crc & 1
			crc >>= 1
			if odd != 0 {
				crc ^= 0xA001
			}
		}
	}
	return crc
}

func mbSealed(frame []byte) bool {
	n := len(frame) - 2
	return binary.LittleEndian.Uint16(frame[n:]) == mbChecksum(frame[:n])
}
