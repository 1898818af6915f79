package sim

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers/board"
)

// Errors in the words periph has for them on Linux: the text is all a caller of
// periph gets.
var (
	// ErrNAK is an address or byte that was not acknowledged.
	ErrNAK = errors.New("sysfs-i2c: remote I/O error")
	// ErrTimeout is an adapter that gave up waiting for the bus.
	ErrTimeout = errors.New("sysfs-i2c: connection timed out")
	// ErrLine is a line that cannot be read.
	ErrLine = errors.New("input/output error")
)

// Chip answers the transactions to one address: w is written first, then r is
// read. Tx is called by one goroutine at a time.
type Chip interface {
	Tx(w, r []byte) error
}

// Board is simulated hardware for package board.
type Board struct {
	// mu guards everything that follows.
	mu      sync.Mutex
	buses   map[string]*Bus
	lines   map[string]*Line
	serials map[string]*Serial
	spis    map[string]*SPI
	outputs map[string]*Output
	edges   map[string]*Edges

	order atomic.Int64 // of settings of outputs
}

var _ board.Host = (*Board)(nil)

// NewBoard is a board with nothing on it.
func NewBoard() *Board {
	return &Board{
		buses:   make(map[string]*Bus),
		lines:   make(map[string]*Line),
		serials: make(map[string]*Serial),
		spis:    make(map[string]*SPI),
		outputs: make(map[string]*Output),
		edges:   make(map[string]*Edges),
	}
}

// I2C is the bus of that name, made at the first call.
func (b *Board) I2C(name string) *Bus {
	name = board.BusName(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	bus, ok := b.buses[name]
	if !ok {
		bus = &Bus{name: name, chips: make(map[uint16]Chip)}
		b.buses[name] = bus
	}
	return bus
}

// Line is the line of that name, made at the first call.
func (b *Board) Line(name string) *Line {
	name = board.LineName(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	line, ok := b.lines[name]
	if !ok {
		line = &Line{name: name, edges: make(chan struct{}, edgeBuffer)}
		b.lines[name] = line
	}
	return line
}

// OpenI2C opens a bus that I2C made; there are no others.
func (b *Board) OpenI2C(name string) (i2c.BusCloser, error) {
	b.mu.Lock()
	bus, ok := b.buses[board.BusName(name)]
	b.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("open %s: no such file or directory", name)
	}
	return openBus{bus}, nil
}

// OpenLine opens a line that Line made; there are no others.
func (b *Board) OpenLine(name string, pull gpio.Pull) (board.HostLine, error) {
	b.mu.Lock()
	line, ok := b.lines[board.LineName(name)]
	b.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("open line %s: no such line", name)
	}
	return line.open(pull)
}

// Bus is one simulated I2C bus.
type Bus struct {
	name string
	tx   sync.Mutex // one transaction at a time

	// mu guards everything that follows.
	mu    sync.Mutex
	chips map[uint16]Chip
	fail  error
	hang  chan struct{}
}

// Attach puts chip at addr, in place of what was there; nil takes it off.
func (b *Bus) Attach(addr uint16, chip Chip) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if chip == nil {
		delete(b.chips, addr)
		return
	}
	b.chips[addr] = chip
}

// Fail lets every transaction end with err; nil ends the fault.
func (b *Bus) Fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = err
}

// Hang lets every transaction from now on hang, as in a kernel whose adapter
// never answers, until release is called. Hanging transactions then end with
// ErrTimeout.
func (b *Bus) Hang() (release func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	hang := make(chan struct{})
	b.hang = hang
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		close(hang)
		if b.hang == hang {
			b.hang = nil
		}
	})
}

func (b *Bus) transact(addr uint16, w, r []byte) error {
	b.mu.Lock()
	hang, fail, chip := b.hang, b.fail, b.chips[addr]
	b.mu.Unlock()
	switch {
	case hang != nil:
		<-hang
		return ErrTimeout
	case fail != nil:
		return fail
	case chip == nil:
		return ErrNAK
	}
	b.tx.Lock()
	defer b.tx.Unlock()
	return chip.Tx(w, r)
}

// openBus is one opened handle of a bus.
type openBus struct{ bus *Bus }

func (o openBus) String() string { return o.bus.name }

func (o openBus) Tx(addr uint16, w, r []byte) error { return o.bus.transact(addr, w, r) }

func (o openBus) SetSpeed(physic.Frequency) error { return errors.New("sysfs-i2c: not supported") }

func (o openBus) Close() error { return nil }
