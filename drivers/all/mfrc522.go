package all

import (
	"fmt"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/mfrc522"
)

const mfrc522Name = "mfrc522"

// Limits of the SPI clock: the chip's (datasheet section 8.1.2), and what still
// leaves a poll short.
const (
	slowestMFRC522 = 100 * physic.KiloHertz
	fastestMFRC522 = 10 * physic.MegaHertz
)

// Frequency is a frequency written in Hz, kHz or MHz: 1MHz.
type Frequency physic.Frequency

// Set reads a frequency. Other units, none, and fractions of a Hz are refused.
func (f *Frequency) Set(s string) error {
	digits, unit := s, int64(0)
	for _, u := range []struct {
		suffix string
		size   physic.Frequency
	}{{"MHz", physic.MegaHertz}, {"kHz", physic.KiloHertz}, {"Hz", physic.Hertz}} {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			digits, unit = strings.TrimSpace(rest), int64(u.size)
			break
		}
	}
	n, err := scaled(digits, unit)
	if err != nil || n < 0 || n%int64(physic.Hertz) != 0 {
		return fmt.Errorf("read frequency %q: want a number with Hz, kHz or MHz, such as 1MHz", s)
	}
	*f = Frequency(n)
	return nil
}

// String writes the frequency in the largest unit that leaves no fraction.
func (f Frequency) String() string {
	switch p := physic.Frequency(f); {
	case p != 0 && p%physic.MegaHertz == 0:
		return fmt.Sprintf("%dMHz", p/physic.MegaHertz)
	case p != 0 && p%physic.KiloHertz == 0:
		return fmt.Sprintf("%dkHz", p/physic.KiloHertz)
	default:
		return fmt.Sprintf("%dHz", p/physic.Hertz)
	}
}

// MFRC522Options describe a card reader on SPI.
type MFRC522Options struct {
	Port  string    `yaml:"port" required:"true" doc:"SPI 端口，如 spidev0.0|SPI port, such as spidev0.0"`
	Speed Frequency `yaml:"speed" default:"1MHz" doc:"SPI 时钟，100kHz 至 10MHz；引线长时取小|SPI clock, 100kHz to 10MHz; low for long leads"`
	Gone  int       `yaml:"gone" default:"4" doc:"连续多少次未读到才算卡已离开|polls in a row without the card until it counts as gone"`
}

// Claims names the port, which the reader has for itself.
func (o *MFRC522Options) Claims() []string { return []string{board.SPIName(o.Port)} }

// Validate lists what is wrong with the values.
func (o *MFRC522Options) Validate() []Problem {
	var v verdicts
	v.given("port", o.Port, "SPI 端口，如 spidev0.0|a port, such as spidev0.0")
	if f := physic.Frequency(o.Speed); f < slowestMFRC522 || f > fastestMFRC522 {
		v.add("speed", fmt.Sprintf("%s … %s", Frequency(slowestMFRC522), Frequency(fastestMFRC522)), o.Speed.String())
	}
	v.count("gone", o.Gone, 1, mfrc522.MostGone)
	return v
}

func mfrc522Driver() Driver {
	return Driver{
		Name: mfrc522Name,
		Options: func() any {
			return &MFRC522Options{Speed: Frequency(physic.MegaHertz), Gone: mfrc522.DefaultGone}
		},
		Quantities: func(any) []drivers.Quantity { return []drivers.Quantity{drivers.Card, drivers.Misread} },
		Build:      buildMFRC522,
	}
}

func buildMFRC522(b *board.Board, options any, _ time.Duration) (Sensor, error) {
	o, err := checked[*MFRC522Options](mfrc522Name, options)
	if err != nil {
		return Sensor{}, err
	}
	reader, err := mfrc522.New(b.SPI(o.Port, physic.Frequency(o.Speed), spi.Mode0), mfrc522.Opts{Gone: o.Gone})
	if err != nil {
		return Sensor{}, err
	}
	return Sensor{Sampler: reader}, nil
}
