package sense_test

import (
	"slices"
	"testing"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/agent/sense"
	"watchpost/drivers"
)

// seenAt is a reading stamped with a moment.
func seenAt(sensor string, at time.Duration, r drivers.Reading) record.Reading {
	return record.Reading{Sensor: sensor, At: clock.Stamp{Offset: at}, Reading: r}
}

func doorAt(at time.Duration, open bool) record.Reading {
	return seenAt("door", at, drivers.NewContact(drivers.Door, open))
}

func TestContactEventsAreChangesOnly(t *testing.T) {
	c := sense.NewContacts(map[string]string{"door": "closed"})
	fault := record.Reading{Sensor: "door", Reading: drivers.NewFault(drivers.Door, drivers.BusDown)}
	steps := []struct {
		r    record.Reading
		want string // empty: no event
	}{
		{doorAt(1*time.Second, false), ""}, // as the run before left it
		{doorAt(2*time.Second, true), "open"},
		{doorAt(3*time.Second, true), ""},
		{fault, ""}, // unknown is no change
		{doorAt(5*time.Second, true), ""},
		{doorAt(6*time.Second, false), "closed"},
	}
	for i, s := range steps {
		e, ok := c.Observe(s.r)
		if ok != (s.want != "") || e.State != s.want {
			t.Errorf("step %d: event %q (%v), want %q", i, e.State, ok, s.want)
		}
	}
}

func TestFirstStateIsMarked(t *testing.T) {
	c := sense.NewContacts(nil)
	if e, ok := c.Observe(doorAt(0, true)); !ok || !e.First || e.State != "open" {
		t.Errorf("event %+v (%v), want the first state, marked", e, ok)
	}
	if e, ok := c.Observe(doorAt(time.Second, false)); !ok || e.First {
		t.Errorf("event %+v (%v), want an ordinary change", e, ok)
	}
}

func TestChangeDuringRestartIsAnEvent(t *testing.T) {
	c := sense.NewContacts(map[string]string{"door": "closed"})
	if e, ok := c.Observe(doorAt(0, true)); !ok || e.State != "open" {
		t.Errorf("event %+v (%v), want open: the door opened while nobody watched", e, ok)
	}
}

func TestBabblingContactBecomesACount(t *testing.T) {
	c := sense.NewContacts(map[string]string{"door": "closed"})
	events := 0
	at := time.Duration(0)
	for i := range 2000 { // 100 changes a second for 20 s, ending closed
		at += 10 * time.Millisecond
		if _, ok := c.Observe(doorAt(at, i%2 == 0)); ok {
			events++
		}
	}
	if events != 10 {
		t.Errorf("%d events of a babbling contact, want 10", events)
	}
	if got := c.Babbling("door"); got != 1990 {
		t.Errorf("%d changes counted, want 1990", got)
	}
	told := 0
	for range 20 {
		at += time.Second
		if e, ok := c.Observe(doorAt(at, false)); ok {
			told++
			if e.State != "closed" {
				t.Errorf("calm state told as %q", e.State)
			}
		}
	}
	if told != 1 || c.Babbling("door") != 0 {
		t.Errorf("after calm: %d events, %d babbling, want one event and none", told, c.Babbling("door"))
	}
}

func TestDoorsForcedAndHeld(t *testing.T) {
	const door, forced, held = drivers.Door, drivers.DoorForced, drivers.DoorHeld
	type step struct {
		quantity drivers.Quantity
		active   bool
		want     string // empty: no event
	}
	for _, tc := range []struct {
		name  string
		known map[string]string
		steps []step
	}{
		{"rest is no event", nil, []step{{door, false, "closed"}, {forced, false, ""}, {held, false, ""}}},
		{"rest of an open door is none either", nil, []step{{forced, false, ""}, {door, true, "open"}, {held, false, ""}}},
		{"forced until closed", map[string]string{"door": "closed"}, []step{
			{door, true, "open"}, {forced, true, "forced"}, {forced, true, ""}, {door, false, "closed"}, {forced, false, ""},
			{door, true, "open"}, {forced, true, "forced"},
		}},
		{"end of forced said first", map[string]string{"door": "open", "door/door_forced": "forced"}, []step{
			{forced, false, "released"}, {door, false, "closed"},
		}},
		{"held, let open again, held", map[string]string{"door": "open"}, []step{
			{held, true, "held"}, {held, false, "released"}, {held, true, "held"}, {door, false, "closed"}, {held, false, ""},
		}},
		{"both, one ends", map[string]string{"door": "open"}, []step{
			{forced, true, "forced"}, {held, true, "held"}, {forced, false, "held"}, {held, false, "released"},
		}},
		{"forced while nobody watched", map[string]string{"door": "closed"}, []step{{forced, true, "forced"}, {door, true, "open"}}},
		{"forced before, and still", map[string]string{"door": "open", "door/door_forced": "forced"}, []step{{forced, true, ""}}},
		{"told closed, forced all the same", map[string]string{"door": "open", "door/door_forced": "forced"}, []step{
			{door, false, "closed"}, {forced, true, "forced"},
		}},
		{"an id with a slash, a word of another release", map[string]string{"a/b": "closed", "door": "ajar", "door/door_lost": "1"}, []step{
			{door, true, "open"},
		}},
	} {
		c := sense.NewContacts(tc.known)
		for i, s := range tc.steps {
			r := seenAt("door", time.Duration(i)*time.Second, drivers.NewContact(s.quantity, s.active))
			e, ok := c.Observe(r)
			if ok != (s.want != "") || e.State != s.want || ok && e.Kind != record.EventDoor {
				t.Errorf("%s, step %d: event %q %q (%v), want %q", tc.name, i, e.Kind, e.State, ok, s.want)
			}
			if e.First && s.quantity != door {
				t.Errorf("%s, step %d: marked first", tc.name, i)
			}
		}
	}
}

// TestNotesCarryContactsOver cuts a life in two at every step: what is told must
// be the same as without the cut, and a door known before the first new state
// of a contact was known at all is told in the words of the release before.
func TestNotesCarryContactsOver(t *testing.T) {
	type step struct {
		quantity drivers.Quantity
		active   bool
	}
	life := []step{
		{drivers.Door, false}, {drivers.DoorForced, false}, {drivers.DoorHeld, false}, {drivers.Smoke, false},
		{drivers.Door, true}, {drivers.DoorForced, true}, {drivers.Door, false}, {drivers.DoorForced, false},
		{drivers.Door, true}, {drivers.DoorHeld, true}, {drivers.DoorHeld, false}, {drivers.Door, false},
		{drivers.Door, true}, {drivers.DoorForced, true},
	}
	live := func(cut int) (told []string, notes map[string]string) {
		notes = map[string]string{}
		c := sense.NewContacts(nil)
		for i, s := range life {
			if i == cut {
				c = sense.NewContacts(notes)
			}
			sensor := "door"
			if s.quantity == drivers.Smoke {
				sensor = "hall"
			}
			r := seenAt(sensor, time.Duration(i)*time.Minute, drivers.NewContact(s.quantity, s.active))
			if e, ok := c.Observe(r); ok {
				told = append(told, string(e.Kind)+" "+e.State)
				for _, n := range c.Notes(r) {
					notes[n.Key] = n.State
				}
			}
		}
		return told, notes
	}
	want, notes := live(-1)
	if len(want) != 11 || notes["door"] != "open" || notes["hall"] != "normal" || notes["door/door_forced"] != "forced" {
		t.Fatalf("told %q, notes %v", want, notes)
	}
	for cut := range life {
		if got, _ := live(cut); !slices.Equal(got, want) {
			t.Errorf("cut before step %d: told %q, want %q", cut, got, want)
		}
	}
}

func TestBabblingOfOneContactOfADoor(t *testing.T) {
	c := sense.NewContacts(map[string]string{"door": "closed"})
	events := 0
	for i := range 100 {
		at := time.Duration(i) * 10 * time.Millisecond
		if _, ok := c.Observe(seenAt("door", at, drivers.NewContact(drivers.DoorForced, i%2 == 0))); ok {
			events++
		}
	}
	if events > 10 || c.Babbling("door") != 90 {
		t.Errorf("%d events and %d counted, want at most 10 and 90", events, c.Babbling("door"))
	}
	if e, ok := c.Observe(doorAt(time.Second, true)); !ok || e.State != "open" {
		t.Errorf("event %+v (%v): the door itself does not babble", e, ok)
	}
}
