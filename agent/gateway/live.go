package gateway

import (
	"slices"
	"sync"
	"time"

	"watchpost/agent/alarm"
	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// live is what is known right now, for page and documents. It is safe for
// concurrent use.
type live struct {
	// mu guards everything that follows.
	mu       sync.Mutex
	order    []liveKey
	latest   map[liveKey]sight
	alarms   []record.Alarm
	revision uint64
	asOf     record.Position
	alarming map[string]bool // sensors whose value is in alarm
	moved    time.Time       // when the pipeline last took something in
	readings uint64          // taken in so far, faults among them
	log      []logLine       // of this run, newest first
	earlier  []logLine       // of earlier runs, newest first
}

// logLine is one line of the page's log.
type logLine struct {
	at     clock.Stamp
	zh, en string
	// by did it, saying note: for those who gave the password, as is a private line.
	by, note string
	// private is what only those may see who gave the password.
	private bool
}

type liveKey struct {
	sensor   string
	quantity drivers.Quantity
}

// sight is the last reading of a quantity, since when its quality has been what
// it is, and the last reading that had a value.
type sight struct {
	reading  record.Reading
	since    clock.Stamp
	lastGood record.Reading
}

func newLive() *live {
	return &live{latest: map[liveKey]sight{}, alarming: map[string]bool{}}
}

// see takes in a reading.
func (l *live) see(r record.Reading) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := liveKey{r.Sensor, r.Quantity}
	s, known := l.latest[key]
	if !known {
		l.order = append(l.order, key)
	}
	if !known || r.Quality != s.reading.Quality {
		s.since = r.At
	}
	s.reading = r
	if r.HasValue() {
		s.lastGood = r
	}
	l.latest[key] = s
	l.moved = time.Now()
	l.readings++
}

// sights lists the last reading of each quantity of a sensor, in the order in
// which they were first seen.
func (l *live) sights(sensor string) (all []sight) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range l.order {
		if key.sensor == sensor {
			all = append(all, l.latest[key])
		}
	}
	return all
}

// fault reports whether a sensor cannot say one of its quantities now, and why:
// a reader whose line is stuck still counts its misreads.
func (l *live) fault(sensor string) (why drivers.Reason, faulty bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range l.order {
		if r := l.latest[key].reading; key.sensor == sensor && !r.HasValue() {
			return r.Reason, true
		}
	}
	return "", false
}

// setAlarms takes in the engine's active alarms.
func (l *live) setAlarms(active []record.Alarm, revision uint64, asOf record.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alarms, l.revision = active, revision
	if !asOf.IsZero() {
		l.asOf = asOf
	}
	clear(l.alarming)
	for _, a := range active {
		if alarm.Holds(a) {
			l.alarming[a.Sensor] = true
		}
	}
}

func (l *live) activeAlarms() (active []record.Alarm, revision uint64, asOf record.Position) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.alarms), l.revision, l.asOf
}

// inAlarm reports whether a sensor's value is in alarm: of one that cannot be
// read, or whose alarm only waits for a person, no more is to be sent than else.
func (l *live) inAlarm(sensor string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alarming[sensor]
}

// lastMove is when the pipeline last took something in; zero: never.
func (l *live) lastMove() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.moved
}

// seen counts the readings taken in so far.
func (l *live) seen() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.readings
}

// recentEvents is how many lines the page's log has of those for everybody, and
// as many of the private ones: a line that goes when a card is presented would
// tell of the card.
const recentEvents = 200

// bounded are the newest lines of each kind, in their order.
func bounded(lines []logLine) (kept []logLine) {
	count := map[bool]int{}
	for _, line := range lines {
		if count[line.private]++; count[line.private] <= recentEvents {
			kept = append(kept, line)
		}
	}
	return kept
}

// remember puts a line of this run into the log. The page reads it here, so that
// no page has to wait for flash.
func (l *live) remember(line logLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = bounded(append([]logLine{line}, l.log...))
}

// recall puts lines of earlier runs, newest first, below those of this one,
// whatever time a clock that is not set gives this one.
func (l *live) recall(lines []logLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.earlier = lines
}

// recent is the log, newest first.
func (l *live) recent() []logLine {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bounded(slices.Concat(l.log, l.earlier))
}
