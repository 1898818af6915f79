package wiegand

import (
	"context"
	"errors"
	"fmt"
	"time"

	"watchpost/drivers"
)

// Watch emits Card and Misread at the start and every Poll, and Card with its
// Token as soon as a card or a code was read: with the first edge or tick that
// shows the frame to have ended. The first trouble is told at once, more of it
// at the next Poll, so that noise cannot flood. A line that rests low is a
// fault of Card and not an end: Watch goes on and sees it come back.
//
// Watch ends with ctx's error, or with that of the lines. The first frame is
// refused, uncounted, if it was there before a silence of Gap. A code may have
// been half typed before: codes are taken after the first # or *, or silence of
// Entry.
func (r *Reader) Watch(ctx context.Context, emit func(drivers.Reading)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &watch{
		reader: r, opts: r.opts, ctx: ctx, fail: cancel, emit: emit,
		assembler: assembler{gap: r.opts.Gap},
	}
	r.mu.Lock()
	r.trouble, r.length, r.stuck = "", 0, false
	r.mu.Unlock()
	now := time.Now()
	w.spoil(now)
	w.look(now)
	w.tell(now)
	if ctx.Err() == nil {
		err := r.edges.Watch(ctx, w.hear)
		if ctx.Err() == nil {
			if err == nil {
				err = errors.New("lines ended without an error")
			}
			return fmt.Errorf("watch wiegand reader: %w", drivers.Because(drivers.BusDown, err))
		}
	}
	return fmt.Errorf("watch wiegand reader: %w", context.Cause(ctx))
}

// watch is one run of Watch.
type watch struct {
	reader    *Reader
	opts      Opts
	ctx       context.Context
	fail      context.CancelCauseFunc
	emit      func(drivers.Reading)
	assembler assembler

	told   time.Time    // when the counts were told; zero before the first time
	looked time.Time    // when the levels were read
	low    [2]time.Time // since when a line is low; zero when it is not
	wrong  time.Time    // when a frame was refused last
	rows   int          // complements in a row
	good   bool         // a frame was good since the start

	seen drivers.Token // the card read last
	at   time.Duration // when, by the kernel's clock

	code    []byte // keys typed
	spoiled bool   // a key may be missing, or there are more than a code may have
	typed   time.Time
}

// hear takes an edge, or a tick.
func (w *watch) hear(e drivers.Edge) {
	now := time.Now()
	var ended frame
	var ok bool
	if e.Line < 0 {
		ended, ok = w.assembler.tick(now)
	} else {
		w.low[e.Line&1] = time.Time{} // it falls, so it was high
		ended, ok = w.assembler.edge(e, now)
	}
	if ok {
		w.judge(ended, now)
	}
	if (len(w.code) > 0 || w.spoiled) && now.Sub(w.typed) >= w.opts.Entry {
		w.enter(now)
	}
	w.routine(now, e.Line < 0)
}

// routine looks at the lines and tells the counts when it is time. A line found
// low is looked at again with every tick.
func (w *watch) routine(now time.Time, tick bool) {
	suspect := tick && (!w.low[0].IsZero() || !w.low[1].IsZero())
	if suspect || now.Sub(w.looked) >= w.opts.Poll {
		w.look(now)
	}
	if w.reader.calmed(now.Sub(w.wrong) >= calm) || now.Sub(w.told) >= w.opts.Poll {
		w.tell(now)
	}
}

// look reads the levels and finds out a line that rests low.
func (w *watch) look(now time.Time) {
	low, err := w.reader.levels(w.ctx)
	if err != nil {
		w.fail(err)
		return
	}
	w.looked = now
	stuck := false
	for i := range low {
		switch {
		case !low[i]:
			w.low[i] = time.Time{}
		case w.low[i].IsZero():
			w.low[i] = now
		case now.Sub(w.low[i]) >= stuckAfter:
			stuck = true
		}
	}
	if w.reader.setStuck(stuck) {
		w.forget()
		w.spoil(now)
		w.tell(now)
	}
}

// tell emits both counts. The first time it waits until a line that is low has
// proved not to be stuck.
func (w *watch) tell(now time.Time) {
	r := w.reader
	r.mu.Lock()
	doubt := !r.stuck && (!w.low[0].IsZero() || !w.low[1].IsZero())
	card, misread := r.readings()
	r.mu.Unlock()
	if w.ctx.Err() != nil || doubt && w.told.IsZero() {
		return
	}
	w.told = now
	w.emit(card)
	w.emit(misread)
}

// judge takes a frame that has ended.
func (w *watch) judge(f frame, now time.Time) {
	switch f.flaw {
	case joined:
		return
	case noisy:
		w.refuse(drivers.Noise, f.length, now)
		return
	case overrun:
		w.refuse(drivers.Overrun, f.length, now)
		return
	}
	c, v := w.opts.Formats.decode(f.bits, f.length)
	if v != swapped {
		w.rows = 0
	}
	switch v {
	case isCard:
		w.good = true
		w.present(c.token(w.opts.Reversed), f.end)
	case isKey:
		w.good = true
		w.reader.trust()
		w.key(c.number, now)
	case swapped:
		w.rows++
		why := drivers.SwappedLines
		if w.good && w.rows < swappedRow {
			why = drivers.ParityErrors
		}
		w.refuse(why, f.length, now)
	case badParity:
		w.refuse(drivers.ParityErrors, f.length, now)
	default:
		w.refuse(drivers.Noise, f.length, now)
	}
}

// present tells of a card, unless it is the same one still.
func (w *watch) present(t drivers.Token, at time.Duration) {
	w.reader.trust()
	again := t == w.seen && at-w.at < w.opts.Repeat
	w.seen, w.at = t, at
	if !again {
		w.count(t)
	}
}

// count counts a card or code and tells of it.
func (w *watch) count(t drivers.Token) {
	r := w.reader
	r.mu.Lock()
	r.read++
	card := drivers.NewGood(drivers.Card, drivers.Int(r.read), drivers.Count)
	r.mu.Unlock()
	card.Token = t
	w.emit(card)
}

// refuse counts a frame that is none. On a keypad it may have been a key, so the
// code it may belong to is not presented either.
func (w *watch) refuse(why drivers.Reason, length int, now time.Time) {
	w.wrong = now
	w.spoil(now)
	r := w.reader
	r.mu.Lock()
	first := r.trouble == ""
	r.refused++
	r.trouble, r.length = why, length
	r.mu.Unlock()
	if first {
		w.tell(now)
	}
}

// spoil says that a key of the code being typed may have gone unheard: without
// it the rest would be another code.
func (w *watch) spoil(now time.Time) {
	if w.opts.Formats&(Keypad4|Keypad8) != 0 {
		w.spoiled, w.typed = true, now
	}
}

// key takes one key of a keypad: * clears what was typed, # ends it.
func (w *watch) key(key uint64, now time.Time) {
	w.typed = now
	switch {
	case key == keyStar:
		w.forget()
	case key == keyHash:
		w.enter(now)
	case len(w.code) == longestCode:
		w.spoiled = true
	default:
		w.code = append(w.code, '0'+byte(key))
	}
}

// enter ends a code. One that is spoiled is refused whole.
func (w *watch) enter(now time.Time) {
	code, spoiled := string(w.code), w.spoiled
	if code != "" && spoiled {
		w.refuse(drivers.Noise, 0, now)
	}
	w.forget()
	if code != "" && !spoiled {
		w.count(drivers.NewToken("pin", code))
	}
}

func (w *watch) forget() {
	clear(w.code)
	w.code, w.spoiled = w.code[:0], false
}

// trust ends the doubt: a frame was good.
func (r *Reader) trust() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trouble, r.length, r.stuck = "", 0, false
}

// calmed ends a trouble that is long past, and reports whether it did.
func (r *Reader) calmed(past bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !past || r.trouble == "" {
		return false
	}
	r.trouble, r.length = "", 0
	return true
}

// setStuck reports whether that is news.
func (r *Reader) setStuck(stuck bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.stuck != stuck
	r.stuck = stuck
	return news
}
