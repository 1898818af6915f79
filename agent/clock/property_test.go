package clock_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"watchpost/agent/clock"
)

// Whatever boots, syncs, losses, wrong servers and crystals come in whatever
// order: once the newest knowledge of a boot is right, all its stamps are, to a
// second and what the crystal can do; order and ages always.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ppm := rapid.Float64Range(-100, 100)
		w := newWorld(rt, ppm.Draw(rt, "ppm"))
		wrong := func() bool { return w.synced && w.server != 0 }
		right := func() { // a wrong server is put right before anything else
			if wrong() {
				w.sync(0)
				w.pass(10 * time.Second)
			}
		}
		spell := func(most time.Duration) time.Duration {
			// drawn evenly: short spells show nothing of a crystal
			share := rapid.SampledFrom([]time.Duration{1000, 100, 10, 3, 2, 1}).Draw(rt, "share")
			return most/share + time.Duration(rapid.IntRange(0, 9000).Draw(rt, "ms"))*time.Millisecond
		}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.SampledFrom([]string{"sync", "lose", "wrong", "reboot", "restart", "pass"}).Draw(rt, "what") {
			case "sync":
				w.sync(0)
				w.pass(10 * time.Second)
			case "lose":
				right()
				w.synced = false
				w.pass(spell(20 * time.Hour))
			case "wrong":
				if w.synced { // more than all crystals together can explain
					off := time.Duration(rapid.IntRange(15, 600).Draw(rt, "minutes")) * time.Minute
					w.sync(rapid.SampledFrom([]time.Duration{-off, off}).Draw(rt, "off"))
					w.pass(spell(2 * time.Hour))
				}
			case "reboot":
				right()
				w.reboot(rapid.SampledFrom([]time.Time{time.Unix(0, 0), w.now.Add(-time.Hour), w.now.Add(time.Hour)}).Draw(rt, "wall"))
				w.ppm = ppm.Draw(rt, "ppm")
				w.pass(time.Minute)
			case "restart":
				w.restart()
			case "pass":
				w.pass(spell(5 * time.Hour))
			}
		}
		right()
		known := map[clock.BootID]bool{}
		for _, f := range w.table.Fixes() {
			known[f.Boot] = true
		}
		unknown := 0
		for _, m := range w.taken {
			if !known[m.stamp.Boot] {
				unknown++
			}
		}
		for range 2 { // the second time through the durable form
			if r := w.judge(); r.beyond > time.Second || r.unsynced != unknown || r.order > 0 || r.negative > 0 {
				rt.Fatalf("%+v, want %d unsynced", r, unknown)
			}
			w.restart()
		}
	})
}
