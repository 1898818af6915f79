package record

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"watchpost/agent/clock"
	"watchpost/drivers"
)

// stamp is 2026-03-01T04:05:06.789Z, a day after boot.
func stamp(synced bool) clock.Stamp {
	return clock.Stamp{
		Boot:   clock.BootID{0xa1, 0xb2, 0xc3, 0xd4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
		Offset: 24*time.Hour + 123456789*time.Nanosecond,
		Wall:   time.Date(2026, 3, 1, 4, 5, 6, 789e6, time.UTC),
		Synced: synced,
	}
}

func decimal(t *testing.T, s string) drivers.Decimal {
	t.Helper()
	d, err := drivers.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// samples are one record of each sort; their bytes are in testdata.
func samples(t *testing.T) map[string]any {
	value, threshold, restored := decimal(t, "1.840"), decimal(t, "1.50"), stamp(true)
	run := Run{Epoch: 0x0123456789abcdef, N: 7}
	return map[string]any{
		"reading-good": Reading{Sensor: "pump-pit-1", Obs: 86400, At: stamp(true),
			Reading: drivers.NewGood(drivers.Level, decimal(t, "10.490"), drivers.Metre)},
		"reading-uncertain": Reading{Sensor: "pump-pit-1", Obs: 86401, At: stamp(false),
			Reading: drivers.NewUncertain(drivers.Level, decimal(t, "-0.012"), drivers.Metre, drivers.UnderRange)},
		"reading-zero": Reading{Sensor: "door-3", Obs: 1, At: clock.Stamp{Boot: clock.BootID{1}, Offset: time.Second},
			Reading: drivers.NewContact(drivers.Door, false)},
		"reading-fault": Reading{Sensor: "pump-pit-1", Obs: 86402, At: stamp(true),
			Reading: drivers.NewFault(drivers.Level, drivers.BrokenWire)},
		"event-smoke": Event{Obs: 12, At: stamp(true), Kind: EventSmoke, Sensor: "烟感-2", State: "alarm"},
		"event-door":  Event{Obs: 13, At: stamp(true), Kind: EventDoor, Sensor: "door-3", State: "open"},
		"event-card": Event{Obs: 14, At: stamp(true), Kind: EventCard, Sensor: "reader-4",
			Card: &Card{Pseudonym: "c-9f3a61", Format: "h10301"}},
		"event-time": Event{At: stamp(true), Kind: EventTime, Time: &Fix{Boot: stamp(true).Boot, Offset: 24 * time.Hour,
			UTC: time.Date(2026, 3, 1, 4, 5, 6, 665e6, time.UTC), Step: -3600123 * time.Millisecond}},
		"event-run": Event{At: stamp(false), Kind: EventRun, Start: &Start{
			Predecessor: Run{Epoch: run.Epoch, N: 6}, Ended: "unclean", Durable: [3]uint64{3, 44, 5555},
			LostWithinMS: 10000, LostAtMost: 40, Quarantined: true, Salvaged: 5602}},
		"event-run-first": Event{At: stamp(false), Kind: EventRun, Start: &Start{}},
		"event-loss": Event{At: stamp(true), Kind: EventLoss, Loss: &Loss{Lane: Readings, Reason: "full", Count: 150,
			Ranges: []Range{{Run: run, First: 1, Last: 100}, {Run: Run{Epoch: run.Epoch, N: 8}, First: 1, Last: 50}}}},
		"alarm-raised": Alarm{Obs: 90, At: stamp(true), Sensor: "pump-pit-1", Kind: "level_high", Level: Orange,
			State: Raised, Quantity: drivers.Level, Value: &value, Unit: drivers.Metre, Threshold: &threshold, Since: stamp(true)},
		"alarm-acknowledged": Alarm{Raise: Position{Run: run, Seq: 300}, Obs: 95, At: stamp(true), Sensor: "smoke-2",
			Kind: "smoke", Level: Red, State: Acknowledged, Since: stamp(false), By: "p-41c0", Note: "on my way"},
		"alarm-restored": Alarm{Raise: Position{Run: run, Seq: 300}, Obs: 96, At: stamp(true), Sensor: "smoke-2",
			Kind: "smoke", Level: Red, State: Restored, Since: stamp(false), Restored: &restored,
			Ack: &Ack{At: stamp(false), By: "p-41c0", Note: "on my way"}},
		"alarm-bus-down": Alarm{At: stamp(true), Sensor: "i2c-1", Kind: "bus_down", Level: Yellow,
			State: Raised, Since: stamp(false), Note: "no_answer", Members: []string{"pump-pit-1", "集水井-2"}},
	}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	switch v := v.(type) {
	case Reading:
		return EncodeReading(v)
	case Event:
		return EncodeEvent(v)
	case Alarm:
		return EncodeAlarm(v)
	}
	t.Fatalf("encode %T", v)
	return nil
}

// The bytes of the release before are in the buffers of gateways in the field.
// A difference here is a changed format, not a stale test.
func TestGoldenBytes(t *testing.T) {
	for name, v := range samples(t) {
		path := filepath.Join("testdata", name+".hex")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%v\nhas to hold:\n%x", err, encode(t, v))
			continue
		}
		if got, want := hex.EncodeToString(encode(t, v)), strings.Join(strings.Fields(string(text)), ""); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
		golden, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		got, err := Decode(golden)
		if err != nil {
			t.Errorf("decode %s: %v", name, err)
		} else if diff := cmp.Diff(v, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	files, err := filepath.Glob("testdata/*.hex")
	if err != nil || len(files) != len(samples(t)) {
		t.Errorf("%d golden files for %d samples (%v)", len(files), len(samples(t)), err)
	}
}

func TestKinds(t *testing.T) {
	want := map[string]Kind{"reading": KindReading, "event": KindEvent, "alarm": KindAlarm}
	for name, v := range samples(t) {
		b := encode(t, v)
		kind, err := KindOf(b)
		if word, _, _ := strings.Cut(name, "-"); err != nil || kind != want[word] {
			t.Errorf("KindOf(%s) = %d, %v", name, kind, err)
		}
		_, errR := DecodeReading(b)
		_, errE := DecodeEvent(b)
		_, errA := DecodeAlarm(b)
		for k, err := range map[Kind]error{KindReading: errR, KindEvent: errE, KindAlarm: errA} {
			if (k == kind) != (err == nil) || err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("%s read as kind %d: %v", name, k, err)
			}
		}
	}
}

// A reading has to stay small: there are thousands a day.
func TestReadingSize(t *testing.T) {
	for name, v := range samples(t) {
		t.Logf("%-20s %3d bytes", name, len(encode(t, v)))
	}
	level := samples(t)["reading-good"].(Reading)
	level.Value = decimal(t, "1.840")
	if n := len(EncodeReading(level)); n >= 70 {
		t.Errorf("a reading takes %d bytes, want less than 70", n)
	}
}

// fieldNumbers lists the fields at the top of a record.
func fieldNumbers(t *testing.T, b []byte) map[protowire.Number]bool {
	t.Helper()
	seen := map[protowire.Number]bool{}
	if err := walk(b[1:], func(f field) error { seen[f.num] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	return seen
}

func TestFaultHasNoValueField(t *testing.T) {
	// a driver that left the last value standing beside the fault
	stale := drivers.Reading{Quantity: drivers.Level, Value: drivers.Int(3), Unit: drivers.Metre,
		Quality: drivers.Fault, Reason: drivers.BrokenWire}
	forgotten := stale
	forgotten.Quality = 0
	for name, r := range map[string]drivers.Reading{"stale": stale, "forgotten": forgotten} {
		b := EncodeReading(Reading{Sensor: "a", At: stamp(true), Reading: r})
		seen := fieldNumbers(t, b)
		for _, num := range []protowire.Number{fieldCoefficient, fieldScale, fieldUnit} {
			if seen[num] {
				t.Errorf("%s fault carries field %d", name, num)
			}
		}
		got, err := DecodeReading(b)
		if err != nil || got.Quality != drivers.Fault || got.Value != (drivers.Decimal{}) {
			t.Errorf("%s fault came back as %+v, %v", name, got, err)
		}
		// the same bytes with a value are refused
		b = protowire.AppendTag(b, fieldCoefficient, protowire.VarintType)
		if _, err := DecodeReading(protowire.AppendVarint(b, 6)); !errors.Is(err, ErrDamaged) {
			t.Errorf("fault with a value: %v, want ErrDamaged", err)
		}
	}
	// and the check above can see a value
	zero := fieldNumbers(t, encode(t, samples(t)["reading-zero"]))
	if !zero[fieldCoefficient] {
		t.Error("a value of 0 is not stored")
	}
}
