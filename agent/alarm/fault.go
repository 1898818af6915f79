package alarm

import (
	"maps"
	"slices"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// pause is the longest time between two Ticks that counts. When the process was
// stopped, or waited for a store, nobody listened: the sensors are not to blame.
const pause = 10 * time.Second

// sight is what a Fault rule knows of its sensor.
type sight struct {
	rule         Rule
	fault, stale *watch
	// quantities are those that the sensor's other rules look at: when each last
	// had a value, and why it has none now.
	quantities map[drivers.Quantity]*seen
	heard      clock.Stamp // the last reading of any quantity
	// listening is since when silence counts, as an offset: the last reading, or
	// what came later.
	listening time.Duration
	known     bool // listening and the seen times are set
}

type seen struct {
	valued time.Duration // since when the absence of a value counts, as an offset
	heard  bool          // in this run
	faulty bool
	since  clock.Stamp // the first reading without a value
	reason drivers.Reason
}

// bus is what two sensors or more hang on.
type bus struct {
	watch   *watch
	members []string
	after   time.Duration
	// known says that this run has found out whether the bus works. Until then an
	// alarm of an earlier run stays.
	known bool
	began time.Duration // offset of the first Tick
	since time.Duration // since when it is down, as an offset; never: it is not
}

// watchFaults makes the alarms of the Fault rules, by sensor.
func (e *Engine) watchFaults(rules map[string]Rule) {
	hanging := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		r := rules[id]
		s := &sight{rule: r, quantities: map[drivers.Quantity]*seen{}}
		for _, w := range e.bySensor[id] {
			s.quantities[w.rule.Quantity] = &seen{}
		}
		if len(s.quantities) == 0 {
			s.quantities[r.Quantity] = &seen{}
		}
		s.fault = e.about(id, Fault, r.Level)
		s.stale = e.about(id, Stale, r.Level)
		e.sights[id] = s
		for _, parent := range slices.Compact(slices.Sorted(slices.Values(r.Parents))) {
			hanging[parent] = append(hanging[parent], id)
		}
	}
	for parent, members := range hanging {
		if len(members) < 2 { // its own alarm names the sensor
			continue
		}
		b := &bus{members: members, began: never, since: never}
		level := record.Severity(0)
		for _, id := range members {
			level, b.after = max(level, rules[id].Level), max(b.after, rules[id].After)
		}
		b.watch = e.about(parent, BusDown, level)
		e.buses[parent] = b
	}
}

func (e *Engine) about(sensor string, kind Kind, level record.Severity) *watch {
	w := newWatch(Rule{Sensor: sensor, Kind: kind, Level: level})
	e.byKey[w.key] = w
	return w
}

// seen takes in that a sensor spoke.
func (e *Engine) seen(r record.Reading) []Step {
	s := e.sights[r.Sensor]
	if s == nil {
		return nil
	}
	s.begin(r.At.Offset)
	s.heard, s.listening = r.At, r.At.Offset
	if q := s.quantities[r.Quantity]; q != nil {
		q.see(r)
	}
	var steps []Step
	if s.stale.active != nil {
		steps = append(steps, e.end(s.stale, observed(*s.stale.active, r))...)
	}
	if !r.HasValue() {
		return steps
	}
	if s.fault.active != nil && s.readable() {
		steps = append(steps, e.end(s.fault, observed(*s.fault.active, r))...)
	}
	for _, parent := range s.rule.Parents {
		if b := e.buses[parent]; b != nil {
			b.known = true
		}
	}
	return steps
}

func (q *seen) see(r record.Reading) {
	q.heard = true
	switch {
	case r.HasValue():
		q.valued, q.faulty = r.At.Offset, false
	case !q.faulty:
		q.faulty, q.since = true, r.At
		fallthrough
	default:
		q.reason = r.Reason
	}
}

// begin starts the clocks at the first that is heard of a sensor, or the first
// Tick.
func (s *sight) begin(now time.Duration) {
	if !s.known {
		s.known = true
		s.restart(now)
	}
}

// restart gives the sensor its full time again.
func (s *sight) restart(now time.Duration) {
	s.listening = now
	for _, q := range s.quantities {
		q.valued = now
	}
}

// forgive takes so much off the time that counts.
func (s *sight) forgive(d time.Duration) {
	s.listening += d
	for _, q := range s.quantities {
		q.valued += d
	}
}

// readable reports whether every quantity has a value. After a restart none has
// until it is heard.
func (s *sight) readable() bool {
	for _, q := range s.quantities {
		if !q.heard || q.faulty {
			return false
		}
	}
	return true
}

// worst is the quantity that has been without a value longest, of those that
// have been for the rule's patience.
func (s *sight) worst(now time.Duration) (worst *seen) {
	for _, name := range slices.Sorted(maps.Keys(s.quantities)) {
		q := s.quantities[name]
		if q.faulty && now-q.valued >= s.rule.After && (worst == nil || q.valued < worst.valued) {
			worst = q
		}
	}
	return worst
}

// observed is a later step of an alarm, made by a reading that is not its cause.
func observed(a record.Alarm, r record.Reading) record.Alarm {
	a = stamped(a, r.At)
	a.Obs = r.Obs
	return a
}

// Tick takes in the time, about each second, and which buses are down now. It
// raises what lasted long enough. Whatever happened before now must have been
// observed already.
func (e *Engine) Tick(now clock.Stamp, down []string) []Step {
	e.forgive(now.Offset)
	var steps []Step
	for _, parent := range slices.Sorted(maps.Keys(e.buses)) {
		steps = append(steps, e.tickBus(parent, now, slices.Contains(down, parent))...)
	}
	for _, id := range slices.Sorted(maps.Keys(e.sights)) {
		s := e.sights[id]
		s.begin(now.Offset)
		if !e.explained(s) {
			steps = append(steps, e.tickSensor(s, now)...)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(e.byKey)) {
		// an acknowledged end of which a power cut kept the first step only, or an
		// alarm that was latched before a change of the configuration
		if w := e.byKey[k]; w.active != nil && w.active.Restored != nil && (w.active.Ack != nil || !w.rule.Latched) {
			steps = append(steps, e.end(w, stamped(*w.active, now))...)
		}
	}
	return steps
}

// forgive takes time in which nobody looked off every sensor's.
func (e *Engine) forgive(now time.Duration) {
	if gap := now - e.ticked; e.ticking && gap > pause {
		for _, s := range e.sights {
			if s.known {
				s.forgive(gap - pause)
			}
		}
	}
	e.ticking, e.ticked = true, now
}

// explained reports whether an alarm of a bus stands for the sensor's.
func (e *Engine) explained(s *sight) bool {
	return slices.ContainsFunc(s.rule.Parents, func(parent string) bool {
		b := e.buses[parent]
		return b != nil && b.watch.active != nil
	})
}

// tickSensor raises the sensor's own alarm. One that falls silent while it
// cannot be read keeps the alarm it has.
func (e *Engine) tickSensor(s *sight, now clock.Stamp) []Step {
	if s.stale.active != nil || s.fault.active != nil {
		return nil
	}
	if now.Offset-s.listening >= s.rule.After {
		since := s.heard
		if since == (clock.Stamp{}) {
			since = now
		}
		return e.raise(s.stale, record.Alarm{At: now, Since: since, Level: s.rule.Level, Note: NoteSilent})
	}
	if q := s.worst(now.Offset); q != nil {
		return e.raise(s.fault, record.Alarm{At: now, Since: q.since, Level: s.rule.Level, Note: string(q.reason)})
	}
	return nil
}

// tickBus raises the alarm of a bus that is down when a sensor on it is due
// that has none of its own, or all have waited long enough; it takes the alarms
// that its sensors have already into it. It ends it when the bus
// works again: its sensors then have their full time to be read again before they
// get alarms of their own.
func (e *Engine) tickBus(parent string, now clock.Stamp, down bool) []Step {
	b := e.buses[parent]
	if b.began == never {
		b.began = now.Offset
	}
	b.known = b.known || down || now.Offset-b.began >= b.after
	switch {
	case !down:
		b.since = never
	case b.since == never:
		b.since = now.Offset
	}
	a := b.watch.active
	switch {
	case a != nil && !down && b.known:
		for _, id := range b.members {
			e.sights[id].restart(now.Offset)
		}
		return e.end(b.watch, stamped(*a, now))
	case a != nil || !down:
		return nil
	}
	since, due := now, now.Offset-b.since >= b.after
	for _, id := range b.members {
		s := e.sights[id]
		s.begin(now.Offset)
		alone := s.stale.active == nil && s.fault.active == nil // else it was long broken for itself
		if now.Offset-s.listening >= s.rule.After {
			due = due || alone
		} else if q := s.worst(now.Offset); q != nil {
			due = due || alone
			if alone && q.since.Offset < since.Offset {
				since = q.since
			}
		}
	}
	if !due {
		return nil
	}
	steps := e.raise(b.watch, record.Alarm{
		At: now, Since: since, Level: b.watch.rule.Level, Note: string(drivers.BusDown), Members: b.members,
	})
	for _, id := range b.members {
		for _, w := range []*watch{e.sights[id].stale, e.sights[id].fault} {
			if w.active != nil {
				a := stamped(*w.active, now)
				a.Note = NoteFolded
				steps = append(steps, e.end(w, a)...)
			}
		}
	}
	return steps
}
