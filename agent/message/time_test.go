package message

import (
	"encoding/json"
	"testing"
	"time"

	"watchpost/agent/clock"
)

func TestTimeQuality(t *testing.T) {
	none := clock.Stamp{Synced: true}
	for name, c := range map[string]struct {
		s    clock.Stamp
		want string
	}{
		"synced": {stamp(0, true), "synced"}, "unsynced": {stamp(0, false), "unsynced"},
		"corrected": {corrected(stamp(0, false)), "corrected"}, "no time": {none, "unsynced"}, "no time, corrected": {corrected(none), "unsynced"},
	} {
		if got := timeOf(c.s).TimeQuality; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// A receiver that got a reading unsynced finds its time from the state document,
// by the formula of the package's documentation.
func TestFixesCorrectWhatWentOutBefore(t *testing.T) {
	var body struct {
		Clock struct {
			Synced bool
			Fixes  []struct {
				Boot     string
				OffsetMS int64 `json:"offset_ms"`
				UTC      time.Time
			}
		}
	}
	doc := stateDoc()
	doc.Now = corrected(doc.Now)
	for range 2 * MaxFixes {
		doc.Fixes = append(doc.Fixes, timeFix)
	}
	s := keep(native().State(doc))
	if err := json.Unmarshal(s.payload, &body); s.err != nil || err != nil {
		t.Fatal(s.err, err)
	}
	if len(body.Clock.Fixes) != MaxFixes || body.Clock.Synced {
		t.Errorf("%d fixes, synced %t", len(body.Clock.Fixes), body.Clock.Synced)
	}
	sent := timeOf(clock.Stamp{Boot: timeFix.Boot, Offset: 90 * time.Second, Wall: time.Unix(100, 0)})
	fix := body.Clock.Fixes[0]
	if sent.TimeQuality != "unsynced" || sent.Boot != fix.Boot {
		t.Fatalf("sent %+v, fix %+v", sent, fix)
	}
	got := fix.UTC.Add(time.Duration(sent.OffsetMS-fix.OffsetMS) * time.Millisecond)
	if want := timeFix.UTC.Add(90*time.Second - timeFix.Offset); !got.Equal(want) {
		t.Errorf("corrected to %v, want %v", got, want)
	}
}
