package gateway

import (
	"testing"

	"watchpost/agent/record"
	"watchpost/drivers"
)

// A sensor is in fault as long as one of its quantities is, whichever was told
// last: a reader whose line is stuck goes on counting misreads.
func TestOneFaultyQuantityIsAFault(t *testing.T) {
	l := newLive()
	tell := func(sensor string, r drivers.Reading) { l.see(record.Reading{Sensor: sensor, Reading: r}) }
	tell("other", drivers.NewFault(drivers.Level, drivers.BrokenWire))
	tell("reader", drivers.NewFault(drivers.Card, drivers.LineStuck))
	tell("reader", drivers.NewGood(drivers.Misread, drivers.Int(0), drivers.Count))
	if why, faulty := l.fault("reader"); !faulty || why != drivers.LineStuck {
		t.Errorf("fault %t, %q; want that of the line", faulty, why)
	}
	tell("reader", drivers.NewUncertain(drivers.Card, drivers.Int(1), drivers.Count, drivers.ParityErrors))
	if why, faulty := l.fault("reader"); faulty {
		t.Errorf("fault %q of a reader that reads again", why)
	}
}
