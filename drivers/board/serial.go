package board

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"watchpost/drivers"
)

// Parity is a serial line's parity.
type Parity string

// The parities.
const (
	ParityNone Parity = "none"
	ParityEven Parity = "even"
	ParityOdd  Parity = "odd"
)

// SerialMode is how a serial line speaks. There are no defaults: 9600 Bd with 8
// data bits, no parity and 1 stop bit says so in every field.
type SerialMode struct {
	// Baud is the speed in symbols per second.
	Baud int
	// DataBits are 5 to 8.
	DataBits int
	Parity   Parity
	// StopBits are 1 or 2.
	StopBits int
	// RS485 lets the port switch an RS-485 driver by its RTS line, as UARTs on
	// the board need it. Adapters on USB switch by themselves and refuse it.
	RS485 bool
}

// String is the mode as people write it: "9600 8N1".
func (m SerialMode) String() string {
	parity := map[Parity]string{ParityNone: "N", ParityEven: "E", ParityOdd: "O"}[m.Parity]
	text := fmt.Sprintf("%d %d%s%d", m.Baud, m.DataBits, parity, m.StopBits)
	if m.RS485 {
		text += " RS-485"
	}
	return text
}

func (m SerialMode) check() error {
	known := m.Parity == ParityNone || m.Parity == ParityEven || m.Parity == ParityOdd
	if m.Baud <= 0 || m.DataBits < 5 || m.DataBits > 8 || m.StopBits < 1 || m.StopBits > 2 || !known {
		return drivers.Because(drivers.BadWiring, fmt.Errorf("check serial mode %d Bd, %d data bits, parity %q, %d stop bits: not possible",
			m.Baud, m.DataBits, m.Parity, m.StopBits))
	}
	return nil
}

// takes is how long n bytes are on the line: a start bit, the data, the parity,
// the stop bits.
func (m SerialMode) takes(n int) time.Duration {
	bits := 1 + m.DataBits + m.StopBits
	if m.Parity != ParityNone {
		bits++
	}
	return time.Duration(n*bits) * time.Second / time.Duration(m.Baud)
}

const (
	// serialSlice is how long a port is read in one go, so that a board that
	// closes and a caller that leaves are noticed. Silence is told to listeners
	// as often.
	serialSlice = 100 * time.Millisecond
	// answerLimit is how many bytes an answer may have. The longest of the
	// protocols here, Modbus RTU's and PN532's, stay below 300.
	answerLimit = 4096
)

// Serial is one serial port, shared. It is safe for concurrent use.
//
// A port serves either Transact, by any number of callers, or one Listen: what
// was asked for first decides for good, and drivers.BadWiring is the answer to
// the rest.
type Serial struct {
	name    string
	mode    SerialMode
	limit   time.Duration
	stop    <-chan struct{}
	refused error
	owner   *owner[*serialLine]

	// mu guards everything that follows.
	mu        sync.Mutex
	use       string // what the port is used for, once that is known
	listening bool
}

// Serial is the port of that name, the same for every caller and every spelling
// SerialName knows. It never fails: what is wrong comes from the port's methods.
// A port asked for a second time with another mode answers drivers.BadWiring to
// the second caller. A port that is unplugged is looked for again under the same
// name, with a wait of at most 10 s between.
func (b *Board) Serial(name string, mode SerialMode) *Serial {
	name = SerialName(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	port, ok := b.serials[name]
	switch {
	case !ok:
		if err := mode.check(); err != nil {
			return &Serial{name: name, mode: mode, refused: fmt.Errorf("use serial port %s: %w", name, err)}
		}
		open := func() (*serialLine, error) {
			host, err := b.host.OpenSerial(name, mode)
			if err != nil {
				return nil, err
			}
			return &serialLine{host: host, last: time.Now()}, nil
		}
		port = &Serial{name: name, mode: mode, limit: b.opts.TxTimeout, stop: b.stop,
			owner: newOwner(name, open, serialVerdict, b.opts, b.stop)}
		b.serials[name] = port
		b.ends = append(b.ends, port.owner)
	case port.mode != mode:
		why := fmt.Errorf("use serial port %s at %s: it is in use at %s", name, mode, port.mode)
		return &Serial{name: name, mode: mode, refused: drivers.Because(drivers.BadWiring, why)}
	}
	return port
}

// String is the port's name.
func (s *Serial) String() string { return s.name }

// Transact is one request and its answer, with nobody else's between. It waits
// its turn, lets the line be silent for quiet since the last byte on it, drops
// what was received before, writes request, which may be empty, and reads until
// complete says that the answer is whole. complete gets all bytes so far after
// each arrival, must not keep them, must return soon and must not use the port;
// its error ends the exchange.
//
// Everything, the wait for the turn too, happens before ctx's deadline
// (Options.TxTimeout where it has none). Without a complete answer by then the
// error's reason is drivers.NoAnswer where nothing came, drivers.BadAnswer where
// something did, and drivers.Stuck where the turn did not come. The bytes
// received so far are returned in any case. Only a port that hangs in the kernel
// answers later, by Options.TxTimeout.
func (s *Serial) Transact(ctx context.Context, quiet time.Duration, request []byte, complete func(answer []byte) (bool, error)) ([]byte, error) {
	if err := s.begin("requests", false); err != nil {
		return nil, err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(s.limit)
	}
	x := &exchange{
		ctx: ctx, stop: s.stop, deadline: deadline, mode: s.mode, quiet: quiet,
		request:  append([]byte(nil), request...), // the kernel may read it after its caller has gone
		complete: complete,
	}
	left := time.Until(deadline)
	err := s.owner.doFor(ctx, left, left+s.limit, x.run)
	answer := x.leave()
	if err != nil {
		return answer, drivers.Because(reasonOf(err), fmt.Errorf("ask on %s: %w", s.name, err))
	}
	return answer, nil
}

// Listen hands on what arrives until ctx ends, with ctx's error, or the port
// fails. The slice is the callee's. heard(nil) says, about every 100 ms, that
// nothing came.
func (s *Serial) Listen(ctx context.Context, heard func([]byte)) error {
	if err := s.begin("listening", true); err != nil {
		return err
	}
	defer s.endListening()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		arrived := make(chan []byte, 1)
		err := s.owner.doFor(ctx, s.limit, s.limit+serialSlice, func(line *serialLine) error {
			p := make([]byte, 256)
			n, err := line.read(p, serialSlice)
			arrived <- p[:n]
			return err
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return drivers.Because(reasonOf(err), fmt.Errorf("listen on %s: %w", s.name, err))
		}
		bytes := <-arrived
		if len(bytes) == 0 {
			bytes = nil
		}
		heard(bytes)
	}
}

// begin notes what the port is used for, or says that it is in use otherwise.
func (s *Serial) begin(use string, alone bool) error {
	if s.refused != nil {
		return s.refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.use == "" {
		s.use = use
	}
	if s.use != use || s.listening {
		return drivers.Because(drivers.BadWiring, fmt.Errorf("use serial port %s for %s: it is in use for %s", s.name, use, s.use))
	}
	s.listening = alone
	return nil
}

func (s *Serial) endListening() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listening = false
}

// serialLine is an open port and when there was last a byte on its line. Only
// the owner's goroutine uses it.
type serialLine struct {
	host HostSerial
	last time.Time
}

// read notes when bytes came. Its errors say that the port must be opened anew.
func (l *serialLine) read(p []byte, timeout time.Duration) (int, error) {
	n, err := l.host.Read(p, timeout)
	if n > 0 {
		l.last = time.Now()
	}
	return n, portFailed("read", err)
}

// Close gives the port back.
func (l *serialLine) Close() error { return l.host.Close() }

// portFailure is an error of the port itself, not of what was said on it.
type portFailure struct{ err error }

func (p *portFailure) Error() string { return p.err.Error() }
func (p *portFailure) Unwrap() error { return p.err }

func portFailed(verb string, err error) error {
	if err == nil {
		return nil
	}
	return &portFailure{drivers.Because(drivers.BusDown, fmt.Errorf("%s: %w", verb, err))}
}

// serialVerdict gives a port up at any error of its own: an adapter that was
// pulled out never works again under the same handle.
func serialVerdict(err error) verdict {
	var failed *portFailure
	if errors.As(err, &failed) {
		return gone
	}
	return alive
}
