package sim

import (
	"sync"
	"time"
)

// ReaderFault is something wrong with a reader chip or its SPI lines.
type ReaderFault int

// Faults of an MFRC522.
const (
	// ReaderHealthy is none.
	ReaderHealthy ReaderFault = iota
	// ReaderZeros and ReaderOnes are a MISO line held low, and one nobody drives.
	ReaderZeros
	ReaderOnes
	// ReaderEcho is MISO shorted to MOSI.
	ReaderEcho
	// ReaderNoIRQ is a chip whose interrupt bits never come.
	ReaderNoIRQ
	// ReaderNoWake is a chip that stays in power-down after a reset.
	ReaderNoWake
	// ReaderForgets is a chip that holds no setting.
	ReaderForgets
	// ReaderDeaf is a broken antenna: no card hears it.
	ReaderDeaf
)

// Registers and bits of the MFRC522 (NXP MFRC522 Rev. 3.9, section 9.2) that
// the model knows.
const (
	rcCommand    = 0x01
	rcComIrq     = 0x04
	rcError      = 0x06
	rcFIFOData   = 0x09
	rcFIFOLevel  = 0x0A
	rcControl    = 0x0C
	rcBitFraming = 0x0D
	rcColl       = 0x0E
	rcTxControl  = 0x14
	rcTMode      = 0x2A
	rcTPrescaler = 0x2B
	rcTReloadH   = 0x2C
	rcTReloadL   = 0x2D
	rcVersion    = 0x37

	rcIdle       = 0x00
	rcTransceive = 0x0C
	rcSoftReset  = 0x0F
	rcPowerDown  = 0x10
	rcKeepAfter  = 0x80 // CollReg: ValuesAfterColl
	rcRcvOff     = 0x20

	rcFIFOSize = 64
)

// rcPowerOn are the registers that are not zero at power-on.
var rcPowerOn = map[byte]byte{
	rcCommand: rcRcvOff, 0x02: 0x80, rcComIrq: 0x14, 0x07: 0x21, 0x0B: 0x08, rcControl: 0x10,
	rcColl: 0x80, 0x11: 0x3F, rcTxControl: 0x80, 0x16: 0x10, 0x17: 0x84, 0x18: 0x84, 0x19: 0x4D,
	0x1C: 0x62, 0x1F: 0xEB, 0x21: 0xFF, 0x22: 0xFF, 0x24: 0x26, 0x26: 0x48, 0x27: 0x88, 0x28: 0x20, 0x29: 0x20,
}

// rcWake is from a reset to an answer.
const rcWake = 500 * time.Microsecond

// MFRC522 is a model of NXP's reader chip on SPI, from its datasheet and not
// from our driver: registers, FIFO, the commands Idle, Transceive and SoftReset,
// the timer with TAuto, errors and collisions, and a field with ISO 14443-3 type
// A cards. Answers come when they would on the air; the timer runs in the
// process's own time.
type MFRC522 struct {
	// mu guards everything that follows.
	mu        sync.Mutex
	version   byte
	fault     ReaderFault
	transfers int
	registers [64]byte
	fifo      []byte
	wakes     time.Time
	fieldOn   time.Time // zero while the field is off
	cards     []*Card
	pending   *airAnswer
	timer     time.Time // when TimerIRq comes; zero while stopped
	onAnswer  func(frame, answer []byte) []byte
	onRead    func(r []byte)
}

// NewMFRC522 is a chip of version 2.0 just powered on, with an empty field.
func NewMFRC522() *MFRC522 {
	m := &MFRC522{version: 0x92}
	m.powerOn()
	return m
}

// SetVersion makes another version, or a clone, of the chip.
func (m *MFRC522) SetVersion(v byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version = v
}

// Inject puts the chip in a fault; ReaderHealthy heals it.
func (m *MFRC522) Inject(f ReaderFault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
}

// PowerDip is a loss of power of the chip: registers, FIFO, the command under
// way and the field.
func (m *MFRC522) PowerDip() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.powerOn()
}

// Present lays a card into the field.
func (m *MFRC522) Present(c *Card) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(c)
	c.lose()
	m.cards = append(m.cards, c)
}

// Remove takes a card out of the field; one that is not there is nothing.
func (m *MFRC522) Remove(c *Card) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(c)
}

func (m *MFRC522) remove(c *Card) {
	for i := range m.cards {
		if m.cards[i] == c {
			m.cards = append(m.cards[:i:i], m.cards[i+1:]...)
			return
		}
	}
}

// OnAnswer lets change stand between the cards and the receiver: it gets what
// was sent and what the receiver would get (a copy), and returns what it gets
// instead; nil is silence. nil ends it. It is called with the chip locked and
// must not use it.
func (m *MFRC522) OnAnswer(change func(frame, answer []byte) []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onAnswer = change
}

// OnRead lets change stand on the MISO line: it gets the bytes of each transfer
// that reads, and may change them. nil ends it. It is called with the chip
// locked and must not use it.
func (m *MFRC522) OnRead(change func(r []byte)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onRead = change
}

// Transfers is how many SPI transfers there were.
func (m *MFRC522) Transfers() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.transfers
}

// Tx is one chip-select.
func (m *MFRC522) Tx(w, r []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.transfers++
	m.advance(time.Now())
	if len(w) == 0 {
		return nil
	}
	if w[0]&0x80 == 0 {
		for _, v := range w[1:] {
			m.write(w[0]>>1&0x3F, v)
		}
		clear(r)
	} else {
		for i := range r {
			r[i] = 0
			if i > 0 {
				r[i] = m.read(w[i-1] >> 1 & 0x3F)
			}
		}
	}
	m.spoil(w, r)
	return nil
}

func (m *MFRC522) spoil(w, r []byte) {
	for i := range r {
		switch m.fault {
		case ReaderZeros:
			r[i] = 0
		case ReaderOnes:
			r[i] = 0xFF
		case ReaderEcho:
			r[i] = w[i]
		}
	}
	if m.onRead != nil && len(r) > 0 {
		m.onRead(r)
	}
}

func (m *MFRC522) powerOn() {
	m.registers = [64]byte{}
	for register, v := range rcPowerOn {
		m.registers[register] = v
	}
	m.fifo, m.pending, m.timer = nil, nil, time.Time{}
	m.field(false)
}

func (m *MFRC522) read(register byte) byte {
	switch register {
	case rcVersion:
		return m.version
	case rcFIFOLevel:
		return byte(len(m.fifo))
	case rcFIFOData:
		if len(m.fifo) == 0 {
			return 0
		}
		v := m.fifo[0]
		m.fifo = m.fifo[1:]
		return v
	case rcCommand:
		if m.fault == ReaderNoWake || time.Now().Before(m.wakes) {
			return m.registers[rcCommand] | rcPowerDown
		}
	case rcComIrq:
		if m.fault == ReaderNoIRQ {
			return 0
		}
	case rcBitFraming:
		return m.registers[register] & 0x7F // StartSend is write-only
	}
	return m.registers[register]
}

func (m *MFRC522) write(register, v byte) {
	switch register {
	case rcVersion, rcError: // read only
	case rcColl:
		m.registers[rcColl] = v&rcKeepAfter | m.registers[rcColl]&^rcKeepAfter
	case rcCommand:
		m.command(v & 0x0F)
	case rcComIrq:
		if v&0x80 == 0 {
			m.registers[rcComIrq] &^= v & 0x7F
		} else {
			m.registers[rcComIrq] |= v & 0x7F
		}
	case rcFIFOData:
		if len(m.fifo) == rcFIFOSize {
			m.registers[rcError] |= 0x10 // BufferOvfl
			return
		}
		m.fifo = append(m.fifo, v)
	case rcFIFOLevel:
		if v&0x80 != 0 {
			m.fifo = nil
			m.registers[rcError] &^= 0x10
		}
	case rcTxControl:
		m.registers[rcTxControl] = v
		m.field(v&3 != 0)
	case rcBitFraming:
		m.registers[rcBitFraming] = v
		if v&0x80 != 0 && m.registers[rcCommand]&0x0F == rcTransceive {
			m.transceive(time.Now())
		}
	default:
		m.registers[register] = v
	}
	if m.fault == ReaderForgets {
		switch register {
		case rcCommand, rcComIrq, rcFIFOData, rcFIFOLevel, rcBitFraming:
		default:
			m.registers[register] = rcPowerOn[register]
		}
	}
}

func (m *MFRC522) command(v byte) {
	switch v {
	case rcSoftReset:
		m.powerOn()
		m.wakes = time.Now().Add(rcWake)
	case rcIdle, rcTransceive:
		m.pending, m.timer = nil, time.Time{}
		if v == rcIdle {
			m.registers[rcComIrq] |= 0x10
		}
		m.registers[rcCommand] = v
	default: // the model knows no more; as with an unknown command
		m.registers[rcComIrq] |= 0x10
	}
}

func (m *MFRC522) field(on bool) {
	switch {
	case !on:
		m.fieldOn = time.Time{}
		for _, c := range m.cards {
			c.lose()
		}
	case m.fieldOn.IsZero():
		m.fieldOn = time.Now()
	}
}
