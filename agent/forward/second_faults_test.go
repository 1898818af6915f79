package forward

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"watchpost/agent/link"
)

// An inlet that fails at once is asked ever less often, and one that refuses
// every few minutes.
func TestSecondWayBacksOff(t *testing.T) {
	for _, c := range []struct {
		fails error
		most  int
	}{{errors.New("HTTP 500"), 60}, {fmt.Errorf("%w: HTTP 401", link.ErrRefused), 8}} {
		twoWays(t, func(o *outage) {
			o.mqtt.block()
			o.https.set(func(w *way) { w.fails = c.fails })
			o.feed(30 * time.Minute)
			o.https.set(func(w *way) {
				if w.dials < 3 || w.dials > c.most {
					t.Errorf("%v: asked %d times in 28 minutes, want at most %d", c.fails, w.dials, c.most)
				}
				w.fails = nil
			})
			if s := o.state(); s.Second || s.SecondError != c.fails.Error() {
				t.Errorf("%+v, want the reason", s)
			}
			o.feed(6 * time.Minute)
			if s := o.state(); !s.Second {
				t.Errorf("%+v, want the second way", s)
			}
			// It did well for minutes: one loss is no reason to wait long again.
			o.https.cut()
			o.feed(10 * time.Second)
			if n := o.ledger.by("https", time.Now().Add(-7*time.Second), time.Now()); n < 5 {
				t.Errorf("%d messages by HTTPS soon after one loss", n)
			}
			o.mqtt.open()
			o.settle()
			o.complete()
		})
	}
}

// A connection that was idle for long got through all the same: the second way
// waits its time after the loss.
func TestIdleIsNotBlocked(t *testing.T) {
	twoWays(t, func(o *outage) {
		<-time.After(time.Hour)
		o.mqtt.cut()
		o.mqtt.block()
		o.feed(time.Minute)
		if n := o.ledger.by("https", o.begun, o.at(2*time.Hour)); n > 0 {
			t.Errorf("%d messages by HTTPS within a minute of the loss", n)
		}
		o.feed(3 * time.Minute)
		if s := o.state(); !s.Second {
			t.Errorf("%+v, want the second way", s)
		}
		o.mqtt.open()
		o.settle()
		o.complete()
	})
}

// A first way that comes and goes every few seconds, and carries little or
// nothing in between, costs neither records nor order.
func TestFastFlapping(t *testing.T) {
	for _, c := range []struct{ up, down time.Duration }{
		{time.Second, 3 * time.Second}, {3 * time.Second, 2 * time.Second}, {150 * time.Millisecond, 5 * time.Second},
	} {
		for _, mute := range []bool{false, true} {
			twoWays(t, func(o *outage) {
				o.https.set(func(w *way) { w.delay = 700 * time.Millisecond })
				o.mqtt.set(func(w *way) { w.mute = mute })
				for range 300 {
					<-time.After(c.up)
					o.mqtt.block()
					o.mqtt.cut()
					o.feed(c.down)
					o.mqtt.open()
				}
				if n := o.ledger.by("https", o.begun, o.at(24*time.Hour)); mute && n == 0 {
					t.Errorf("up %v, down %v: nothing by HTTPS, although MQTT confirmed nothing", c.up, c.down)
				}
				o.mqtt.set(func(w *way) { w.mute = false })
				o.settle()
				o.complete()
			})
		}
	}
}
