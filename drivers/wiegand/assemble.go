package wiegand

import (
	"time"

	"watchpost/drivers"
)

const (
	// glitch is the shortest time from one pulse to the next. The shortest bit
	// period a reader can be set to is 200 us.
	glitch = 100 * time.Microsecond
	// longest frame that is waited for: noise without a pause is told about
	// every so many pulses.
	longest = 255
	// endTicks is how many ticks in a row end a frame. One is not enough: after
	// the process was held up a tick may pass edges that are on their way.
	endTicks = 2
)

// flaw is what is wrong with a frame before its bits are looked at.
type flaw uint8

const (
	sound   flaw = iota
	joined       // it began before anyone listened
	noisy        // both lines pulsed at once, or time went back, or it has no end
	overrun      // edges were lost, or came so late that the frame was cut
)

// frame is the pulses between two silences.
type frame struct {
	bits   uint64 // the last 64, the latest lowest
	length int    // at most longest
	flaw   flaw
	end    time.Duration // the kernel's stamp of the last pulse
}

// assembler makes frames of edges. It trusts the kernel's stamps and sequence
// numbers; its own clock only says that there is silence.
type assembler struct {
	gap time.Duration

	frame     frame
	open      bool
	quiet     bool          // there was silence since the start or since noise without a pause
	ticks     int           // in a row, since the last edge
	heard     time.Time     // when the last edge came, by our clock
	last      time.Duration // the last pulse, by the kernel's
	line      int           // its line
	pulsed    bool          // last and line are set
	seqno     uint32
	numbered  bool // seqno is set
	lostSince bool // edges were lost since the last pulse
}

// edge takes one edge at now and returns the frame that it shows to have ended.
func (a *assembler) edge(e drivers.Edge, now time.Time) (ended frame, ok bool) {
	a.ticks, a.heard = 0, now
	if a.numbered && e.Seqno != a.seqno+1 {
		a.lostSince = true
		a.worsen(overrun) // the end of the open frame may be what was lost
	}
	a.seqno, a.numbered = e.Seqno, true
	if e.Rising {
		return frame{}, false
	}
	apart := e.At - a.last
	if a.pulsed && apart > a.gap {
		ended, ok = a.take()
	}
	if !a.open {
		a.begin(apart)
	} else {
		switch {
		case apart < 0:
			a.worsen(noisy)
		case apart < glitch && e.Line == a.line:
			// The same pulse, ringing. It is no further bit.
			a.last = e.At
			return ended, ok
		case apart < glitch:
			a.worsen(noisy) // which of the two lines meant it is not known
		}
	}
	a.frame.bits = a.frame.bits<<1 | uint64(e.Line&1)
	a.frame.length++
	a.frame.end = e.At
	a.last, a.line, a.pulsed, a.lostSince = e.At, e.Line, true, false
	if a.frame.length == longest {
		a.worsen(noisy)
		ended, ok = a.take()
		a.quiet = false
	}
	return ended, ok
}

// begin opens a frame whose first pulse is apart from the last one.
func (a *assembler) begin(apart time.Duration) {
	a.frame, a.open = frame{}, true
	switch {
	case a.lostSince:
		a.worsen(overrun)
	case !a.pulsed && !a.quiet:
		a.worsen(joined)
	case a.pulsed && apart <= a.gap && !a.quiet:
		a.worsen(noisy)
	case a.pulsed && apart <= a.gap:
		// Our clock saw silence where the kernel's saw none.
		a.worsen(overrun)
	}
}

// tick hears that no edge came for a while.
func (a *assembler) tick(now time.Time) (ended frame, ok bool) {
	a.ticks++
	if a.ticks < endTicks || now.Sub(a.heard) < a.gap {
		return frame{}, false
	}
	a.quiet = true
	return a.take()
}

func (a *assembler) take() (frame, bool) {
	if !a.open {
		return frame{}, false
	}
	a.open = false
	return a.frame, true
}

// worsen marks the open frame. What is lost weighs more than noise, and noise
// more than a missing beginning.
func (a *assembler) worsen(f flaw) {
	if a.open {
		a.frame.flaw = max(a.frame.flaw, f)
	}
}
