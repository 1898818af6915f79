package door

import (
	"errors"
	"fmt"
	"time"

	"watchpost/drivers"
)

// Defaults and limits of Opts.
const (
	DefaultDebounce   = 50 * time.Millisecond
	MinDebounce       = time.Millisecond
	MaxDebounce       = 5 * time.Second
	DefaultAccessTime = 10 * time.Second
	MinAccessTime     = time.Second
	MaxAccessTime     = 10 * time.Minute
	DefaultHeldAfter  = 30 * time.Second
	MinHeldAfter      = time.Second
	MaxHeldAfter      = 24 * time.Hour
	DefaultPoll       = time.Second
	MinPoll           = time.Second
	MaxPoll           = 5 * time.Second
)

// reorder is how long after the door's first edge a signal still allows it.
const reorder = 300 * time.Millisecond

// Signal is a line that lets the door open.
type Signal struct {
	// Wired says that there is one.
	Wired bool
	// ActiveLow makes the low level the active one.
	ActiveLow bool
}

// Opts describe the door. A time of 0 means its default.
type Opts struct {
	// OpenLow makes the contact's low level the open door.
	OpenLow bool
	// Rex and Unlock follow the contact in the list of lines, in this order, each
	// only if it is wired.
	Rex, Unlock Signal
	Debounce    time.Duration // of the contact
	AccessTime  time.Duration // allowed after the end of a signal
	HeldAfter   time.Duration // open for so long is too long
	Poll        time.Duration // how often the levels are read
}

// Judged reports whether forced openings can be told.
func (o Opts) Judged() bool { return o.Rex.Wired || o.Unlock.Wired }

// Quantities is what a door with these options reports.
func (o Opts) Quantities() []drivers.Quantity {
	if o.Judged() {
		return []drivers.Quantity{drivers.Door, drivers.DoorForced, drivers.DoorHeld}
	}
	return []drivers.Quantity{drivers.Door, drivers.DoorHeld}
}

// activeLow lists which lines are active when low, in the lines' order.
func (o Opts) activeLow() []bool {
	list := []bool{o.OpenLow}
	for _, s := range []Signal{o.Rex, o.Unlock} {
		if s.Wired {
			list = append(list, s.ActiveLow)
		}
	}
	return list
}

func (o Opts) withDefaults() (Opts, error) {
	for _, d := range []struct {
		name             string
		value            *time.Duration
		def, least, most time.Duration
	}{
		{"debounce", &o.Debounce, DefaultDebounce, MinDebounce, MaxDebounce},
		{"access time", &o.AccessTime, DefaultAccessTime, MinAccessTime, MaxAccessTime},
		{"held after", &o.HeldAfter, DefaultHeldAfter, MinHeldAfter, MaxHeldAfter},
		{"poll", &o.Poll, DefaultPoll, MinPoll, MaxPoll},
	} {
		if *d.value == 0 {
			*d.value = d.def
		}
		if *d.value < d.least || *d.value > d.most {
			return o, fmt.Errorf("%s %s: want %s to %s", d.name, *d.value, d.least, d.most)
		}
	}
	if o.HeldAfter <= o.Debounce {
		return o, errors.New("held after: want more than the debounce")
	}
	return o, nil
}
