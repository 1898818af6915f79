package clock_test

import (
	"time"

	"watchpost/agent/clock"
)

// world is a gateway with a crystal that runs wrong, and the true time beside
// it. While a time service holds the wall clock it stands at the true time plus
// the server's error; otherwise it runs as the crystal does.
type world struct {
	t      failer
	table  *clock.Table
	clock  *clock.Clock
	now    time.Time     // the true UTC
	boot   byte          // number of the boot
	offset time.Duration // since boot, by the crystal
	ppm    float64       // of the crystal
	zero   time.Time     // what the wall clock said at offset 0
	synced bool
	server time.Duration // error of the time server
	taken  []moment
	fixes  []clock.Fix
}

// moment is a stamp and the true time it was taken at.
type moment struct {
	stamp clock.Stamp
	utc   time.Time
}

var built = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)

// failer is what testing.T and rapid.T have in common here.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newWorld(t failer, ppm float64) *world {
	w := &world{t: t, table: clock.NewTable(), now: time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC), ppm: ppm}
	w.reboot(time.Unix(0, 0))
	return w
}

// reboot starts a new boot 20 s later with a wall clock that nobody set.
func (w *world) reboot(wall time.Time) {
	w.now = w.now.Add(20 * time.Second)
	w.boot, w.offset, w.zero, w.synced, w.server = w.boot+1, 0, wall, false, 0
	w.clock = clock.New(clock.Source{
		Boot:        clock.BootID{w.boot},
		SinceBoot:   func() time.Duration { return w.offset },
		Wall:        func() time.Time { return w.zero.Add(w.offset) },
		Disciplined: func() bool { return w.synced },
	}, built)
}

// restart is the process ending and coming back in the same boot: what it knew
// goes through the durable form.
func (w *world) restart() {
	w.t.Helper()
	note, _ := w.table.Note()
	table, err := clock.DecodeTable(note)
	if err != nil {
		w.t.Fatalf("decode own table: %v", err)
	}
	w.table = table
}

// sync lets a time service with this error hold the clock from now on.
func (w *world) sync(server time.Duration) { w.synced, w.server = true, server }

// pass lets true time pass. The table looks every 5 s, a stamp is taken every
// 35 s.
func (w *world) pass(d time.Duration) {
	const look = 5 * time.Second
	for n := 0; d > 0; d -= look {
		step := min(look, d)
		w.now = w.now.Add(step)
		w.offset += step + time.Duration(float64(step)*w.ppm/1e6)
		if w.synced {
			w.zero = w.now.Add(w.server).Add(-w.offset)
		}
		stamp := w.clock.Now()
		if fix, changed := w.table.Learn(stamp); changed {
			w.fixes = append(w.fixes, fix)
		}
		if n++; n%7 == 1 {
			w.taken = append(w.taken, moment{stamp, w.now})
		}
	}
}

// result is what became of all moments taken.
type result struct {
	stamps    int
	raw       time.Duration // largest error of the times as they were believed
	corrected time.Duration // largest error of the times as they are sent
	beyond    time.Duration // largest part of it that Uncertainty does not cover
	unsynced  int           // stamps still without a time to rely on
	order     int           // stamps whose order is not that of their taking
	negative  int           // ages below zero or growing smaller with age
}

func (w *world) judge() result {
	r := result{stamps: len(w.taken)}
	now := w.clock.Now()
	lastAge := time.Duration(1<<63 - 1)
	for i, m := range w.taken {
		if i > 0 {
			before := w.taken[i-1].stamp
			if m.stamp.Boot == before.Boot && m.stamp.Offset <= before.Offset || m.stamp.Boot[0] < before.Boot[0] {
				r.order++
			}
		}
		r.raw = max(r.raw, m.stamp.Wall.Sub(m.utc).Abs())
		s, _ := w.table.Correct(m.stamp)
		if !s.Synced {
			r.unsynced++
			continue
		}
		miss := s.Wall.Sub(m.utc).Abs()
		r.corrected = max(r.corrected, miss)
		u, _ := w.table.Uncertainty(m.stamp)
		r.beyond = max(r.beyond, miss-u)
		if age, known := w.table.Age(now, m.stamp); known {
			if age < 0 || now.Boot == s.Boot && age > lastAge {
				r.negative++
			}
			if now.Boot == s.Boot {
				lastAge = age
			}
		}
	}
	return r
}
