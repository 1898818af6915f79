package relay_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/drivers/relay"
)

var errLine = errors.New("line is gone")

// coil is an output that can be lost, and is off while it is.
type coil struct {
	mu   sync.Mutex
	lost bool
	on   bool
	sets int
	log  []bool
}

func (c *coil) Set(on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sets++
	if c.lost {
		return errLine
	}
	if len(c.log) == 0 || c.on != on {
		c.log = append(c.log, on)
	}
	c.on = on
	return nil
}

func (c *coil) lose(lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost, c.on = lost, c.on && !lost
}

func (c *coil) is() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.on
}

// seen is how often the coil was set, and how it changed.
func (c *coil) seen() (sets int, changes []bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sets, slices.Clone(c.log)
}

// pass lets d of the bubble's own time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// run runs a relay for the length of play.
func run(t *testing.T, opts relay.Options, play func(r *relay.Relay, c *coil)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &coil{on: true} // as the program before left it
		r := relay.New(c, opts)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		synctest.Wait()
		if c.is() {
			t.Error("the relay is on at the start")
		}
		play(r, c)
		cancel()
		if err := <-ended; err != nil && !c.lost {
			t.Errorf("Run ended with %v", err)
		}
		if c.is() {
			t.Error("the relay is on after the end")
		}
		if err := r.On(); !errors.Is(err, relay.ErrNotRunning) {
			t.Errorf("On after the end gave %v, want ErrNotRunning", err)
		}
	})
}

func TestOnAndOff(t *testing.T) {
	run(t, relay.Options{}, func(r *relay.Relay, c *coil) {
		for range 2 {
			if err := r.On(); err != nil || !c.is() {
				t.Errorf("on: %v, %t", err, c.is())
			}
			pass(time.Hour)
			if on, err := r.Wanted(); !on || err != nil || !c.is() {
				t.Errorf("after an hour: wanted %t, %v, is %t", on, err, c.is())
			}
			if err := r.Off(); err != nil || c.is() {
				t.Errorf("off: %v, %t", err, c.is())
			}
		}
		if err := r.On(); err != nil { // on at the end of Run
			t.Error(err)
		}
		_, changes := c.seen()
		if want := []bool{false, true, false, true, false, true}; !slices.Equal(changes, want) {
			t.Errorf("switched %v, want %v: refreshing must not flicker", changes, want)
		}
	})
}

func TestOnBeforeRunIsRefused(t *testing.T) {
	c := &coil{}
	if err := relay.New(c, relay.Options{}).On(); !errors.Is(err, relay.ErrNotRunning) || c.is() {
		t.Errorf("On before Run gave %v, on %t", err, c.is())
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &coil{}
		r := relay.New(c, relay.Options{})
		ended := make(chan error, 1)
		go func() { ended <- r.Run(t.Context()) }()
		synctest.Wait()
		if err := r.On(); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil || c.is() {
			t.Errorf("close: %v, on %t", err, c.is())
		}
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
		if err := r.On(); !errors.Is(err, relay.ErrNotRunning) || c.is() {
			t.Errorf("On after Close gave %v, on %t", err, c.is())
		}
	})
}

// A line that was lost while the relay was on is on again soon after it is back;
// one that was switched off meanwhile is not.
func TestLineComesBack(t *testing.T) {
	run(t, relay.Options{}, func(r *relay.Relay, c *coil) {
		if err := r.On(); err != nil {
			t.Error(err)
		}
		c.lose(true)
		pass(11 * time.Second)
		if on, err := r.Wanted(); !on || !errors.Is(err, errLine) {
			t.Errorf("while the line is lost: wanted %t, %v", on, err)
		}
		c.lose(false)
		pass(time.Second)
		if !c.is() {
			t.Error("a second after its line came back the relay is off")
		}

		c.lose(true)
		if err := r.Off(); !errors.Is(err, errLine) {
			t.Errorf("off without a line gave %v", err)
		}
		c.lose(false)
		pass(time.Minute)
		if on, err := r.Wanted(); on || err != nil || c.is() {
			t.Errorf("wanted %t, %v, is %t; want off", on, err, c.is())
		}
		// A line that forgot its state without a word, as after a dip of the
		// supply, is set within Refresh.
		if err := r.On(); err != nil {
			t.Error(err)
		}
		c.lose(true)
		c.lose(false)
		pass(10 * time.Second)
		if !c.is() {
			t.Error("a line that forgot was not set again")
		}
		before, _ := c.seen()
		pass(time.Hour)
		after, _ := c.seen()
		if n := after - before; n < 359 || n > 361 {
			t.Errorf("%d settings in an hour, want 360", n)
		}
	})
}

func TestOnWithoutALineIsTriedAgain(t *testing.T) {
	run(t, relay.Options{}, func(r *relay.Relay, c *coil) {
		c.lose(true)
		if err := r.On(); !errors.Is(err, errLine) {
			t.Errorf("on without a line gave %v", err)
		}
		pass(5 * time.Second)
		c.lose(false)
		pass(time.Second)
		if !c.is() {
			t.Error("the relay is not on though its line is there")
		}
	})
}

func TestLongest(t *testing.T) {
	const longest = 3 * time.Minute
	run(t, relay.Options{Longest: longest}, func(r *relay.Relay, c *coil) {
		if err := r.On(); err != nil {
			t.Error(err)
		}
		for range 17 { // asking again does not prolong it
			pass(10 * time.Second)
			if err := r.On(); err != nil {
				t.Error(err)
			}
		}
		pass(10*time.Second - time.Millisecond)
		if !c.is() {
			t.Errorf("off before %s are over", longest)
		}
		pass(time.Millisecond)
		if c.is() {
			t.Errorf("on after %s", longest)
		}
		if err := r.On(); !errors.Is(err, relay.ErrCutOff) || c.is() {
			t.Errorf("On after the cut-off gave %v, on %t", err, c.is())
		}
		pass(time.Hour)
		if err := r.Off(); err != nil {
			t.Error(err)
		}
		if err := r.On(); err != nil || !c.is() {
			t.Errorf("On after Off: %v, on %t", err, c.is())
		}
		// The cut-off comes for a line that is lost, too, and when it is back it
		// stays off.
		c.lose(true)
		pass(longest + time.Second)
		c.lose(false)
		pass(time.Minute)
		if on, _ := r.Wanted(); on || c.is() {
			t.Errorf("after the cut-off of a lost line: wanted %t, is %t", on, c.is())
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	run(t, relay.Options{Longest: time.Second, Refresh: time.Millisecond}, func(r *relay.Relay, _ *coil) {
		var users sync.WaitGroup
		for range 4 {
			users.Go(func() {
				for range 200 {
					_ = r.On() // cut off now and then
					pass0()
					_ = r.Off()
					_, _ = r.Wanted()
				}
			})
		}
		users.Wait()
	})
}

func pass0() { <-time.After(time.Millisecond) }
