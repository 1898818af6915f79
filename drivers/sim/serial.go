package sim

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"watchpost/drivers/board"
)

// ErrSerial is an open serial port whose adapter was pulled out.
var ErrSerial = errors.New("input/output error")

// Piece is some bytes of what a peer says.
type Piece struct {
	// After is the silence before the bytes: since the request for the first
	// piece, since the piece before for the others.
	After time.Duration
	Bytes []byte
}

// Peer is what hangs on the far end of a serial line: it gets what was written
// in one go and says what it answers. It must not use the port.
type Peer func(request []byte) []Piece

// Answer is a peer's answer that comes at once and whole.
func Answer(bytes []byte) []Piece { return []Piece{{Bytes: bytes}} }

// SerialFault is what is wrong with a simulated serial line.
type SerialFault int

// The faults.
const (
	// NoSerialFault is a line that works.
	NoSerialFault SerialFault = iota
	// Silence swallows what the peer says, as a cut wire does.
	Silence
	// Garbage turns over bits of what the peer says, as wrong speed, wrong
	// polarity and interference do; the number of bytes stays.
	Garbage
)

// Serial is one simulated serial port. Nothing is on its line until Attach.
type Serial struct {
	name string
	// changed is closed, and made anew, when something came or ended.
	// mu guards it and everything that follows.
	mu       sync.Mutex
	changed  chan struct{}
	pulled   bool
	opened   *openSerial
	peer     Peer
	fault    SerialFault
	coming   []arrival // by time
	written  [][]byte
	lastMode board.SerialMode
}

// arrival is bytes that arrive at a time.
type arrival struct {
	at    time.Time
	bytes []byte
}

// Serial is the port of that name, made at the first call.
func (b *Board) Serial(name string) *Serial {
	name = board.SerialName(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	port, ok := b.serials[name]
	if !ok {
		port = &Serial{name: name, changed: make(chan struct{})}
		b.serials[name] = port
	}
	return port
}

// OpenSerial opens a port that Serial made; there are no others.
func (b *Board) OpenSerial(name string, mode board.SerialMode) (board.HostSerial, error) {
	b.mu.Lock()
	port, ok := b.serials[board.SerialName(name)]
	b.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("open %s: no such file or directory", name)
	}
	return port.open(mode)
}

// Attach puts peer on the line, in place of what was there; nil takes it off.
func (s *Serial) Attach(peer Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer = peer
}

// Send lets the line speak without having been asked.
func (s *Serial) Send(bytes []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say([]Piece{{Bytes: bytes}})
}

// Inject puts a fault on the line, in place of the one before.
func (s *Serial) Inject(fault SerialFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// Unplug pulls the port out: it cannot be opened, and an open handle of it is
// dead for good.
func (s *Serial) Unplug() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pulled, s.opened, s.coming = true, nil, nil
	s.wake()
}

// Plug puts the port back.
func (s *Serial) Plug() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pulled = false
}

// Written is all that was written so far, write by write.
func (s *Serial) Written() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.written)
}

// Mode is the mode the port was opened with last.
func (s *Serial) Mode() board.SerialMode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastMode
}

func (s *Serial) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// say lets pieces arrive. Nobody hears them while the port is closed.
func (s *Serial) say(pieces []Piece) {
	if s.opened == nil || s.fault == Silence {
		return
	}
	at := time.Now()
	for _, piece := range pieces {
		at = at.Add(piece.After)
		bytes := slices.Clone(piece.Bytes)
		if s.fault == Garbage {
			for i := range bytes {
				bytes[i] ^= 0x5A
			}
		}
		s.coming = append(s.coming, arrival{at: at, bytes: bytes})
	}
	slices.SortStableFunc(s.coming, func(a, b arrival) int { return a.at.Compare(b.at) })
	s.wake()
}

func (s *Serial) open(mode board.SerialMode) (board.HostSerial, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.pulled:
		return nil, fmt.Errorf("open %s: no such file or directory", s.name)
	case s.opened != nil:
		return nil, fmt.Errorf("open %s: device or resource busy", s.name)
	}
	s.opened = &openSerial{port: s}
	s.coming, s.lastMode = nil, mode
	return s.opened, nil
}

// openSerial is one opened handle of a port.
type openSerial struct{ port *Serial }

// alive says why the handle is of no use; the port's mu is held.
func (o *openSerial) alive() error {
	if o.port.opened != o {
		if o.port.pulled {
			return ErrSerial
		}
		return os.ErrClosed
	}
	return nil
}

func (o *openSerial) Read(p []byte, timeout time.Duration) (int, error) {
	timer := time.NewTimer(max(timeout, 0))
	defer timer.Stop()
	for over := timeout <= 0; ; {
		n, next, changed, err := o.take(p)
		if n > 0 || err != nil || over || len(p) == 0 {
			return n, err
		}
		arrives := time.NewTimer(next)
		select {
		case <-timer.C:
			over = true // one more look: bytes may have come in the same instant
		case <-arrives.C:
		case <-changed:
		}
		arrives.Stop()
	}
}

// take reads what has arrived, or says how long the next bytes take.
func (o *openSerial) take(p []byte) (n int, next time.Duration, changed chan struct{}, err error) {
	s := o.port
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := o.alive(); err != nil {
		return 0, 0, nil, err
	}
	now := time.Now()
	for len(s.coming) > 0 && n < len(p) && !s.coming[0].at.After(now) {
		copied := copy(p[n:], s.coming[0].bytes)
		n += copied
		if s.coming[0].bytes = s.coming[0].bytes[copied:]; len(s.coming[0].bytes) == 0 {
			s.coming = s.coming[1:]
		}
	}
	next = time.Hour
	if len(s.coming) > 0 {
		next = s.coming[0].at.Sub(now)
	}
	return n, next, s.changed, nil
}

func (o *openSerial) Write(p []byte) (int, error) {
	s := o.port
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := o.alive(); err != nil {
		return 0, err
	}
	request := slices.Clone(p)
	s.written = append(s.written, request)
	if s.peer != nil {
		s.say(s.peer(slices.Clone(request)))
	}
	return len(p), nil
}

func (o *openSerial) Discard() error {
	s := o.port
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := o.alive(); err != nil {
		return err
	}
	now := time.Now()
	s.coming = slices.DeleteFunc(s.coming, func(a arrival) bool { return !a.at.After(now) })
	return nil
}

func (o *openSerial) Close() error {
	s := o.port
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened == o {
		s.opened = nil
	}
	return nil
}
