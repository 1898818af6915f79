package sim

import (
	"fmt"
	"os"
	"sync"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"watchpost/drivers/board"
)

// SPI is one simulated SPI port, that is a bus and a chip select. Without a chip
// it reads zeros, as a line that nobody drives against a pull-down.
type SPI struct {
	name string
	// mu guards everything that follows.
	mu    sync.Mutex
	chip  Chip
	fail  error
	hang  chan struct{}
	speed physic.Frequency
	mode  spi.Mode
}

// SPI is the port of that name, made at the first call.
func (b *Board) SPI(name string) *SPI {
	name = board.SPIName(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	port, ok := b.spis[name]
	if !ok {
		port = &SPI{name: name}
		b.spis[name] = port
	}
	return port
}

// OpenSPI opens a port that SPI made; there are no others.
func (b *Board) OpenSPI(name string, speed physic.Frequency, mode spi.Mode) (board.HostSPI, error) {
	b.mu.Lock()
	port, ok := b.spis[board.SPIName(name)]
	b.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("open %s: no such file or directory", name)
	}
	port.mu.Lock()
	defer port.mu.Unlock()
	port.speed, port.mode = speed, mode
	return &openSPI{port: port}, nil
}

// Attach puts chip on the port, in place of what was there; nil takes it off.
// The chip's w and r are those of one transaction: what is read comes in while w
// goes out. Either may be empty.
func (s *SPI) Attach(chip Chip) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chip = chip
}

// Fail lets every transaction end with err; nil ends the fault.
func (s *SPI) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// Hang lets every transaction from now on hang until release is called; they
// end with ErrTimeout.
func (s *SPI) Hang() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hang := make(chan struct{})
	s.hang = hang
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		close(hang)
		if s.hang == hang {
			s.hang = nil
		}
	})
}

// Settings are the speed and mode the port was opened with last.
func (s *SPI) Settings() (physic.Frequency, spi.Mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.speed, s.mode
}

// openSPI is one opened handle of a port.
type openSPI struct {
	port   *SPI
	closed bool
}

// Tx does one transaction; the board has one going at a time.
func (o *openSPI) Tx(w, r []byte) error {
	if o.closed {
		return os.ErrClosed
	}
	if len(w) != 0 && len(r) != 0 && len(w) != len(r) {
		return fmt.Errorf("sysfs-spi: Tx with %d bytes to write and %d to read: invalid argument", len(w), len(r))
	}
	o.port.mu.Lock()
	hang, fail, chip := o.port.hang, o.port.fail, o.port.chip
	o.port.mu.Unlock()
	switch {
	case hang != nil:
		<-hang
		return ErrTimeout
	case fail != nil:
		return fail
	case chip == nil:
		clear(r)
		return nil
	}
	return chip.Tx(w, r)
}

func (o *openSPI) Close() error {
	o.closed = true
	return nil
}
