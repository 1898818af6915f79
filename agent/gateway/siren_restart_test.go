package gateway_test

import (
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// What nobody knew of before a power cut calls again after it, with the smoke gone
// and no platform anywhere.
func TestSirenAfterARestart(t *testing.T) {
	r := newRig(t)
	r.config = sirenConfig
	siren := r.board.Output("gpiochip0:22")
	l := r.start()
	l.until("good readings", allGood)
	r.smoke.Set(gpio.Low)
	l.until("the alarm", func(v view) bool { return len(v.Alarms) == 1 })
	r.smoke.Set(gpio.High)
	l.until("the smoke gone", func(v view) bool { return len(v.Alarms) == 1 && v.Alarms[0].State == "restored" })
	l.end()
	before := len(siren.History())
	l = r.start()
	l.until("the alarm of the run before", func(v view) bool { return allGood(v) && len(v.Alarms) == 1 && v.Alarms[0].State == "restored" })
	guard := time.After(hangGuard)
	for sounded := false; !sounded; {
		for _, s := range siren.History()[before:] {
			sounded = sounded || s.On
		}
		select {
		case <-guard:
			t.Fatal("the siren is silent after the restart")
		case <-time.After(10 * time.Millisecond):
		}
	}
	l.end()
}
