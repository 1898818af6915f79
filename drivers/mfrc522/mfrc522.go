package mfrc522

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"watchpost/drivers"
)

const (
	// DefaultGone is how many polls a card must be missed before it counts as
	// gone: one second at the usual four polls a second. A card held by hand at
	// the edge of the field misses one or two; four in a row are a hand taken
	// away.
	DefaultGone = 4
	// MostGone bounds Opts.Gone.
	MostGone = 1000

	// doubtAfter is how many polls in a row may go wrong before the readings say
	// so. Cards that come near are often refused once or twice.
	doubtAfter = 4
	// mostPresent bounds the cards remembered as present.
	mostPresent = 8
)

// Version is the unit of the raw value: the content of VersionReg.
const Version drivers.Unit = "version"

// Conn is the chip's SPI port, mode 0, at most 10 MHz. Tx is one chip-select: w
// goes out while r comes in; r is nil or as long as w.
type Conn interface {
	Tx(w, r []byte) error
}

// Opts are settings of a reader. The zero value is the usual one.
type Opts struct {
	// Gone is how many polls in a row a card must be missed, before it can be
	// presented again; 0 means DefaultGone.
	Gone int
}

// Dev is one reader. Sample may be called by one goroutine at a time.
type Dev struct {
	chip chip
	gone int

	present []presence
	cards   int64
	misread int64
	trouble int            // polls in a row that went wrong
	why     drivers.Reason // of the last of them
}

// presence is a card that was presented and is not gone yet.
type presence struct {
	card   uid
	missed int // polls since it was read
}

var _ drivers.Sampler = (*Dev)(nil)

// New describes a reader and checks the settings. It does not touch the port.
func New(conn Conn, opts Opts) (*Dev, error) {
	if opts.Gone == 0 {
		opts.Gone = DefaultGone
	}
	var err error
	switch {
	case conn == nil:
		err = errors.New("no port given")
	case opts.Gone < 1 || opts.Gone > MostGone:
		err = fmt.Errorf("gone after %d polls: want 1 to %d", opts.Gone, MostGone)
	}
	if err != nil {
		return nil, drivers.Because(drivers.BadWiring, fmt.Errorf("set up mfrc522: %w", err))
	}
	return &Dev{
		chip:    chip{conn: conn, pause: drivers.Sleep},
		gone:    opts.Gone,
		present: make([]presence, 0, mostPresent),
	}, nil
}

// Quantities are the two counters reported.
func (d *Dev) Quantities() []drivers.Quantity {
	return []drivers.Quantity{drivers.Card, drivers.Misread}
}

// Sample looks once whether a card is in the field. It returns the count of
// cards presented, with the Token of one that was presented just now, and the
// count of cards that could not be read. A card that stays has been presented
// once; it can be presented again after it was missed for Opts.Gone polls, in
// which the reader worked and saw nobody or somebody else.
//
// A card that cannot be read raises Misread: several cards at once, a wrong
// check byte or CRC, a card that left in the middle. After four polls in a row
// with such a card, or with a chip that lost its settings, the readings of Card
// are Uncertain: Interference for several cards, else BadAnswer.
//
// It takes 0.4 s at most beside what the port takes, and asks nothing after the
// context ended. It returns an error with the reason
//   - NoAnswer when no chip is there, or the port reports an error without a
//     reason of its own,
//   - BadAnswer when the chip is another one or does not hold its settings,
//   - NotReady when the chip does not finish in time,
//
// or the context's error as it is. The chip is set up anew after an error.
func (d *Dev) Sample(ctx context.Context) ([]drivers.Reading, error) {
	lost, err := d.chip.ensure(ctx)
	if err != nil {
		d.chip.version = 0
		return nil, fmt.Errorf("sample mfrc522: %w", err)
	}
	version := d.chip.version
	card, err := d.chip.identify(ctx)
	var token drivers.Token
	var refused *refusal
	switch {
	case err == nil:
		token = d.see(card)
	case errors.Is(err, errSilent):
		d.miss(uid{})
	case errors.As(err, &refused):
		d.misread++ // somebody is there: nobody is missed
	default:
		d.chip.version = 0
		return nil, fmt.Errorf("sample mfrc522: read card: %w", err)
	}
	switch {
	case refused != nil:
		d.trouble, d.why = d.trouble+1, refused.why
	case lost:
		d.trouble, d.why = d.trouble+1, drivers.BadAnswer
	default:
		d.trouble = 0
	}
	return d.readings(version, token), nil
}

func (d *Dev) readings(version byte, token drivers.Token) []drivers.Reading {
	cards := drivers.NewGood(drivers.Card, drivers.Int(d.cards), drivers.Count)
	if d.trouble >= doubtAfter {
		cards = drivers.NewUncertain(drivers.Card, drivers.Int(d.cards), drivers.Count, d.why)
	}
	cards.Token = token
	return []drivers.Reading{
		cards.WithRaw(drivers.Int(int64(version)), Version),
		drivers.NewGood(drivers.Misread, drivers.Int(d.misread), drivers.Count),
	}
}

// see notes that card was read, and gives its token if it has just come.
func (d *Dev) see(card uid) drivers.Token {
	d.miss(card)
	for i := range d.present {
		if d.present[i].card == card {
			d.present[i].missed = 0
			return drivers.Token{}
		}
	}
	if len(d.present) == mostPresent {
		d.present = slices.Delete(d.present, 0, 1)
	}
	d.present = append(d.present, presence{card: card})
	d.cards++
	return card.token()
}

// miss notes that none of the cards but one was read, and forgets those that
// are gone.
func (d *Dev) miss(but uid) {
	left := d.present[:0]
	for _, p := range d.present {
		if p.missed++; p.missed < d.gone || p.card == but {
			left = append(left, p)
		}
	}
	d.present = left
}
