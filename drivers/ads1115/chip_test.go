package ads1115

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/physic"
)

// chip is the ADS1115 as its datasheet describes it, as an i2c.Bus with one
// device. It runs on the clock of the synctest bubble.
type chip struct {
	mu         sync.Mutex
	addr       uint16
	slow       time.Duration // conversions take this many percent of the nominal time
	inputs     map[Mux]int16 // codes, whatever the gain
	config     uint16        // without OS
	conversion int16         // the Conversion register
	measured   Mux           // what the conversion under way will yield
	readyAt    time.Time     // end of the conversion under way; zero: idle
	log        []string      // transactions
	before     func(n int)   // called before transaction n, without the lock
	fail       map[int]error // transaction number to error
	cost       time.Duration // time a transaction takes
	frozen     bool          // conversions never end
}

func newChip() *chip {
	return &chip{addr: AddrGND, slow: 100, config: configAtPowerOn &^ configOS, inputs: map[Mux]int16{}}
}

func (c *chip) String() string                  { return "model" }
func (c *chip) SetSpeed(physic.Frequency) error { return nil }

// reset is what a dip of the supply does.
func (c *chip) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config, c.conversion, c.readyAt = configAtPowerOn&^configOS, 0, time.Time{}
}

func (c *chip) Tx(addr uint16, w, r []byte) error {
	n := len(c.log)
	if c.before != nil {
		c.before(n)
	}
	if c.cost > 0 {
		<-time.After(c.cost)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, fmt.Sprintf("%x/%d", w, len(r)))
	if err := c.fail[n]; err != nil {
		return err
	}
	if addr != c.addr || len(w) == 0 {
		return errors.New("no acknowledge")
	}
	c.advance()
	switch {
	case w[0] == regConfig && len(w) == 3:
		c.write(binary.BigEndian.Uint16(w[1:]))
	case w[0] == regConfig && len(r) == 2:
		word := c.config
		if c.readyAt.IsZero() {
			word |= configOS
		}
		binary.BigEndian.PutUint16(r, word)
	case w[0] == regConversion && len(r) == 2:
		binary.BigEndian.PutUint16(r, uint16(c.conversion))
	default:
		return fmt.Errorf("transaction %x/%d is none of the chip's", w, len(r))
	}
	return nil
}

func (c *chip) advance() {
	if !c.frozen && !c.readyAt.IsZero() && !time.Now().Before(c.readyAt) {
		c.conversion, c.readyAt = c.inputs[c.measured], time.Time{}
	}
}

func (c *chip) write(word uint16) {
	c.config = word &^ configOS
	if word&configOS == 0 || !c.readyAt.IsZero() {
		return // the start bit has no effect while a conversion is under way
	}
	rate := Rate(word>>configRateShift&7) + Rate8
	nominal := time.Second / time.Duration(rate.PerSecond())
	c.measured = Mux(word>>configMuxShift&7) + AIN0minusAIN1
	c.readyAt = time.Now().Add(powerUp + nominal*c.slow/100)
}
