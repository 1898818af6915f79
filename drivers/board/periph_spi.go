package board

import (
	"fmt"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"
	"periph.io/x/conn/v3/spi/spireg"
	"periph.io/x/host/v3/sysfs"
)

// wordBits is the size of a word on SPI; no chip here uses another.
const wordBits = 8

// OpenSPI opens an SPI port.
func (h *periphHost) OpenSPI(name string, speed physic.Frequency, mode spi.Mode) (HostSPI, error) {
	h.start()
	port, err := openSPIPort(name)
	if err != nil {
		return nil, explain("SPI port", name, "spi", err)
	}
	// Connect may be called exactly once per open (sysfs.SPI refuses a second).
	conn, err := port.Connect(speed, mode, wordBits)
	if err != nil {
		_ = port.Close() // the first error says more
		return nil, explain("SPI port", name, "spi", err)
	}
	return &spiPort{port: port, conn: conn}, nil
}

func openSPIPort(name string) (spi.PortCloser, error) {
	digits, ok := strings.CutPrefix(name, "spidev")
	if !ok {
		return spireg.Open(name)
	}
	for _, ref := range spireg.All() {
		if SPIName(ref.Name) == name {
			return spireg.Open(ref.Name)
		}
	}
	// periph looked for ports once; this one may have come since.
	bus, chip, _ := strings.Cut(digits, ".")
	busNumber, err := strconv.Atoi(bus)
	if err != nil {
		return nil, fmt.Errorf("read bus number: %w", err)
	}
	chipNumber, err := strconv.Atoi(chip)
	if err != nil {
		return nil, fmt.Errorf("read chip select: %w", err)
	}
	return sysfs.NewSPI(busNumber, chipNumber)
}

// spiPort is a port with the one connection it allows.
type spiPort struct {
	port spi.PortCloser
	conn spi.Conn
}

func (p *spiPort) Tx(w, r []byte) error { return p.conn.Tx(w, r) }

func (p *spiPort) Close() error { return p.port.Close() }
