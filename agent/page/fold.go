package page

import (
	"slices"

	"watchpost/drivers"
)

// A door and a card reader observe several things each; people see one row for
// each sensor. The API keeps them apart.

// rows are the rows of the sensors, each sensor's quantities folded where one
// row says them better.
func (s *shaper) rows() (rows []sensorRow) {
	for rest := s.view.Sensors; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].ID == rest[0].ID {
			n++
		}
		group := rest[:n]
		rest = rest[n:]
		switch {
		case only(group, drivers.Door, drivers.DoorForced, drivers.DoorHeld):
			rows = append(rows, s.sensor(s.telling(group)))
		case only(group, drivers.Card, drivers.Misread):
			rows = append(rows, s.reader(group))
		default:
			for _, x := range group {
				rows = append(rows, s.sensor(x))
			}
		}
	}
	return rows
}

// only reports whether a sensor observes nothing but these quantities.
func only(group []Sensor, of ...drivers.Quantity) bool {
	return !slices.ContainsFunc(group, func(x Sensor) bool { return !slices.Contains(of, x.Quantity) })
}

// telling is the observation that a sensor's row shows: the worst, so that none
// can hide behind another, and among equals the first.
func (s *shaper) telling(group []Sensor) Sensor {
	rank := func(x Sensor) int {
		switch {
		case !x.sampled() || x.Quantity == drivers.Misread && !x.faulty() && !s.stale(x):
			return 0
		case s.stale(x):
			return 4
		case x.faulty():
			return 5
		case notice(x) && x.Quantity == drivers.DoorForced:
			return 3
		case notice(x):
			return 2
		case x.Quantity == drivers.DoorForced || x.Quantity == drivers.DoorHeld:
			return 0
		}
		return 1
	}
	worst := group[0]
	for _, x := range group[1:] {
		if rank(x) > rank(worst) {
			worst = x
		}
	}
	return worst
}

// reader is a card reader's row: how many cards since the agent started, and how
// many frames it had to refuse.
func (s *shaper) reader(group []Sensor) sensorRow {
	row := s.sensor(s.telling(group))
	if row.Veiled && row.Tone != toneFault {
		row.Since = s.get("veiled")
	}
	if row.Value == "" {
		return row
	}
	row.Since = s.get("since.start")
	for _, x := range group {
		if x.Quantity == drivers.Misread && shown(x) && x.Value.Coefficient > 0 {
			row.Since = s.fill(plural("since.misread", *x.Value), uint64(x.Value.Coefficient), "")
		}
	}
	return row
}

// plural is the key for a count of n things.
func plural(key string, n drivers.Decimal) string {
	if n.Compare(drivers.Int(1)) == 0 {
		return key
	}
	return key + ".many"
}

// shown reports whether a value may be shown: a fault has none.
func shown(x Sensor) bool {
	return x.Value != nil && (x.Quality == drivers.Good || x.Quality == drivers.Uncertain)
}

// notice reports a contact that says something is wrong, whether or not an alarm
// was asked for. An open door alone is none.
func notice(x Sensor) bool {
	return shown(x) && x.Quantity.Contact() && x.Quantity != drivers.Door && x.Value.Coefficient != 0
}
