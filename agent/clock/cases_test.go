package clock_test

import (
	"testing"
	"time"

	"watchpost/agent/clock"
)

// What clocks in the field do, and what has to come of it: order exact, no age
// below zero, and at most a second between a time that is sent and the true one.
func TestClockCases(t *testing.T) {
	const day = 24 * time.Hour
	rtc2000 := time.Date(2000, 1, 1, 0, 0, 10, 0, time.UTC)
	for _, c := range []struct {
		name  string
		ppm   float64
		fixes int // worth telling
		play  func(*world)
	}{
		{"1970 until the network answers", 20, 1, func(w *world) {
			w.pass(40 * time.Minute)
			w.sync(0)
			w.pass(time.Hour)
		}},
		{"an hour ahead for 20 minutes", 100, 3, func(w *world) {
			w.sync(0)
			w.pass(5 * time.Hour)
			w.sync(time.Hour)
			w.pass(20 * time.Minute)
			w.sync(0)
			w.pass(time.Minute)
		}},
		{"an hour behind for 20 minutes", -100, 3, func(w *world) {
			w.sync(0)
			w.pass(5 * time.Hour)
			w.sync(-time.Hour)
			w.pass(20 * time.Minute)
			w.sync(0)
			w.pass(time.Minute)
		}},
		{"an hour wrong from the start, for a day", 100, 2, func(w *world) {
			w.sync(time.Hour)
			w.pass(day)
			w.sync(0)
			w.pass(time.Minute)
		}},
		{"an hour wrong, process restarted in it", 60, 3, func(w *world) {
			w.sync(0)
			w.pass(3 * time.Hour)
			w.sync(time.Hour)
			w.pass(10 * time.Minute)
			w.restart()
			w.pass(10 * time.Minute)
			w.sync(0)
			w.pass(time.Minute)
		}},
		{"backwards at sync", 50, 1, func(w *world) {
			w.reboot(w.now.Add(37 * time.Minute)) // a battery-backed clock that is fast
			w.pass(2 * time.Hour)
			w.sync(0)
			w.pass(time.Hour)
		}},
		{"leap second, synced", 30, 2, func(w *world) {
			w.now = time.Date(2026, 6, 30, 20, 0, 0, 0, time.UTC)
			w.sync(0)
			w.pass(4*time.Hour - 2*time.Second)
			w.now = w.now.Add(-time.Second) // 23:59:60 is not counted
			w.pass(2 * time.Hour)
		}},
		{"leap second, unsynced", 30, 2, func(w *world) {
			w.now = time.Date(2026, 6, 30, 20, 0, 0, 0, time.UTC)
			w.sync(0)
			w.pass(3 * time.Hour)
			w.synced = false
			w.pass(time.Hour)
			w.now = w.now.Add(-time.Second)
			w.pass(time.Hour)
			w.sync(0)
			w.pass(time.Hour)
		}},
		{"none for 7 days", 100, 2, func(w *world) {
			w.sync(0)
			w.pass(90 * time.Minute)
			w.synced = false
			w.pass(7 * day)
			w.sync(0)
			w.pass(time.Hour)
		}},
		{"none for 7 days, the other way", -100, 2, func(w *world) {
			w.sync(0)
			w.pass(90 * time.Minute)
			w.synced = false
			w.pass(7 * day)
			w.sync(0)
			w.pass(time.Hour)
		}},
		{"year 2000, and called disciplined", 10, 1, func(w *world) {
			w.reboot(rtc2000)
			w.synced = true
			for range 600 { // the service holds a clock that is 26 years wrong
				w.server = rtc2000.Add(w.offset).Sub(w.now)
				w.pass(5 * time.Second)
			}
			w.sync(0)
			w.pass(time.Minute)
		}},
		{"three boots, each synced late", 80, 3, func(w *world) {
			for range 3 {
				w.reboot(time.Unix(0, 0))
				w.pass(40 * time.Minute)
				w.sync(0)
				w.pass(2 * time.Hour)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.ppm)
			c.play(w)
			r := w.judge()
			t.Logf("%d stamps: as believed %v wrong, as sent %v; %d order errors, %d negative ages",
				r.stamps, r.raw, r.corrected, r.order, r.negative)
			if r.corrected > time.Second || r.unsynced > 0 || r.order > 0 || r.negative > 0 {
				t.Errorf("%+v", r)
			}
			if c.name == "leap second, synced" && r.corrected > 10*time.Millisecond {
				t.Errorf("right times of both sides of a leap second moved by %v", r.corrected)
			}
			// the measure can see an error: without the table it is there
			if r.raw < 500*time.Millisecond && c.name != "leap second, synced" {
				t.Errorf("as believed only %v wrong: the case shows nothing", r.raw)
			}
			if len(w.fixes) != c.fixes {
				t.Errorf("%d fixes worth telling, want %d: %+v", len(w.fixes), c.fixes, w.fixes)
			}
			// and what is durable says the same
			w.restart()
			if again := w.judge(); again.corrected > time.Second || again.unsynced > 0 {
				t.Errorf("through the durable form: %+v", again)
			}
		})
	}
}

// With a fix on one side only, nobody knows how wrong the crystal ran: the error
// grows with the distance, and Uncertainty says how far.
func TestOneSidedWeekIsHonest(t *testing.T) {
	w := newWorld(t, 100)
	w.pass(7 * 24 * time.Hour)
	w.sync(0)
	w.pass(time.Minute)
	r := w.judge()
	t.Logf("as sent up to %v wrong, %v beyond the stated uncertainty", r.corrected, r.beyond)
	if r.corrected < 55*time.Second || r.corrected > 61*time.Second || r.beyond > 20*time.Millisecond {
		t.Errorf("%+v", r)
	}
}

// A boot that ended before anybody set its clock keeps its order and nothing
// else: its stamps stay as they are, and unsynced.
func TestBootWithoutSyncStaysUnsynced(t *testing.T) {
	w := newWorld(t, 10)
	w.pass(time.Hour)
	lost := len(w.taken)
	w.reboot(time.Unix(0, 0))
	w.pass(time.Hour)
	w.sync(0)
	w.pass(time.Hour)
	if r := w.judge(); r.unsynced != lost || r.corrected > time.Second || r.order > 0 || r.negative > 0 {
		t.Errorf("%+v, want %d unsynced", r, lost)
	}
	for _, m := range w.taken[:lost] {
		if s, changed := w.table.Correct(m.stamp); changed || s != m.stamp {
			t.Fatalf("%+v became %+v", m.stamp, s)
		}
		if _, known := w.table.Age(w.clock.Now(), m.stamp); known {
			t.Fatal("an age over boots without a time")
		}
	}
}

// The step says how far the wall clock was moved, even when it is moved some
// time before the kernel calls it synced.
func TestStepOfAFix(t *testing.T) {
	w := newWorld(t, 0)
	w.pass(time.Minute)
	w.zero = w.now.Add(-w.offset) // stepped, not yet called synced
	w.pass(30 * time.Second)
	w.sync(0)
	w.pass(time.Minute)
	w.sync(-time.Hour)
	w.pass(time.Minute)
	want := []time.Duration{w.now.Add(-w.offset).Sub(time.Unix(0, 0)), -time.Hour}
	if len(w.fixes) != 2 || w.fixes[0].Step != want[0] || w.fixes[1].Step != want[1] {
		t.Errorf("fixes %+v, want steps %v", w.fixes, want)
	}
	if got := w.fixes[0]; got.Boot != (clock.BootID{w.boot}) || got.Offset != 95*time.Second || !got.UTC.Equal(w.taken[0].utc.Add(90*time.Second)) {
		t.Errorf("first fix %+v", got)
	}
}
