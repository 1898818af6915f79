package gateway_test

import (
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// sirenConfig is the rig with a siren that needs no platform.
const sirenConfig = "output: {line: \"gpiochip0:22\", level: red, longest: 1s}\n" + rigConfig

func TestSirenFollowsTheAlarms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.config = sirenConfig
	siren := r.board.Output("gpiochip0:22")
	l := r.start()
	l.until("good readings", allGood)
	if siren.On() {
		t.Fatal("the siren sounds without an alarm")
	}
	// What was switched is looked up, not watched: a sound of a second may pass
	// between two looks.
	switched := 0
	until := func(what string, on bool) {
		t.Helper()
		guard := time.After(hangGuard)
		for {
			for history := siren.History(); switched < len(history); {
				if switched++; history[switched-1].On == on {
					return
				}
			}
			select {
			case <-guard:
				t.Fatalf("waited %v for the siren: %s", hangGuard, what)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	r.smoke.Set(gpio.Low)
	l.until("the alarm", func(v view) bool { return len(v.Alarms) == 1 })
	until("on with the alarm", true)
	until("off after its longest time, though the alarm stays", false)
	r.smoke.Set(gpio.High)
	l.until("the smoke gone", func(v view) bool { return len(v.Alarms) == 1 && v.Alarms[0].State == "restored" })
	r.smoke.Set(gpio.Low)
	until("on when it comes back", true)
	l.end()
	if siren.On() {
		t.Error("the siren sounds on after the agent ended")
	}
	history := siren.History()
	if len(history) < 4 || history[0].On {
		t.Errorf("switched %+v, want off first", history)
	}
}

func TestSirenThatIsNotThere(t *testing.T) {
	r := newRig(t)
	r.config = sirenConfig
	l := r.start() // without that line
	defer l.end()
	v := l.until("the condition", func(v view) bool { return allGood(v) && v.condition("output_failed") })
	if v.condition("bus_down") {
		t.Errorf("conditions %+v: a siren is no bus", v.Conditions)
	}
}
