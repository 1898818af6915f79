package sense_test

import (
	"testing"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/agent/sense"
	"watchpost/drivers"
)

func doorAt(at time.Duration, open bool) record.Reading {
	return record.Reading{Sensor: "door", At: clock.Stamp{Offset: at}, Reading: drivers.NewContact(drivers.Door, open)}
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
