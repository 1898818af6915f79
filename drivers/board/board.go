package board

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

// ErrClosed is the answer of every bus and line after Board.Close.
var ErrClosed = errors.New("board is closed")

// Options are a Board's settings. Zero values take the defaults named here.
type Options struct {
	// TxTimeout bounds one transaction on a bus and one read of a line, 1 s by
	// default. The slowest honest transaction, 64 bytes at 10 kHz, takes 60 ms.
	TxTimeout time.Duration
	// BackoffMin and BackoffMax bound the wait before a device that is down is
	// opened again, 1 s and 60 s by default. One that is not there is looked for
	// every 10 s at the latest.
	BackoffMin, BackoffMax time.Duration
	// Jitter is a random number in [0,1); math/rand/v2.Float64 by default.
	Jitter func() float64
	// Report hears of each change of a bus or line: the cause when it goes down
	// or cannot be opened, nil when it answers again. It is called with the
	// device locked: it must return soon and must not use the board.
	Report func(device string, err error)
}

// Board shares the devices of one Host. It is safe for concurrent use.
type Board struct {
	host Host
	opts Options
	stop chan struct{}

	// mu guards everything that follows.
	mu      sync.Mutex
	closed  bool
	buses   map[string]*Bus
	lines   map[string]*Line
	serials map[string]*Serial
	spis    map[string]*SPI
	outputs map[string]*Output
	edges   map[string]*Edges
	claims  map[string]string // what each GPIO line is used as
	ends    []ender           // every owner there is
	parts   map[string]any
}

// New makes a board on host. Nothing is opened yet.
func New(host Host, opts Options) *Board {
	return &Board{
		host:    host,
		opts:    opts.withDefaults(),
		stop:    make(chan struct{}),
		buses:   make(map[string]*Bus),
		lines:   make(map[string]*Line),
		serials: make(map[string]*Serial),
		spis:    make(map[string]*SPI),
		outputs: make(map[string]*Output),
		edges:   make(map[string]*Edges),
		claims:  make(map[string]string),
		parts:   make(map[string]any),
	}
}

// I2C is the bus of that name, the same for every caller and every spelling
// BusName knows. It never fails: what is wrong comes from the bus's Tx.
func (b *Board) I2C(name string) i2c.Bus {
	name = BusName(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	bus, ok := b.buses[name]
	if !ok {
		open := func() (i2c.BusCloser, error) { return b.host.OpenI2C(name) }
		bus = &Bus{name: name, limit: b.opts.TxTimeout, owner: newOwner(name, open, busVerdict, b.opts, b.stop)}
		b.buses[name] = bus
		b.ends = append(b.ends, bus.owner)
	}
	return bus
}

// Line is the GPIO input of that name, the same for every caller. It never
// fails: what is wrong comes from the line's methods. A line asked for a second
// time with another pull answers drivers.BadWiring to the second caller.
func (b *Board) Line(name string, pull gpio.Pull) *Line {
	name = LineName(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	line, ok := b.lines[name]
	switch {
	case !ok:
		if err := b.claimLine(name, "an input"); err != nil {
			return &Line{name: name, pull: pull, refused: err}
		}
		open := func() (HostLine, error) { return b.host.OpenLine(name, pull) }
		line = &Line{name: name, pull: pull, limit: b.opts.TxTimeout, owner: newOwner(name, open, lineVerdict, b.opts, b.stop)}
		b.lines[name] = line
		b.ends = append(b.ends, line.owner)
	case line.pull != pull:
		why := fmt.Errorf("use line %s with pull %s: it is in use with pull %s", name, pull, line.pull)
		return &Line{name: name, pull: pull, refused: drivers.Because(drivers.BadWiring, why)}
	}
	return line
}

// Close ends all devices and waits for their goroutines until ctx ends.
// A goroutine that hangs in the kernel cannot be ended: the error then names
// its device. Closing twice is allowed.
func (b *Board) Close(ctx context.Context) error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.stop)
	}
	ends := slices.Clone(b.ends)
	b.mu.Unlock()
	var errs []error
	for _, e := range ends {
		errs = append(errs, e.end(ctx))
	}
	return errors.Join(errs...)
}

type ender interface {
	end(ctx context.Context) error
}

func (o Options) withDefaults() Options {
	if o.TxTimeout <= 0 {
		o.TxTimeout = time.Second
	}
	if o.BackoffMin <= 0 {
		o.BackoffMin = time.Second
	}
	if o.BackoffMax <= 0 {
		o.BackoffMax = time.Minute
	}
	o.BackoffMax = max(o.BackoffMin, o.BackoffMax)
	if o.Jitter == nil {
		o.Jitter = randomJitter
	}
	if o.Report == nil {
		o.Report = func(string, error) {}
	}
	return o
}

// Bus is one I2C bus, shared. It is safe for concurrent use; transactions go
// out in the order they came.
type Bus struct {
	name  string
	limit time.Duration
	owner *owner[i2c.BusCloser]
}

var _ i2c.Bus = (*Bus)(nil)

// String is the bus's name.
func (b *Bus) String() string { return b.name }

// Tx does one transaction. It waits at most Options.TxTimeout for its turn and
// as long again for the answer. Errors carry a drivers.Reason. On an error r is
// untouched.
func (b *Bus) Tx(addr uint16, w, r []byte) error {
	// Copies: the kernel may still write into an abandoned transaction's buffer.
	out, in := append([]byte(nil), w...), make([]byte, len(r))
	err := b.owner.submit(context.Background(), b.limit, b.limit, &request[i2c.BusCloser]{
		addr: addr,
		call: func(bus i2c.BusCloser) error { return bus.Tx(addr, out, in) },
	})
	if err != nil {
		return drivers.Because(reasonOf(err), fmt.Errorf("talk to 0x%02x on %s: %w", addr, b.name, err))
	}
	copy(r, in)
	return nil
}

// SetSpeed is refused: the speed of a shared bus is the device tree's business.
func (b *Bus) SetSpeed(physic.Frequency) error {
	return fmt.Errorf("set speed of %s: not supported on a shared bus", b.name)
}

// Line is one GPIO input, shared. It is safe for concurrent use; a Level asked
// for during a wait comes after that wait's present slice.
type Line struct {
	name    string
	pull    gpio.Pull
	limit   time.Duration
	refused error
	owner   *owner[HostLine]
}

// waitSlice is how long a line is waited on in one go: the ioctl cannot be
// interrupted reliably (google/periph#323, periph/host#36), so waits are cut in
// slices that end by themselves. A Level asked for meanwhile waits that long.
const waitSlice = 100 * time.Millisecond

// String is the line's name.
func (l *Line) String() string { return l.name }

// Level reads the line. Errors carry a drivers.Reason.
func (l *Line) Level() (gpio.Level, error) {
	if l.refused != nil {
		return gpio.Low, l.refused
	}
	answer := make(chan gpio.Level, 1)
	err := l.owner.do(l.limit, func(line HostLine) error {
		level, err := line.Level()
		answer <- level
		return err
	})
	if err != nil {
		return gpio.Low, drivers.Because(reasonOf(err), fmt.Errorf("read line %s: %w", l.name, err))
	}
	return <-answer, nil
}

// WaitForEdge waits at most timeout, or 100 ms where timeout is longer:
// false without an error means that the caller looks at the level and waits
// again. A timeout of 0 or less is refused: periph's ioctl lines take 0 for
// ever and -1 for at once, against periph's own contract (periph/host#78).
func (l *Line) WaitForEdge(timeout time.Duration) (bool, error) {
	if l.refused != nil {
		return false, l.refused
	}
	if timeout <= 0 {
		return false, drivers.Because(drivers.BadWiring, fmt.Errorf("wait for edge on %s: timeout %s is not positive", l.name, timeout))
	}
	slice := min(timeout, waitSlice, l.limit)
	answer := make(chan bool, 1)
	err := l.owner.do(l.limit+slice, func(line HostLine) error {
		edge, err := line.WaitForEdge(slice)
		answer <- edge
		return err
	})
	if err != nil {
		return false, drivers.Because(reasonOf(err), fmt.Errorf("wait for edge on %s: %w", l.name, err))
	}
	return <-answer, nil
}

// Part is the thing several sensors share beside the bus, such as a converter
// with four inputs: what build returned at the first call with this key. A build
// that fails is tried again at the next call. build must not use the board.
func (b *Board) Part(key string, build func() (any, error)) (any, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if part, ok := b.parts[key]; ok {
		return part, nil
	}
	part, err := build()
	if err != nil {
		return nil, err
	}
	b.parts[key] = part
	return part, nil
}
