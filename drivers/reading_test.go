package drivers_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"watchpost/drivers"
)

func TestZeroQualityIsInvalid(t *testing.T) {
	var r drivers.Reading
	if r.HasValue() {
		t.Error("a reading of no quality has a value")
	}
	for q, want := range map[drivers.Quality]string{
		0: "invalid", drivers.Good: "good", drivers.Uncertain: "uncertain", drivers.Fault: "fault", 4: "invalid", 255: "invalid",
	} {
		if got := q.String(); got != want {
			t.Errorf("quality %d is %q, want %q", q, got, want)
		}
		has := q == drivers.Good || q == drivers.Uncertain
		if got := (drivers.Reading{Quality: q}).HasValue(); got != has {
			t.Errorf("quality %d has a value: %v, want %v", q, got, has)
		}
	}
	// They are stored.
	if drivers.Good != 1 || drivers.Uncertain != 2 || drivers.Fault != 3 {
		t.Error("the numbers of the qualities changed")
	}
}

func TestReadings(t *testing.T) {
	v := drivers.Decimal{Coefficient: 1800, Scale: 3}
	for _, tt := range []struct{ got, want drivers.Reading }{
		{drivers.NewGood(drivers.Level, v, drivers.Metre),
			drivers.Reading{Quantity: "level", Value: v, Unit: "m", Quality: drivers.Good}},
		{drivers.NewUncertain(drivers.Level, v, drivers.Metre, drivers.OverRange),
			drivers.Reading{Quantity: "level", Value: v, Unit: "m", Quality: drivers.Uncertain, Reason: "over_range"}},
		{drivers.NewFault(drivers.Level, drivers.BrokenWire),
			drivers.Reading{Quantity: "level", Quality: drivers.Fault, Reason: "broken_wire"}},
		{drivers.NewContact(drivers.Smoke, true),
			drivers.Reading{Quantity: "smoke", Value: drivers.Int(1), Unit: "/", Quality: drivers.Good}},
		{drivers.NewContact(drivers.Door, false),
			drivers.Reading{Quantity: "door", Value: drivers.Int(0), Unit: "/", Quality: drivers.Good}},
	} {
		if diff := cmp.Diff(tt.want, tt.got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestContactQuantities(t *testing.T) {
	for q, want := range map[drivers.Quantity]bool{drivers.Smoke: true, drivers.Door: true, drivers.Level: false, "": false} {
		if got := q.Contact(); got != want {
			t.Errorf("%q is a contact: %v, want %v", q, got, want)
		}
	}
}

func TestBecause(t *testing.T) {
	if err := drivers.Because(drivers.NoAnswer, nil); err != nil {
		t.Errorf("no error became %v", err)
	}
	cause := errors.New("remote I/O error")
	err := drivers.Because(drivers.NoAnswer, cause)
	if err.Error() != cause.Error() || !errors.Is(err, cause) {
		t.Errorf("the cause is lost in %v", err)
	}
	again := drivers.Because(drivers.Broken, fmt.Errorf("read sensor: %w", err))
	if got := drivers.ReasonOf(again); got != drivers.NoAnswer {
		t.Errorf("reason %s, want that nearest the hardware, no_answer", got)
	}
	if got := again.Error(); got != "read sensor: remote I/O error" {
		t.Errorf("text %q", got)
	}
}

func TestReasonOf(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want drivers.Reason
	}{
		{errors.New("anything"), drivers.Broken},
		{context.DeadlineExceeded, drivers.Stuck},
		{fmt.Errorf("sample: %w", context.DeadlineExceeded), drivers.Stuck},
		{context.Canceled, drivers.Broken},
		{&drivers.Error{Reason: drivers.BusDown, Err: errors.New("x")}, drivers.BusDown},
		{drivers.Because(drivers.NotReady, context.DeadlineExceeded), drivers.NotReady},
		{errors.Join(errors.New("x"), drivers.Because(drivers.Missing, errors.New("y"))), drivers.Missing},
	} {
		if got := drivers.ReasonOf(tt.err); got != tt.want {
			t.Errorf("reason of %v is %s, want %s", tt.err, got, tt.want)
		}
	}
}
