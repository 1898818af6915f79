package door

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/gpio"
	"pgregory.net/rapid"

	"watchpost/drivers"
)

// interval is a time a line was active, in ms.
type interval struct{ from, to int }

// drawIntervals are disjoint, at least apart long and apart from each other.
func drawIntervals(t *rapid.T, name string, apart, longest, most int) (list []interval) {
	at := 1000
	for range rapid.IntRange(0, most).Draw(t, name) {
		from := at + apart + rapid.IntRange(0, longest).Draw(t, name+" pause")
		to := from + apart + rapid.IntRange(0, longest).Draw(t, name+" length")
		list = append(list, interval{from, to})
		at = to
	}
	return list
}

// expect says what a door does, by looking at the whole story at once: all times
// are far enough apart for the debounce to be just a delay.
func expect(doors []interval, signals [][]interval, opts Opts) (want []said) {
	const sure = int(reorder / time.Millisecond)
	debounce := int(opts.Debounce / time.Millisecond)
	access := int(opts.AccessTime / time.Millisecond)
	heldAfter := int(opts.HeldAfter / time.Millisecond)
	add := func(at int, q drivers.Quantity, v int64) { want = append(want, said{int64(at), q, v}) }
	closedAt := -1 // the last closing after a legal opening
	for _, d := range doors {
		legal := false
		for _, s := range signals {
			for _, on := range s {
				switch {
				case on.from > d.from+sure || on.to+access < d.from:
				case on.to < d.from && on.to <= closedAt:
				default:
					legal = true
				}
			}
		}
		add(d.from+debounce, drivers.Door, 1)
		switch {
		case !legal:
			add(d.from+max(sure, debounce), drivers.DoorForced, 1)
			add(max(d.to+debounce, d.from+sure), drivers.DoorForced, 0)
		default:
			if d.to+debounce >= d.from+heldAfter {
				add(d.from+heldAfter, drivers.DoorHeld, 1)
				add(d.to+debounce, drivers.DoorHeld, 0)
			}
			closedAt = d.to
		}
		add(d.to+debounce, drivers.Door, 0)
	}
	sortSaid(want)
	return want
}

func sortSaid(list []said) {
	slices.SortStableFunc(list, func(a, b said) int {
		return cmp.Or(cmp.Compare(a.AfterMS, b.AfterMS), cmp.Compare(a.What, b.What), cmp.Compare(b.Value, a.Value))
	})
}

// story draws a day of a door and its signals. No two changes and no change and
// no end of a time fall into the same millisecond, nor any into one in which the
// levels are read (the round hundredths): which comes first would be left to
// chance, and a level read just before its edge gets the benefit of the doubt.
func story(t *rapid.T) (doors []interval, signals [][]interval, opts Opts) {
	opts = Opts{
		Rex: Signal{Wired: true}, Unlock: Signal{Wired: true}, Debounce: 50 * time.Millisecond, Poll: time.Second,
		AccessTime: time.Duration(rapid.IntRange(1, 4).Draw(t, "access time")) * time.Second,
		HeldAfter:  time.Duration(rapid.IntRange(1, 6).Draw(t, "held after")) * time.Second,
	}
	spread := func(list []interval, rest int) []interval {
		for i := range list {
			list[i] = interval{list[i].from*10 + rest, list[i].to*10 + rest + 3}
		}
		return list
	}
	doors = spread(drawIntervals(t, "door", 16, 300, 8), 3)
	signals = [][]interval{spread(drawIntervals(t, "rex", 1, 300, 8), 1), spread(drawIntervals(t, "unlock", 1, 300, 8), 2)}
	return doors, signals, opts
}

// play runs the driver through a story with bounces at the door's edges.
func play(t *testing.T, doors []interval, signals [][]interval, opts Opts, bounces bool) []said {
	var script []change
	end := 0
	add := func(at, line int, level gpio.Level) {
		script = append(script, change{at: time.Duration(at) * time.Millisecond, line: line, level: level})
		end = max(end, at)
	}
	for line, list := range append([][]interval{doors}, signals...) {
		for _, i := range list {
			add(i.from, line, gpio.High)
			add(i.to, line, gpio.Low)
			if line == 0 && bounces {
				// The contact must be still for Debounce: what bounces is told later.
				add(i.from+4, line, gpio.Low)
				add(i.from+5, line, gpio.High)
			}
		}
	}
	slices.SortStableFunc(script, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	got, _ := watchFor(t, newLines(3, script...), opts, time.Duration(end)*time.Millisecond+10*time.Second)
	got = append([]said(nil), got[min(3, len(got)):]...) // without the first state
	sortSaid(got)
	return got
}

// later moves what bounces delay: the door's states, and what waits for them.
func later(doors []interval, want []said) []said {
	for i := range want {
		for _, d := range doors {
			if want[i].What == drivers.Door && want[i].Value == 1 && want[i].AfterMS == int64(d.from+50) {
				want[i].AfterMS += 5
			}
		}
	}
	sortSaid(want)
	return want
}

func TestAgainstModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		doors, signals, opts := story(rt)
		bounces := rapid.Bool().Draw(rt, "bounces")
		want := expect(doors, signals, opts)
		if bounces {
			want = later(doors, want)
		}
		var got []said
		synctest.Test(t, func(t *testing.T) { got = play(t, doors, signals, opts, bounces) })
		if diff := gocmp.Diff(want, got); diff != "" {
			rt.Fatalf("door %v, signals %v (-want +got):\n%s", doors, signals, diff)
		}
	})
}

// The model tells a judge that goes by other times, or does not hear a line.
func TestModelHasTeeth(t *testing.T) {
	wrong := map[string]func(*Opts){
		"access time": func(o *Opts) { o.AccessTime += 3 * time.Second },
		"held after":  func(o *Opts) { o.HeldAfter += time.Millisecond },
		"debounce":    func(o *Opts) { o.Debounce += time.Millisecond },
		"no unlock":   func(o *Opts) { o.Unlock.ActiveLow = true },
	}
	var blind []string
	for name, change := range wrong {
		seen := false
		rapid.Check(t, func(rt *rapid.T) {
			if seen {
				return
			}
			doors, signals, opts := story(rt)
			want := expect(doors, signals, opts)
			change(&opts)
			var got []said
			synctest.Test(t, func(t *testing.T) { got = play(t, doors, signals, opts, false) })
			seen = gocmp.Diff(want, got) != ""
		})
		if !seen {
			blind = append(blind, name)
		}
	}
	if len(blind) > 0 {
		t.Errorf("the model sees no difference in %v", blind)
	}
}

// FuzzWatch plays any story, with lost edges and faults: Watch ends, says only
// states, and in the end what the contact says.
func FuzzWatch(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	f.Add([]byte{100, 0x81, 200, 0x80, 50, 1, 50, 0}, uint8(0))
	f.Add([]byte{100, 0xC1, 200, 0x40, 50, 3, 50, 2}, uint8(1))
	f.Add([]byte{1, 1, 1, 0, 1, 1, 1, 0, 1, 1}, uint8(2))
	f.Fuzz(func(t *testing.T, raw []byte, fault uint8) {
		var script []change
		at := time.Duration(0)
		for ; len(raw) >= 2 && len(script) < 200; raw = raw[2:] {
			at += time.Duration(raw[0]) * 5 * time.Millisecond
			script = append(script, change{at: at, line: int(raw[1]>>1) % 3, level: raw[1]&1 != 0, lost: raw[1]&0x40 != 0,
				late: time.Duration(raw[1]>>3&7) * time.Millisecond})
		}
		synctest.Test(t, func(t *testing.T) {
			l := newLines(3, script...)
			l.fails = at / 2
			switch fault % 4 {
			case 1:
				l.levelErr = errGone
			case 2:
				l.watchErr = errGone
			}
			d, err := New(l, both())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), at+10*time.Second)
			defer cancel()
			last := map[drivers.Quantity]drivers.Decimal{}
			err = d.Watch(ctx, func(r drivers.Reading) {
				if r.Quality != drivers.Good {
					t.Errorf("emitted %+v", r)
				}
				last[r.Quantity] = r.Value
			})
			if why := drivers.ReasonOf(err); why == drivers.Broken {
				t.Errorf("error without a reason: %v", err)
			} else if why == drivers.Stuck { // the time is up
				level := gpio.Low
				for _, c := range script {
					if c.line == 0 {
						level = c.level
					}
				}
				if want := drivers.NewContact(drivers.Door, level == gpio.High).Value; last[drivers.Door] != want {
					t.Errorf("ended saying %s, the contact says %s", last[drivers.Door], want)
				}
			}
			if forced, held := last[drivers.DoorForced], last[drivers.DoorHeld]; forced.Coefficient+held.Coefficient > last[drivers.Door].Coefficient {
				t.Errorf("forced %s and held %s of a door that is %s", forced, held, last[drivers.Door])
			}
		})
	})
}

// BenchmarkReading is an opening and a closing with its signal, judged.
func BenchmarkReading(b *testing.B) {
	d, err := New(newLines(2), Opts{Rex: Signal{Wired: true}})
	if err != nil {
		b.Fatal(err)
	}
	emitted := 0
	w := &watch{door: d, judge: newJudge(d.opts), emit: func(drivers.Reading) { emitted++ }}
	w.judge.look([]bool{false, false}, 0)
	at := time.Second
	b.ReportAllocs()
	for b.Loop() {
		for _, line := range []int{1, 0} {
			for _, active := range []bool{true, false} {
				w.judge.advance(at)
				w.judge.edge(line, active, at)
				at += 100 * time.Millisecond
				w.judge.advance(at)
				w.tell(false)
			}
		}
	}
	if emitted == 0 {
		b.Fatal(fmt.Errorf("nothing was told"))
	}
}
