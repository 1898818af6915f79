package forward

import "time"

// The window of readings, in records.
const (
	fewest     = 16   // worth a message
	readMost   = 1024 // looked at for one batch, of any lane
	probeEvery = time.Minute
)

// window is how many readings may be in flight. An alarm cannot overtake what
// was handed to the link before it, and a slow link takes half a minute for
// 64 KiB: so no more is handed over at once than it carries within a given time,
// or than a round trip where that is longer, so that most of it is used.
//
// The round trip is what a batch of the fewest records takes. It is measured
// first, and again each minute, since ways change.
type window struct {
	within  time.Duration
	records int
	trip    time.Duration
	probed  time.Time // zero: trip is not known
}

// probes says that the next batch measures the round trip.
func (w *window) probes() bool { return w.probed.IsZero() || time.Since(w.probed) >= probeEvery }

// limit is how many records the next batch may have.
func (w *window) limit() int {
	w.records = max(w.records, fewest)
	if w.probes() {
		return fewest
	}
	return w.records
}

// took says how long a batch of n records, sent after limit was asked, took to be
// confirmed.
func (w *window) took(n int, d time.Duration) {
	if n <= 0 {
		return
	}
	if n <= fewest && w.probes() {
		w.trip, w.probed = d, time.Now()
	}
	w.trip = min(w.trip, d)
	within, carried := max(w.within, w.trip), d-w.trip
	fits := n * 2
	if carried > within/2 {
		fits = max(int(float64(n)*float64(within)/float64(carried)), n/2)
	}
	if fits < w.records || n >= w.records {
		w.records = min(max(fits, fewest), readMost)
	}
}
