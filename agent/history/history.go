// Package history keeps the last day of every sensor for the page's charts, in
// memory of a fixed size.
//
// A day is 1,440 buckets of one minute, found by the time since boot: a wall
// clock that is set or stepped tears no chart, and whoever shows a point says
// what time that was by the clock as it stands then. A bucket keeps the lowest,
// highest and newest value exactly as they were read, how many there were, and
// how many faults with the newest one's reason. A minute without a sample has no
// bucket; a fault is never a value.
//
// A restart begins an empty history: nothing here touches flash.
package history

import (
	"math"
	"slices"
	"sync"
	"time"

	"watchpost/drivers"
)

const (
	// Step is the length of a bucket.
	Step = time.Minute
	// Span is how far back a history reaches.
	Span = 24 * time.Hour
	// MaxSeries is how many quantities are kept over all sensors. Each takes
	// 1,440 buckets of 40 bytes, which the heap rounds up to 64 KiB: 32 sensors of
	// one quantity take 2.1 MB, all series 3.9 MB. A further quantity is not kept.
	MaxSeries = 60
)

const (
	slots      = int(Span / Step)
	maxReasons = math.MaxUint8 // drivers has some twenty
)

// Kept reports whether a quantity is worth a chart. What a door's watching adds
// to its contact, and how often a reader misread, is told by alarms, events and
// conditions.
func Kept(q drivers.Quantity) bool {
	return q != drivers.DoorForced && q != drivers.DoorHeld && q != drivers.Misread
}

// Point is one minute of one quantity in which there was a sample.
type Point struct {
	Start time.Duration // of the minute, since boot
	// Min, Max and Last mean nothing while Values is 0.
	Min, Max, Last drivers.Decimal
	// Values and Faults count samples, up to 65,535.
	Values, Faults int
	Worst          drivers.Quality // of all samples
	Reason         drivers.Reason  // the newest sample's of the worst quality; empty when Good
}

// Series is what is known of one quantity of one sensor.
type Series struct {
	Unit   drivers.Unit // of the newest value; empty before the first
	Points []Point      // oldest first; a minute without a sample has none
}

// History is safe for concurrent use and has no goroutine.
type History struct {
	begun time.Duration // since boot

	mu      sync.RWMutex
	series  map[key]*ring
	reasons []drivers.Reason // a bucket has the index into it plus one
}

type key struct {
	sensor   string
	quantity drivers.Quantity
}

type ring struct {
	unit    drivers.Unit
	buckets [slots]bucket
}

// bucket is 40 bytes on every platform; a test holds it to that.
type bucket struct {
	min, max, last                int64
	minute                        uint32 // since boot, plus one; 0: empty
	values, faults                uint16
	minScale, maxScale, lastScale uint8
	worst                         drivers.Quality
	reason                        uint8 // index plus one; 0: none
}

// New makes a history that begins at now, since boot.
func New(now time.Duration) *History {
	return &History{begun: now, series: map[key]*ring{}}
}

// Begun is when this history began, since boot.
func (h *History) Begun() time.Duration { return h.begun }

// Add takes in a sample made at some time since boot. Samples come in any order
// within the last day; older ones, those of quantities that are not Kept, and
// those that are not valid readings are left out.
func (h *History) Add(sensor string, at time.Duration, r drivers.Reading) {
	if at < 0 || !Kept(r.Quantity) || r.Quality < drivers.Good || r.Quality > drivers.Fault {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	of := key{sensor, r.Quantity}
	s := h.series[of]
	if s == nil {
		if len(h.series) >= MaxSeries {
			return
		}
		s = &ring{}
		h.series[of] = s
	}
	minute := uint32(at/Step) + 1
	b := &s.buckets[int(minute)%slots]
	if b.minute > minute {
		return // of more than a day before what is there
	}
	if b.minute != minute {
		*b = bucket{minute: minute}
	}
	if r.Quality >= b.worst {
		b.worst, b.reason = r.Quality, h.reason(r.Reason)
	}
	if !r.HasValue() {
		b.faults = more(b.faults)
		return
	}
	s.unit = r.Unit
	b.add(r.Value)
}

func (b *bucket) add(v drivers.Decimal) {
	if b.values == 0 || v.Compare(drivers.Decimal{Coefficient: b.min, Scale: b.minScale}) < 0 {
		b.min, b.minScale = v.Coefficient, v.Scale
	}
	if b.values == 0 || v.Compare(drivers.Decimal{Coefficient: b.max, Scale: b.maxScale}) > 0 {
		b.max, b.maxScale = v.Coefficient, v.Scale
	}
	b.last, b.lastScale = v.Coefficient, v.Scale
	b.values = more(b.values)
}

// more counts on, and stands still at the highest number.
func more(n uint16) uint16 { return max(n, n+1) }

// reason is where why is listed, plus one. A list that is full calls the rest
// broken, or nothing if it does not know that either.
func (h *History) reason(why drivers.Reason) uint8 {
	if why == "" {
		return 0
	}
	i := slices.Index(h.reasons, why)
	if i < 0 && len(h.reasons) < maxReasons {
		h.reasons = append(h.reasons, why)
		return uint8(len(h.reasons))
	}
	if i < 0 {
		i = slices.Index(h.reasons, drivers.Broken)
	}
	return uint8(i + 1)
}

// Read is what is known of a quantity between from and to, since boot: minutes
// that began after from-Step and not after to, a day at most. It reports false
// for a quantity of which there was never a sample.
func (h *History) Read(sensor string, q drivers.Quantity, from, to time.Duration) (Series, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	s := h.series[key{sensor, q}]
	if s == nil {
		return Series{}, false
	}
	out := Series{Unit: s.unit}
	last := int64(max(to, 0) / Step)
	first := max(int64(max(from, 0)/Step), last-int64(slots)+1)
	for minute := first; minute <= last; minute++ {
		b := &s.buckets[int((minute+1)%int64(slots))]
		if int64(b.minute) == minute+1 {
			out.Points = append(out.Points, h.point(b))
		}
	}
	return out, true
}

func (h *History) point(b *bucket) Point {
	p := Point{
		Start:  time.Duration(b.minute-1) * Step,
		Values: int(b.values), Faults: int(b.faults), Worst: b.worst,
	}
	if b.values > 0 {
		p.Min = drivers.Decimal{Coefficient: b.min, Scale: b.minScale}
		p.Max = drivers.Decimal{Coefficient: b.max, Scale: b.maxScale}
		p.Last = drivers.Decimal{Coefficient: b.last, Scale: b.lastScale}
	}
	if b.reason > 0 {
		p.Reason = h.reasons[b.reason-1]
	}
	return p
}
