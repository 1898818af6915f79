package health

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// codes is what a table shows, as "code subject".
func codes(t *Table) []string {
	var out []string
	for _, a := range t.Active() {
		out = append(out, strings.TrimSpace(string(a.Code)+" "+a.Subject))
	}
	return out
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestEveryConditionIsWhole(t *testing.T) {
	all := Conditions()
	declared := map[Code]Condition{}
	for _, c := range all {
		if _, twice := declared[c.Code]; twice {
			t.Errorf("%s is declared twice", c.Code)
		}
		declared[c.Code] = c
	}
	for _, c := range all {
		if c.Severity.String() == "invalid" {
			t.Errorf("%s has no severity", c.Code)
		}
		for name, text := range map[string]Text{"title": c.Title, "remedy": c.Remedy} {
			if !strings.ContainsFunc(text.ZH, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				t.Errorf("%s: %s has no Chinese: %q", c.Code, name, text.ZH)
			}
			if text.EN == "" || strings.ContainsFunc(text.EN, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				t.Errorf("%s: %s has no English: %q", c.Code, name, text.EN)
			}
		}
		for _, cause := range c.DependsOn {
			parent, ok := declared[cause]
			if !ok {
				t.Errorf("%s depends on %s, which is not declared", c.Code, cause)
			}
			if parent.VisibleAfter > c.VisibleAfter {
				t.Errorf("%s (after %v) depends on %s, which waits longer (%v)", c.Code, c.VisibleAfter, cause, parent.VisibleAfter)
			}
			if slices.Contains(parent.DependsOn, c.Code) {
				t.Errorf("%s and %s hide each other", c.Code, cause)
			}
		}
	}
}

func TestWorstFirst(t *testing.T) {
	table := New(nil)
	table.Set(StoreNearlyFull, "", "81 %")
	table.Set(SensorFault, "b", "no_answer")
	table.Set(SensorFault, "a", "no_answer")
	table.Set(StoreNotDurable, "", "")
	want := []string{"sensor_fault a", "sensor_fault b", "store_not_durable", "store_nearly_full"}
	if diff := cmp.Diff(want, codes(table)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestSetAgainKeepsSinceAndRenewsDetail(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	table := New(func() time.Time { return at })
	table.Set(SensorFault, "sump-1", "no_answer")
	first := at
	at = at.Add(time.Minute)
	changed := table.Changed()
	table.Set(SensorFault, "sump-1", "broken_wire")
	if !closed(changed) {
		t.Error("a new detail is not announced")
	}
	got := table.Active()[0]
	if !got.Since.Equal(first) || got.Detail != "broken_wire" {
		t.Errorf("got since %v detail %q, want %v and broken_wire", got.Since, got.Detail, first)
	}
	changed = table.Changed()
	table.Set(SensorFault, "sump-1", "broken_wire")
	table.Clear(BusDown, "i2c-1")
	if closed(changed) {
		t.Error("announced although nothing changed")
	}
}

func TestCauseHidesConsequence(t *testing.T) {
	table := New(nil)
	table.Belongs("sump-1", "i2c-1")
	table.Belongs("door-1", "gpio")
	table.Set(SensorFault, "sump-1", "")
	table.Set(SensorFault, "door-1", "")
	table.Set(BusDown, "i2c-1", "")
	want := []string{"bus_down i2c-1", "sensor_fault door-1"}
	if diff := cmp.Diff(want, codes(table)); diff != "" {
		t.Errorf("a dead bus must hide its own sensors and no other (-want +got):\n%s", diff)
	}
	table.Clear(BusDown, "i2c-1")
	want = []string{"sensor_fault door-1", "sensor_fault sump-1"}
	if diff := cmp.Diff(want, codes(table)); diff != "" {
		t.Errorf("after the cause is gone (-want +got):\n%s", diff)
	}
	table.Set(UplinkRefused, "city", "bad password")
	table.Set(UplinkRefused, "backup", "bad password")
	table.Set(DuplicateClientID, "city", "")
	want = []string{"sensor_fault door-1", "sensor_fault sump-1", "duplicate_client_id city", "uplink_refused backup"}
	if diff := cmp.Diff(want, codes(table)); diff != "" {
		t.Errorf("one platform's cause must not hide another's trouble (-want +got):\n%s", diff)
	}
}

func TestTransientStaysHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		table := New(time.Now)
		done.Go(func() { table.Run(ctx) })

		changed := table.Changed()
		table.Set(UplinkDown, "city", "")
		<-time.After(9 * time.Second)
		synctest.Wait()
		if closed(changed) || len(table.Active()) != 0 {
			t.Fatal("shown before its time")
		}
		table.Clear(UplinkDown, "city")
		table.Set(UplinkDown, "city", "")
		<-time.After(9 * time.Second)
		synctest.Wait()
		if closed(changed) {
			t.Fatal("the wait did not begin again after it had cleared")
		}
		<-time.After(time.Second)
		synctest.Wait()
		if !closed(changed) {
			t.Fatal("not announced when its time came")
		}
		if diff := cmp.Diff([]string{"uplink_down city"}, codes(table)); diff != "" {
			t.Errorf("shown (-want +got):\n%s", diff)
		}
		cancel()
		done.Wait() // synctest fails on a goroutine that is left behind
	})
}

// A transient cause that nobody can see yet hides nothing.
func TestUnripeCauseHidesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(time.Now)
		c := table.declared[BusDown]
		c.VisibleAfter = 5 * time.Second
		table.declared[BusDown] = c
		table.Set(BusDown, "", "")
		table.Set(SensorFault, "sump-1", "")
		if diff := cmp.Diff([]string{"sensor_fault sump-1"}, codes(table)); diff != "" {
			t.Errorf("before (-want +got):\n%s", diff)
		}
		<-time.After(5 * time.Second)
		if diff := cmp.Diff([]string{"bus_down"}, codes(table)); diff != "" {
			t.Errorf("after (-want +got):\n%s", diff)
		}
	})
}

func TestUnknownCodeIsShown(t *testing.T) {
	table := New(nil)
	table.Set("from_the_future", "x", "")
	got := table.Active()
	if len(got) != 1 || got[0].Severity != Warning || got[0].Title.ZH != "from_the_future" {
		t.Errorf("got %+v, want one warning titled with its code", got)
	}
}

// A title goes on after its subject and a colon; that of the gateway itself is a
// sentence.
func TestTitlesFollowTheirSubject(t *testing.T) {
	itself := []Code{SiteKeyMissing, StoreNotDurable, StoreQuarantined, StoreNearlyFull, RecordsLost, ClockUnsynced}
	for _, c := range Conditions() {
		first := c.Title.EN[:1]
		if alone := slices.Contains(itself, c.Code); alone != (first == strings.ToUpper(first)) {
			t.Errorf("%s: %q", c.Code, "Pump pit: "+c.Title.EN)
		}
		for _, again := range []string{"A sensor", "a sensor", "a card reader", "The platform", "the platform"} {
			if strings.HasPrefix(c.Title.EN, again) && !slices.Contains(itself, c.Code) {
				t.Errorf("%s says once more what its subject is: %q", c.Code, "Pump pit: "+c.Title.EN)
			}
		}
	}
}
