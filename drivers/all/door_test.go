package all_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
	"watchpost/drivers/all"
	"watchpost/drivers/board"
	"watchpost/drivers/sim"
)

const doorLine, doorRex, doorUnlock = "gpiochip1:4", "gpiochip1:5", "gpiochip1:6"

func doorOptions(t *testing.T) (all.Driver, *all.DoorOptions) {
	t.Helper()
	driver, ok := all.Lookup("door")
	if !ok {
		t.Fatal("not on the list")
	}
	options := driver.Options().(*all.DoorOptions)
	options.Line = doorLine
	return driver, options
}

func TestDoorOptions(t *testing.T) {
	for _, tt := range []struct {
		change func(*all.DoorOptions)
		keys   string
	}{
		{func(*all.DoorOptions) {}, ""},
		{func(o *all.DoorOptions) { o.Rex, o.Unlock = doorRex, doorUnlock }, ""},
		{func(o *all.DoorOptions) { o.Rex, o.Line = "REX", "GPIO17" }, ""},
		{func(o *all.DoorOptions) { *o = all.DoorOptions{} }, "line active rex_active unlock_active pull debounce access_time held_after"},
		{func(o *all.DoorOptions) { o.Rex = "/dev/" + doorLine }, "rex"},
		{func(o *all.DoorOptions) { o.Rex, o.Unlock = doorRex, doorRex }, "unlock"},
		{func(o *all.DoorOptions) { o.Unlock = "gpiochip0:5" }, "unlock"},
		{func(o *all.DoorOptions) { o.Active = "ajar" }, "active"},
		{func(o *all.DoorOptions) { o.Debounce = 6 * time.Second }, "debounce"},
		{func(o *all.DoorOptions) { o.AccessTime = 0 }, "access_time"},
		{func(o *all.DoorOptions) { o.HeldAfter, o.Debounce = 2*time.Second, 3*time.Second }, "held_after"},
	} {
		_, o := doorOptions(t)
		tt.change(o)
		var keys []string
		for _, p := range o.Validate() {
			keys = append(keys, p.Key)
		}
		if got := strings.Join(keys, " "); got != tt.keys {
			t.Errorf("%+v: problems with %q, want %q", o, got, tt.keys)
		}
	}
	driver, o := doorOptions(t)
	if diff := cmp.Diff([]drivers.Quantity{drivers.Door, drivers.DoorHeld}, driver.Quantities(o)); diff != "" {
		t.Error(diff)
	}
	o.Rex, o.Unlock = "/dev/"+doorRex, doorUnlock
	if diff := cmp.Diff([]drivers.Quantity{drivers.Door, drivers.DoorForced, drivers.DoorHeld}, driver.Quantities(o)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{doorLine, doorRex, doorUnlock}, o.Claims()); diff != "" {
		t.Error(diff)
	}
}

// Through the board: an exit by the button, then an opening without it, then one
// whose edges the kernel lost. With pull up a switch that is closed reads low.
// What no edge tells is seen at the next look at the levels, a second and some
// tenths later at most: the board takes its time.
func TestDoorOnTheBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := sim.NewBoard()
		lines := host.Edges(doorLine, doorRex, doorUnlock)
		lines.SetLevel(0, gpio.Low)
		b := board.New(host, board.Options{})
		driver, o := doorOptions(t)
		o.Rex, o.Unlock = doorRex, doorUnlock
		sensor, err := driver.Build(b, o, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		set := func(at time.Duration, line int, level gpio.Level, edge bool) {
			<-time.After(at - lines.Now())
			lines.SetLevel(line, level)
			if edge {
				lines.Inject(drivers.Edge{Line: line, Rising: level == gpio.High, At: lines.Now()})
			}
		}
		played := make(chan struct{})
		go func() {
			defer close(played)
			set(2300*time.Millisecond, 1, gpio.Low, true)
			set(2500*time.Millisecond, 1, gpio.High, true)
			set(3300*time.Millisecond, 0, gpio.High, true)
			set(4300*time.Millisecond, 0, gpio.Low, true)
			set(6300*time.Millisecond, 0, gpio.High, true)
			set(8300*time.Millisecond, 0, gpio.Low, true)
			set(10*time.Second, 0, gpio.High, false)
			set(15*time.Second, 0, gpio.Low, false)
		}()
		last := map[drivers.Quantity]int64{drivers.Door: -1, drivers.DoorForced: -1, drivers.DoorHeld: -1}
		var got []string
		var when []time.Duration
		err = sensor.Watcher.Watch(ctx, func(r drivers.Reading) {
			if last[r.Quantity] != r.Value.Coefficient {
				last[r.Quantity] = r.Value.Coefficient
				got, when = append(got, string(r.Quantity)+" "+r.Value.String()), append(when, lines.Now())
			}
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		const edge, look = 400 * time.Millisecond, 1900 * time.Millisecond
		var want []string
		for i, w := range []struct {
			said   string
			at     time.Duration
			within time.Duration
		}{
			{"door 0", 0, edge}, {"door_forced 0", 0, edge}, {"door_held 0", 0, edge},
			{"door 1", 3300 * time.Millisecond, edge}, {"door 0", 4300 * time.Millisecond, edge},
			{"door 1", 6300 * time.Millisecond, edge}, {"door_forced 1", 6300 * time.Millisecond, edge},
			{"door 0", 8300 * time.Millisecond, edge}, {"door_forced 0", 8300 * time.Millisecond, edge},
			{"door 1", 10 * time.Second, look}, {"door_forced 1", 10 * time.Second, look},
			{"door 0", 15 * time.Second, look}, {"door_forced 0", 15 * time.Second, look},
		} {
			want = append(want, w.said)
			if i < len(when) && (when[i] < w.at || when[i] > w.at+w.within) {
				t.Errorf("%s at %v, want within %v of %v", w.said, when[i], w.within, w.at)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		<-played
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
