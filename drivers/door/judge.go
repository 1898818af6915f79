package door

import "time"

// state of the contact; the zero value is the one before the first stable read.
type state uint8

const (
	unknown state = iota
	closed
	open
)

// judge applies the rules to what happened. All times are of one clock, the
// kernel's. It is used by one goroutine.
type judge struct {
	opts Opts

	active    []bool // the signals
	windowEnd time.Duration
	windowed  bool // there is a window, until windowEnd

	stable state         // what counts
	raw    state         // what the contact said last
	since  time.Duration // when it said so
	began  time.Duration // when the contact left stable
	moving bool          // it has, and is not settled
	let    bool          // the opening that began then is allowed

	opened  time.Duration // when the open door opened
	pending bool          // it may still become allowed
	legal   bool          // it was allowed, or cannot be judged
	forced  bool
	brief   bool // forced, and closed again before that was sure
	held    bool

	looked time.Duration
	seen   bool // there was a look
}

func newJudge(opts Opts) *judge {
	return &judge{opts: opts, active: make([]bool, len(opts.activeLow())-1)}
}

// allowed reports whether an opening at a time from then on until now is allowed.
func (j *judge) allowed(from time.Duration) bool {
	for _, a := range j.active {
		if a {
			return true
		}
	}
	return j.windowed && j.windowEnd >= from
}

// edge takes an edge of a line: active is the state it led to.
func (j *judge) edge(line int, active bool, at time.Duration) {
	if line > 0 {
		j.signal(line-1, active, at, at)
		return
	}
	j.contact(active, at, at)
}

// look takes the levels of all lines at a time.
func (j *judge) look(active []bool, at time.Duration) {
	from := at
	if j.seen {
		from = min(j.looked, at)
	}
	for i, a := range active[1:] {
		if a != j.active[i] {
			j.signal(i, a, from, at)
		}
	}
	if j.raw != toState(active[0]) {
		j.contact(active[0], from, at)
	}
	j.looked, j.seen = at, true
}

func toState(active bool) state {
	if active {
		return open
	}
	return closed
}

// signal takes a signal that became active, or ended, at a time from then on
// until at.
func (j *judge) signal(i int, active bool, from, at time.Duration) {
	j.active[i] = active
	if !active {
		j.windowed, j.windowEnd = true, max(j.windowEnd, at+j.opts.AccessTime)
	}
	// An opening that began just before is allowed too. The end of a signal says
	// that there was one.
	if (j.moving || j.pending) && from <= j.openingBegan()+reorder {
		j.let = true
	}
}

// openingBegan is when the opening in question began.
func (j *judge) openingBegan() time.Duration {
	if j.moving && j.stable != open {
		return j.began
	}
	return j.opened
}

// contact takes a change of the contact at a time from then on until at.
func (j *judge) contact(active bool, from, at time.Duration) {
	if !j.moving {
		j.moving, j.began = true, at
		if j.stable != open {
			j.let = j.allowed(from)
		}
	}
	j.raw, j.since = toState(active), at
}

// settles is when the contact will have been still for long enough.
func (j *judge) settles() (time.Duration, bool) { return j.since + j.opts.Debounce, j.moving }

// restless is how long the contact has been moving.
func (j *judge) restless(at time.Duration) time.Duration {
	if !j.moving {
		return 0
	}
	return at - j.began
}

// next is when advance has something to do.
func (j *judge) next() (at time.Duration, ok bool) {
	soonest := func(t time.Duration) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	if t, moving := j.settles(); moving {
		soonest(t)
	}
	if j.pending {
		soonest(j.opened + reorder)
	}
	if j.stable == open && j.legal && !j.held {
		soonest(j.opened + j.opts.HeldAfter)
	}
	return at, ok
}

// advance applies what time alone brings.
func (j *judge) advance(at time.Duration) {
	if t, moving := j.settles(); moving && at >= t {
		j.settle()
	}
	if j.pending && (j.let || at >= j.opened+reorder) {
		isOpen := j.stable == open
		j.pending, j.legal, j.forced, j.brief = false, isOpen && j.let, isOpen && !j.let, !isOpen && !j.let
	}
	if j.stable == open && j.legal && at >= j.opened+j.opts.HeldAfter {
		j.held = true
	}
}

// settle makes the contact's state the one that counts.
func (j *judge) settle() {
	before := j.stable
	j.moving, j.stable = false, j.raw
	switch {
	case before == j.raw:
	case j.raw == closed:
		// The window closes with the door, but not one that began later.
		if j.legal && j.windowed && j.windowEnd-j.opts.AccessTime <= j.began {
			j.windowed, j.windowEnd = false, 0
		}
		j.legal, j.forced, j.held = false, false, false
	case before == unknown || !j.opts.Judged():
		j.opened, j.legal = j.began, true
	default:
		j.opened, j.pending = j.began, true
	}
}

// shift moves all times, when the clock they are of turns out to be another.
func (j *judge) shift(by time.Duration) {
	for _, t := range []*time.Duration{&j.windowEnd, &j.since, &j.began, &j.opened, &j.looked} {
		*t += by
	}
}
