package contact

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

// Three bytes make one change: milliseconds after the one before, the level in
// bit 0, the loss of the edge in bit 1.
func script(raw []byte) (steps []change, end time.Duration) {
	for len(raw) >= 3 && len(steps) < 300 {
		end += time.Duration(int(raw[0])<<4|int(raw[1])&15) * time.Millisecond / 4
		steps = append(steps, change{at: end, level: raw[2]&1 != 0, lost: raw[2]&2 != 0})
		raw = raw[3:]
	}
	return steps, end
}

func FuzzWatch(f *testing.F) {
	f.Add([]byte{}, uint16(0), false, uint16(0), uint8(0))
	f.Add([]byte{200, 0, 1, 1, 0, 0, 1, 0, 1, 250, 0, 2}, uint16(50), true, uint16(0), uint8(0))
	f.Add([]byte{100, 0, 1, 100, 0, 0}, uint16(20), false, uint16(900), uint8(1))
	f.Add([]byte{100, 0, 3, 100, 0, 2}, uint16(1000), false, uint16(700), uint8(2))
	f.Add([]byte{4, 0, 1, 4, 0, 0, 4, 0, 1, 4, 0, 0}, uint16(7), true, uint16(300), uint8(3))
	f.Add([]byte{4, 0, 1}, uint16(7), true, uint16(3000), uint8(4))
	f.Fuzz(func(t *testing.T, raw []byte, debounce uint16, activeLow bool, failsAt uint16, fault uint8) {
		steps, end := script(raw)
		opts := Opts{
			Quantity:  drivers.Smoke,
			ActiveLow: activeLow,
			Debounce:  time.Duration(debounce%1001) * time.Millisecond,
		}
		synctest.Test(t, func(t *testing.T) {
			l := newLine(gpio.Low, steps...)
			l.failsAt = time.Duration(failsAt) * time.Millisecond
			switch fault % 5 {
			case 1:
				l.levelErr = errors.New("level")
			case 2:
				l.edgeErr = errors.New("edge")
			case 3:
				l.lazy = true
			case 4:
				l.flood = true
			}
			watchHonestly(t, l, opts, end, fault%5 != 0)
		})
	})
}

// watchHonestly runs Watch past the end of the script and checks what it says.
func watchHonestly(t *testing.T, l *line, opts Opts, end time.Duration, faulty bool) {
	c, err := New(l, opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), max(end, l.failsAt)+10*time.Second)
	defer cancel()
	last := int64(-1)
	err = c.Watch(ctx, func(r drivers.Reading) {
		if !r.HasValue() {
			t.Errorf("emitted %+v after %d", r, last)
		}
		last = r.Value.Coefficient
		checkHeld(t, l, c.opts, last == 1)
	})
	switch {
	case err == nil:
		t.Error("Watch returned nil")
	case drivers.ReasonOf(err) == drivers.Broken:
		t.Errorf("error without a reason: %v", err)
	case drivers.ReasonOf(err) == drivers.Stuck && faulty:
		t.Errorf("a fault went unnoticed")
	case drivers.ReasonOf(err) == drivers.Stuck:
		// The script ended 10 s ago: the final level must have been found.
		if want := (l.level == gpio.Low) == opts.ActiveLow; want != (last == 1) {
			t.Errorf("ended saying %d at level %s", last, l.level)
		}
	case drivers.ReasonOf(err) == drivers.BusDown && !faulty:
		t.Errorf("a healthy line called dead: %v", err)
	}
	if l.longest > promptly {
		t.Errorf("waited %v at once", l.longest)
	}
}

// checkHeld fails unless all the line told within the last Debounce, and the
// last it told before, is the state emitted now.
func checkHeld(t *testing.T, l *line, opts Opts, active bool) {
	t.Helper()
	from := time.Now().Add(-opts.Debounce)
	for i := len(l.answers) - 1; i >= 0; i-- {
		a := l.answers[i]
		if a.edge && a.at.After(from) {
			t.Errorf("emitted %v after an edge", time.Since(a.at))
		}
		if a.read && ((a.level == gpio.Low) == opts.ActiveLow) != active {
			t.Errorf("emitted active=%v though level was %s %v before", active, a.level, time.Since(a.at))
		}
		if a.read && !a.at.After(from) {
			return
		}
	}
	t.Error("emitted without a look a debounce ago")
}
