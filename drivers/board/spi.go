package board

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"watchpost/drivers"
)

// SPI is one SPI port, that is a bus and a chip select, shared. It is safe for
// concurrent use; transactions go out in the order they came.
type SPI struct {
	name    string
	speed   physic.Frequency
	mode    spi.Mode
	limit   time.Duration
	refused error
	owner   *owner[HostSPI]
}

// SPI is the port of that name, the same for every caller and every spelling
// SPIName knows. It never fails: what is wrong comes from the port's Tx. A port
// asked for a second time with another speed or mode answers drivers.BadWiring
// to the second caller.
func (b *Board) SPI(name string, speed physic.Frequency, mode spi.Mode) *SPI {
	name = SPIName(name)
	b.mu.Lock()
	defer b.mu.Unlock()
	port, ok := b.spis[name]
	switch {
	case !ok:
		open := func() (HostSPI, error) { return b.host.OpenSPI(name, speed, mode) }
		port = &SPI{name: name, speed: speed, mode: mode, limit: b.opts.TxTimeout,
			owner: newOwner(name, open, busVerdict, b.opts, b.stop)}
		b.spis[name] = port
		b.ends = append(b.ends, port.owner)
	case port.speed != speed || port.mode != mode:
		why := fmt.Errorf("use SPI port %s at %s in %s: it is in use at %s in %s", name, speed, mode, port.speed, port.mode)
		return &SPI{name: name, speed: speed, mode: mode, refused: drivers.Because(drivers.BadWiring, why)}
	}
	return port
}

// String is the port's name.
func (s *SPI) String() string { return s.name }

// Tx does one transaction: w goes out while r comes in, under one chip select.
// Where both are given they have the same length. It waits at most
// Options.TxTimeout for its turn and as long again for the answer. Errors carry
// a drivers.Reason. On an error r is untouched.
func (s *SPI) Tx(w, r []byte) error {
	if s.refused != nil {
		return s.refused
	}
	// Copies: the kernel may still write into an abandoned transaction's buffer.
	out := append([]byte(nil), w...)
	var in []byte
	if len(r) != 0 {
		in = make([]byte, len(r))
	}
	err := s.owner.do(s.limit, func(port HostSPI) error { return port.Tx(out, in) })
	if err != nil {
		return drivers.Because(reasonOf(err), fmt.Errorf("talk on %s: %w", s.name, err))
	}
	copy(r, in)
	return nil
}
