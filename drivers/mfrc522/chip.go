package mfrc522

import (
	"context"
	"errors"
	"fmt"
	"time"

	"watchpost/drivers"
)

// How long things take, and how long they are waited for.
const (
	// firstLook is when an exchange is first asked whether it is done: a wake-up
	// and its answer take 0.34 ms, a UID 0.69 ms.
	firstLook = time.Millisecond
	// nextLook later a selection (1.1 ms) and the chip's own timer (2 ms after at
	// most 0.8 ms of sending) are through, mostly.
	nextLook = 1500 * time.Microsecond
	// exchangeLimit bounds one exchange whatever the chip says.
	exchangeLimit = 25 * time.Millisecond

	// wakeLook and wakeLimit bound the wait for a chip after a reset. The
	// oscillator takes well below 1 ms; modules with poor crystals more.
	wakeLook  = 5 * time.Millisecond
	wakeLimit = 150 * time.Millisecond
	// fieldUp is what a card may take to become ready after the field came
	// (ISO/IEC 14443-3: 5 ms).
	fieldUp = 5100 * time.Microsecond
)

// errSilent is an exchange to which no card answered.
var errSilent = errors.New("no card answered")

// refusal is an answer that came and cannot be used. The chip itself is well.
type refusal struct {
	why  drivers.Reason
	text string
}

func (r *refusal) Error() string { return r.text }

func refuse(why drivers.Reason, format string, args ...any) error {
	return &refusal{why: why, text: fmt.Sprintf(format, args...)}
}

// chip is the MFRC522 as a thing that sends a frame and hands back the answer.
type chip struct {
	conn    Conn
	pause   func(ctx context.Context, d time.Duration) error
	version byte // of the chip that was set up; 0 before that
	w, r    [mostTransfer]byte
}

// ensure sees to it that the chip is there and holds its settings. It reports
// whether a chip that had been set up had lost them.
func (c *chip) ensure(ctx context.Context) (lost bool, err error) {
	held, err := c.holds(ctx)
	if err != nil || held {
		return false, err
	}
	lost = c.version != 0
	return lost, c.setUp(ctx)
}

// holds reports whether the chip has the settings it was given. A chip that is
// not there, or not known, is an error.
func (c *chip) holds(ctx context.Context) (bool, error) {
	got, err := c.read(ctx, kept[:]...)
	if err != nil {
		return false, fmt.Errorf("read version: %w", err)
	}
	switch version := got[0]; {
	case version == noChipLow || version == noChipHigh:
		return false, drivers.Because(drivers.NoAnswer,
			fmt.Errorf("read version %#02x: no chip on this port, check supply and MISO", version))
	case !known(version):
		return false, drivers.Because(drivers.BadAnswer,
			fmt.Errorf("read version %#02x: not an MFRC522, or a disturbed SPI line", version))
	case version != c.version:
		return false, nil
	}
	for i, register := range kept[1:] {
		for _, s := range settings {
			if s.register == register && s.value != got[i+1] {
				return false, nil
			}
		}
	}
	return true, nil
}

// setUp resets the chip, gives it its settings and turns the field on.
func (c *chip) setUp(ctx context.Context) error {
	c.version = 0
	if err := c.write(ctx, regCommand, cmdSoftReset); err != nil {
		return fmt.Errorf("reset chip: %w", err)
	}
	if err := c.awaitReset(ctx); err != nil {
		return fmt.Errorf("reset chip: %w", err)
	}
	for _, s := range settings {
		if err := c.write(ctx, s.register, s.value); err != nil {
			return fmt.Errorf("set register %#02x to %#02x: %w", s.register, s.value, err)
		}
	}
	if err := c.pause(ctx, fieldUp); err != nil {
		return err
	}
	got, err := c.read(ctx, regVersion)
	if err != nil {
		return fmt.Errorf("read version: %w", err)
	}
	c.version = got[0]
	held, err := c.holds(ctx)
	if err == nil && !held {
		err = drivers.Because(drivers.BadAnswer,
			errors.New("read settings back: the chip does not hold them, check its supply"))
	}
	if err != nil {
		c.version = 0
	}
	return err
}

func (c *chip) awaitReset(ctx context.Context) error {
	start := time.Now()
	for {
		if err := c.pause(ctx, wakeLook); err != nil {
			return err
		}
		last := time.Since(start) >= wakeLimit
		got, err := c.read(ctx, regCommand)
		if err != nil {
			return err
		}
		if got[0]&(cmdPowerDown|cmdMask) == cmdIdle {
			return nil
		}
		if last {
			return drivers.Because(drivers.NotReady, fmt.Errorf("chip not awake after %s", wakeLimit))
		}
	}
}

// exchange sends a frame, of whose last byte only lastBits go out (0: all), and
// returns the answer if it has exactly want bytes. The slice is good until the
// next transfer. errSilent and *refusal say what the card did; any other error
// is the chip's or the bus's.
func (c *chip) exchange(ctx context.Context, frame []byte, lastBits byte, want int) ([]byte, error) {
	// Idle first: it ends what a call that was given up left running, and its
	// own interrupt is then cleared with the others.
	for _, s := range [...]setting{{regCommand, cmdIdle}, {regComIrq, irqAll}, {regFIFOLevel, fifoFlush}} {
		if err := c.write(ctx, s.register, s.value); err != nil {
			return nil, err
		}
	}
	if err := c.write(ctx, regFIFOData, frame...); err != nil {
		return nil, err
	}
	for _, s := range [...]setting{{regBitFraming, lastBits}, {regCommand, cmdTransceive}, {regBitFraming, startSend | lastBits}} {
		if err := c.write(ctx, s.register, s.value); err != nil {
			return nil, err
		}
	}
	return c.await(ctx, want)
}

// await looks until the exchange is over. A look that began after the limit is
// the last, so that a gateway too busy to look in time does not blame the chip.
func (c *chip) await(ctx context.Context, want int) ([]byte, error) {
	start := time.Now()
	for pause := firstLook; ; pause = nextLook {
		if err := c.pause(ctx, pause); err != nil {
			return nil, err
		}
		last := time.Since(start) >= exchangeLimit
		// In one transfer: once the receiver is done the other three stand.
		got, err := c.read(ctx, regComIrq, regError, regFIFOLevel, regControl)
		if err != nil {
			return nil, err
		}
		irq, errs, level, control := got[0], got[1], int(got[2]), got[3]
		switch {
		case irq&irqSet1 != 0 || level&fifoFlush != 0:
			return nil, drivers.Because(drivers.BadAnswer,
				fmt.Errorf("read interrupts %#02x, level %#02x: write-only bits are set, check the SPI lines", irq, level))
		case irq&(irqRx|irqErr) != 0:
			if err := checkEnd(irq, errs, level, control, want); err != nil {
				return nil, err
			}
			return c.readFIFO(ctx, want)
		case irq&irqTimer != 0:
			return nil, errSilent
		case irq&irqIdle != 0:
			return nil, drivers.Because(drivers.BadAnswer,
				errors.New("wait for the answer: the chip dropped the command, it was reset"))
		}
		if last {
			return nil, drivers.Because(drivers.NotReady,
				fmt.Errorf("wait for the answer: chip not ready after %s", exchangeLimit))
		}
	}
}

// checkEnd judges how an exchange ended by what the chip says of it. Each bit of
// ErrorReg refuses the answer: no error is ever taken for a success.
func checkEnd(irq, errs byte, level int, control byte, want int) error {
	switch {
	case errs&errCollision != 0:
		return refuse(drivers.Interference, "more than one card in the field (errors %#02x)", errs)
	case errs != 0:
		return refuse(drivers.BadAnswer, "answer received with errors %#02x", errs)
	case irq&irqErr != 0:
		return refuse(drivers.BadAnswer, "answer received with an error the chip does not name")
	case control&rxLastBits != 0:
		return refuse(drivers.BadAnswer, "answer ends within a byte, after %d bits of it", control&rxLastBits)
	case level != want:
		return refuse(drivers.BadAnswer, "answer of %d bytes instead of %d", level, want)
	}
	return nil
}

func (c *chip) readFIFO(ctx context.Context, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil // a transfer of no reads would be a write
	}
	var registers [mostTransfer - 1]byte
	for i := range n {
		registers[i] = regFIFOData
	}
	return c.read(ctx, registers[:n]...)
}

// write puts values into one register, one after the other (8.1.2.2).
func (c *chip) write(ctx context.Context, register byte, values ...byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.w[0] = register << 1 & addressMask
	n := 1 + copy(c.w[1:], values)
	if err := c.conn.Tx(c.w[:n], nil); err != nil {
		return drivers.Because(drivers.NoAnswer, err)
	}
	return nil
}

// read reads registers in one transfer (8.1.2.1). The slice is good until the
// next transfer.
func (c *chip) read(ctx context.Context, registers ...byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i, register := range registers {
		c.w[i] = register<<1&addressMask | addressRead
	}
	n := len(registers)
	c.w[n] = 0
	clear(c.r[:]) // a transfer that reads nothing must not leave the last one's bytes
	if err := c.conn.Tx(c.w[:n+1], c.r[:n+1]); err != nil {
		return nil, drivers.Because(drivers.NoAnswer, err)
	}
	return c.r[1 : n+1], nil
}
