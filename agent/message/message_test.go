package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/record"
	"watchpost/drivers"
)

var update = flag.Bool("update", false, "write the golden files anew")

func decimal(s string) *drivers.Decimal {
	d, err := drivers.ParseDecimal(s)
	if err != nil {
		return nil
	}
	return &d
}

func stamp(ms int, synced bool) clock.Stamp {
	at := time.Duration(ms) * time.Millisecond
	return clock.Stamp{
		Boot:   clock.BootID{0xa1, 0xb2, 0xc3, 0xd4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
		Offset: time.Hour + at, Wall: time.Date(2026, 3, 1, 12, 5, 6, 0, time.FixedZone("CST", 8*3600)).Add(at), Synced: synced,
	}
}

var (
	run    = record.Run{Epoch: 0x0123456789abcdef, N: 7}
	runOld = record.Run{Epoch: 0x0123456789abcdef, N: 6}
)

func at(seq uint64) record.Position { return record.Position{Run: run, Seq: seq} }

func prev(r record.Run, seq uint64) *record.Position { return &record.Position{Run: r, Seq: seq} }

func native() *Native {
	return New(Gateway{ID: "GW-0317", Place: Place{
		Grid: &Grid{Scheme: "GB/T 30428.1", Code: "110101001002003"}, Compound: "翠湖苑", Building: "3号楼", Room: "弱电间",
		Longitude: decimal("116.407400"), Latitude: decimal("39.904200"), Organisation: "安居物业",
	}}, map[string]SensorInfo{
		"pump-pit-1": {NameZH: "地下车库集水井", NameEN: "Pump pit", Kind: "level", Driver: "currentloop", Place: Place{Text: "地下车库 B1"}},
		"smoke-2":    {NameZH: "3号楼电缆井", NameEN: "Cable shaft, building 3", Kind: "smoke", Driver: "contact"},
		"door-3":     {NameZH: "北门", NameEN: "North gate", Kind: "door", Driver: "contact", Place: Place{Building: "北门岗亭"}},
		"reader-4":   {NameZH: "北门读卡器", NameEN: "Reader, north gate", Kind: "card", Driver: "wiegand"},
	})
}

func reading(seq uint64, ms int, r drivers.Reading) Item {
	return Item{at(seq), record.Reading{Sensor: "pump-pit-1", Obs: 1000 + seq, At: stamp(ms, true), Reading: r}}
}

// of is item as another sensor's, its time corrected.
func of(sensor string, item Item) Item {
	r := item.Record.(record.Reading)
	r.Sensor, r.At = sensor, corrected(r.At)
	item.Record = r
	return item
}

func corrected(s clock.Stamp) clock.Stamp {
	s.Synced, s.Corrected = true, true
	return s
}

var timeFix = record.Fix{Boot: stamp(0, true).Boot, Offset: time.Hour + 250*time.Millisecond,
	UTC: time.Date(2026, 3, 1, 4, 5, 6, 250e6, time.UTC), Step: -3600123 * time.Millisecond}

func raised() record.Alarm {
	return record.Alarm{
		Obs: 90, At: stamp(0, true), Since: stamp(0, true), Sensor: "pump-pit-1", Kind: "level_high", Level: record.Orange,
		State: record.Raised, Quantity: drivers.Level, Value: decimal("1.840"), Unit: drivers.Metre, Threshold: decimal("1.50"),
	}
}

func with(a record.Alarm, change func(*record.Alarm)) record.Alarm { change(&a); return a }

func stateDoc() StateDoc {
	return StateDoc{
		Online: true, Run: run, Predecessor: runOld, Session: 3, Now: stamp(700, true),
		Fixes:    []record.Fix{timeFix, {Boot: clock.BootID{9}, Offset: 5 * time.Second, UTC: time.Date(2026, 2, 27, 23, 59, 59, 999e6, time.UTC)}},
		Versions: map[string]string{"watchpost": "0.1.0", "config": "5f2c"}, Backlog: [3]uint64{0, 2, 1200},
		Conditions: []Condition{{
			Code: "sensor_fault", Severity: "warning", Since: stamp(-60000, true).Wall, Subject: "pump-pit-1",
			ZH: "地下车库集水井：断线，请检查接线", EN: "Pump pit: broken wire, check the wiring",
		}, {Code: "clock_unsynced", Severity: "notice", ZH: "时间未同步", EN: "The clock is not synchronised"}},
	}
}

type shaped struct {
	topic   string
	payload []byte
	err     error
}

func keep(topic string, payload []byte, err error) shaped { return shaped{topic, payload, err} }

// samples are one message of every class and kind, by golden file. The part of
// the name before the dot is the class.
func samples() map[string]shaped {
	n := native()
	raisedItem := Item{at(300), raised()}
	named := with(raised(), func(a *record.Alarm) { a.Raise = at(300) })
	cleared := with(named, func(a *record.Alarm) {
		a.State, a.Obs, a.At, a.Value, a.Threshold = record.Cleared, 190, stamp(90000, true), decimal("1.380"), decimal("1.40")
	})
	smoke := record.Alarm{
		Raise: record.Position{Run: runOld, Seq: 12}, Obs: 20, At: stamp(5, false), Since: clock.Stamp{Boot: clock.BootID{9}, Offset: 70 * time.Second},
		Sensor: "smoke-2", Kind: "smoke", Level: record.Red, State: record.Raised, Quantity: drivers.Smoke, Value: decimal("1"), Unit: drivers.Switch,
	}
	late := with(smoke, func(a *record.Alarm) { a.At, a.Since = corrected(a.At), corrected(stamp(-700, true)) })
	acked := with(smoke, func(a *record.Alarm) { a.State, a.By, a.Value, a.Unit = record.Acknowledged, "p-41c0", nil, "" })
	known := &record.Ack{At: stamp(60000, true), By: "p-41c0", Note: "on my way"}
	acked.Ack, acked.Note = known, known.Note
	restored := with(smoke, func(a *record.Alarm) {
		over := stamp(30000, true)
		a.State, a.Obs, a.At, a.Restored, a.Value = record.Restored, 30, over, &over, decimal("0")
	})
	red := with(named, func(a *record.Alarm) {
		a.State, a.Level, a.Obs, a.At, a.Value, a.Threshold = record.Escalated, record.Red, 150, stamp(40000, true), decimal("2.040"), decimal("2.00")
	})
	lowered := with(red, func(a *record.Alarm) {
		a.State, a.Level, a.Obs, a.At, a.Value, a.Threshold = record.Lowered, record.Orange, 170, stamp(70000, true), decimal("1.880"), decimal("1.90")
		a.Ack = known
	})
	bus := record.Alarm{At: stamp(120000, true), Since: stamp(500, true), Sensor: "i2c-1", Kind: "bus_down", Level: record.Yellow,
		State: record.Raised, Note: "bus_down", Members: []string{"pump-pit-1", "pump-pit-2"}}
	fault := record.Alarm{At: stamp(120000, true), Since: stamp(500, true), Sensor: "pump-pit-1", Kind: "fault", Level: record.Yellow,
		State: record.Raised, Note: "broken_wire"}
	stale := with(fault, func(a *record.Alarm) { a.Kind, a.Note = "stale", "silent" })
	event := func(seq uint64, e record.Event) shaped {
		return keep(n.Event(prev(run, seq-1), Item{at(seq), e}))
	}
	start := &record.Start{Predecessor: runOld, Ended: "unclean", Durable: [3]uint64{3, 44, 5555},
		LostWithinMS: 10000, LostAtMost: 40, Quarantined: true, Salvaged: 5602}
	loss := &record.Loss{Lane: record.Readings, Reason: "full", Count: 150,
		Ranges: []record.Range{{Run: runOld, First: 1, Last: 100}, {Run: run, First: 1, Last: 50}}}
	return map[string]shaped{
		"alarms.raised":       keep(n.Alarm(prev(runOld, 12), raisedItem)),
		"alarms.cleared":      keep(n.Alarm(prev(run, 300), Item{at(301), cleared})),
		"alarms.smoke":        keep(n.Alarm(nil, Item{at(1), smoke})),
		"alarms.corrected":    keep(n.Alarm(nil, Item{at(1), late})),
		"alarms.nameless":     keep(n.Alarm(prev(run, 2), Item{at(3), with(cleared, func(a *record.Alarm) { a.Raise = record.Position{} })})),
		"alarms.acknowledged": keep(n.Alarm(prev(run, 1), Item{at(2), acked})),
		"alarms.restored":     keep(n.Alarm(prev(run, 1), Item{at(2), restored})),
		"alarms.escalated":    keep(n.Alarm(prev(run, 300), Item{at(302), red})),
		"alarms.lowered":      keep(n.Alarm(prev(run, 302), Item{at(304), lowered})),
		"alarms.bus-down":     keep(n.Alarm(prev(run, 304), Item{at(305), bus})),
		"alarms.fault":        keep(n.Alarm(prev(run, 305), Item{at(306), fault})),
		"alarms.stale":        keep(n.Alarm(prev(run, 306), Item{at(307), stale})),
		"events.smoke":        event(8, record.Event{Obs: 12, At: stamp(1, true), Kind: record.EventSmoke, Sensor: "smoke-2", State: "alarm"}),
		"events.door":         event(9, record.Event{Obs: 13, At: stamp(2, true), Kind: record.EventDoor, Sensor: "door-3", State: "open"}),
		"events.door-forced":  event(11, record.Event{Obs: 14, At: corrected(stamp(4, true)), Kind: record.EventDoor, Sensor: "door-3", State: "forced"}),
		"events.card": event(12, record.Event{Obs: 15, At: stamp(5, true), Kind: record.EventCard, Sensor: "reader-4",
			Card: &record.Card{Pseudonym: "c-9f3a61", Format: "h10301"}}),
		"events.time":      event(13, record.Event{At: stamp(250, true), Kind: record.EventTime, Time: &timeFix}),
		"events.run":       keep(n.Event(prev(runOld, 44), Item{at(1), record.Event{At: stamp(0, false), Kind: record.EventRun, Start: start}})),
		"events.run-first": keep(n.Event(nil, Item{at(1), record.Event{At: clock.Stamp{Offset: time.Second}, Kind: record.EventRun, Start: &record.Start{Ended: "unknown"}}})),
		"events.loss":      event(10, record.Event{At: stamp(3, true), Kind: record.EventLoss, Loss: loss}),
		"readings.list": keep(n.Readings(prev(run, 40), []Item{
			reading(41, 0, drivers.NewGood(drivers.Level, *decimal("10.490"), drivers.Metre)),
			reading(42, 1000, drivers.NewUncertain(drivers.Level, *decimal("5.000"), drivers.Metre, drivers.OverRange)),
			reading(45, 2000, drivers.NewFault(drivers.Level, drivers.BrokenWire)),
		})),
		"readings.access": keep(n.Readings(prev(run, 45), []Item{
			of("reader-4", reading(46, 3000, drivers.NewGood(drivers.Card, drivers.Int(17), drivers.Count))),
			of("reader-4", reading(47, 3000, drivers.NewGood(drivers.Misread, drivers.Int(2), drivers.Count))),
			of("door-3", reading(48, 3000, drivers.NewContact(drivers.DoorForced, true))),
			of("door-3", reading(49, 3000, drivers.NewContact(drivers.DoorHeld, false))),
		})),
		"state.online":         keep(n.State(stateDoc())),
		"state.will":           keep(n.Will(stateDoc())),
		"alarms-active.two":    keep(n.ActiveAlarms(ActiveDoc{Run: run, Revision: 9, AsOf: at(300), Now: stamp(9, true), Alarms: []record.Alarm{smoke, named}})),
		"alarms-active.life":   keep(n.ActiveAlarms(ActiveDoc{Run: run, Revision: 12, AsOf: at(304), Now: stamp(75000, true), Alarms: []record.Alarm{restored, lowered, with(bus, func(a *record.Alarm) { a.Raise = at(305) })}})),
		"alarms-active.none":   keep(n.ActiveAlarms(ActiveDoc{Run: run, Now: stamp(9, true)})),
		"alarms-active.unsent": keep(n.ActiveAlarms(ActiveDoc{Run: run, Revision: 1, Now: stamp(9, true), Alarms: []record.Alarm{raised()}})),
	}
}

func class(golden string) string {
	word, _, _ := strings.Cut(golden, ".")
	return strings.Replace(word, "alarms-active", ClassActiveAlarms, 1)
}

// The golden files are what platforms were built against.
func TestGolden(t *testing.T) {
	for name, s := range samples() {
		if s.err != nil {
			t.Errorf("%s: %v", name, s.err)
			continue
		}
		if want := "watchpost/v1/GW-0317/" + class(name); s.topic != want {
			t.Errorf("%s: topic %q, want %q", name, s.topic, want)
		}
		var pretty bytes.Buffer // Indent keeps numbers and order as they are
		if err := json.Indent(&pretty, append(s.payload, '\n'), "", "  "); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, s.payload)
		}
		path := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(path, pretty.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(pretty.Bytes(), want) {
			t.Errorf("%s:\n got %s\nwant %s", path, pretty.Bytes(), want)
		}
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) != len(samples()) {
		t.Errorf("%d golden files for %d samples (%v)", len(files), len(samples()), err)
	}
}

// readingsOf parses the list of a readings payload.
func readingsOf(t *testing.T, payload []byte) []map[string]json.RawMessage {
	t.Helper()
	var body struct {
		Readings []map[string]json.RawMessage `json:"readings"`
	}
	if err := json.Unmarshal(payload, &body); err != nil {
		t.Fatal(err)
	}
	return body.Readings
}

func TestFaultIsNeverAValue(t *testing.T) {
	stale := drivers.Reading{Quantity: drivers.Level, Value: drivers.Int(3), Unit: drivers.Metre, Quality: drivers.Fault, Reason: drivers.NoAnswer}
	forgotten := stale
	forgotten.Quality = 0
	s := keep(native().Readings(nil, []Item{
		reading(1, 0, stale), reading(2, 0, forgotten), reading(3, 0, drivers.NewGood(drivers.Level, drivers.Int(0), drivers.Metre)),
	}))
	list := readingsOf(t, s.payload)
	for _, r := range list[:2] {
		for _, key := range []string{"value", "unit"} {
			if v, ok := r[key]; ok {
				t.Errorf("a fault carries %s %s", key, v)
			}
		}
		if string(r["quality"]) != `"fault"` || string(r["reason"]) != `"no_answer"` {
			t.Errorf("quality %s, reason %s", r["quality"], r["reason"])
		}
	}
	if string(list[2]["value"]) != "0" { // and the check above can see one
		t.Errorf("a good zero has value %s", list[2]["value"])
	}
}

func TestDecimalsAreExact(t *testing.T) {
	for _, text := range []string{"10.490", "0.000", "-0.010", "9007199254740993", "0.000000001"} {
		s := keep(native().Readings(nil, []Item{reading(1, 0, drivers.NewGood(drivers.Level, *decimal(text), drivers.Metre))}))
		if got := string(readingsOf(t, s.payload)[0]["value"]); got != text {
			t.Errorf("%s was sent as %s", text, got)
		}
	}
}

// What cannot be said truthfully is refused, not sent.
func TestRefusesWhatDoesNotBelong(t *testing.T) {
	n := native()
	good := drivers.NewGood(drivers.Level, drivers.Int(1), drivers.Metre)
	otherRun := reading(2, 0, good)
	otherRun.Position.Run = runOld
	for name, s := range map[string]shaped{
		"an event as alarm":    keep(n.Alarm(nil, Item{at(1), record.Event{}})),
		"an alarm as event":    keep(n.Event(nil, Item{at(1), record.Alarm{}})),
		"an alarm as reading":  keep(n.Readings(nil, []Item{{at(1), record.Alarm{}}})),
		"nothing as readings":  keep(n.Readings(nil, nil)),
		"two runs at once":     keep(n.Readings(nil, []Item{reading(1, 0, good), otherRun})),
		"readings out of turn": keep(n.Readings(nil, []Item{reading(2, 0, good), reading(2, 0, good)})),
	} {
		if !errors.Is(s.err, ErrWrongRecord) || s.payload != nil {
			t.Errorf("%s: %v, %s", name, s.err, s.payload)
		}
	}
}

func TestBootOnlyWhereItDiffers(t *testing.T) {
	r := reading(2, 0, drivers.NewGood(drivers.Level, drivers.Int(1), drivers.Metre))
	other := r.Record.(record.Reading)
	other.At.Boot = clock.BootID{7}
	s := keep(native().Readings(nil, []Item{reading(1, 0, other.Reading), {r.Position, other}}))
	list := readingsOf(t, s.payload)
	if _, ok := list[0]["boot"]; ok || string(list[1]["boot"]) != fmt.Sprintf("%q", other.At.Boot) {
		t.Errorf("boot %s and %s", list[0]["boot"], list[1]["boot"])
	}
}

func TestRoot(t *testing.T) {
	for root, want := range map[string]string{
		"": "watchpost/v1/g/state", "city/west": "city/west/g/state", "city/west/": "city/west/g/state",
	} {
		if got := New(Gateway{Root: root, ID: "g"}, nil).Topic(ClassState); got != want {
			t.Errorf("root %q: topic %q, want %q", root, got, want)
		}
	}
}

func TestActiveIsCapped(t *testing.T) {
	long := strings.Repeat("长", 40)
	sensors := map[string]SensorInfo{"pump-pit-1": {NameZH: long, NameEN: long, Place: Place{Text: long, Building: long, Room: long}}}
	n := New(Gateway{ID: "GW-0317", Place: Place{Compound: long, Organisation: long}}, sensors)
	doc := ActiveDoc{Run: run, Now: stamp(0, true)}
	for range MaxActive + 20 {
		doc.Alarms = append(doc.Alarms, with(raised(), func(a *record.Alarm) { a.Raise = at(1 << 40) }))
	}
	s := keep(n.ActiveAlarms(doc))
	var body struct {
		Total  int
		Alarms []json.RawMessage
	}
	if err := json.Unmarshal(s.payload, &body); err != nil {
		t.Fatal(err)
	}
	if body.Total != MaxActive+20 || len(body.Alarms) != MaxActive {
		t.Errorf("total %d, %d listed", body.Total, len(body.Alarms))
	}
	if len(s.payload) > 64<<10 {
		t.Errorf("%d bytes, want at most 64 KB", len(s.payload))
	}
}

func TestStateSession(t *testing.T) {
	for name, want := range map[string]bool{"state.online": true, "state.will": false} {
		gotRun, session, online, err := StateSession(samples()[name].payload)
		if gotRun != run.String() || session != 3 || online != want || err != nil {
			t.Errorf("%s: run %s, session %d, online %t, %v", name, gotRun, session, online, err)
		}
	}
	for _, text := range []string{"", "{}", "null", `{"run":"a","session":1}`, `{"run":"a","session":-1,"online":true}`, `{"run":1,"session":1,"online":true}`} {
		if _, _, _, err := StateSession([]byte(text)); err == nil {
			t.Errorf("%q was read as a state", text)
		}
	}
}

func TestPlaceWithinGateway(t *testing.T) {
	n := native()
	gateway := n.gateway.Place
	// an address of its own keeps the gateway's room and coordinates away
	door := n.place("door-3")
	if door.Compound != "翠湖苑" || door.Grid == nil || door.Room != "" || door.Longitude != nil || door.Building != "北门岗亭" {
		t.Errorf("door at %+v", door)
	}
	if smoke := n.place("smoke-2"); *smoke != gateway {
		t.Errorf("a sensor without a place is at %+v, want the gateway's", smoke)
	}
	if p := New(Gateway{ID: "g"}, nil).place("x"); p != nil {
		t.Errorf("no place at all: %+v", p)
	}
}

// Of a reading only what was measured goes out: neither the number of a card nor
// the raw value.
func TestTokenAndRawStayHere(t *testing.T) {
	r := drivers.NewGood(drivers.Card, drivers.Int(1), drivers.Count).WithRaw(drivers.Int(4711), drivers.Milliampere)
	r.Token = drivers.NewToken("h10301", "99/999")
	s := keep(native().Readings(nil, []Item{reading(1, 0, r)}))
	for _, secret := range []string{"99/999", "99\\/999", "hidden", "4711", "mA"} {
		if s.err != nil || bytes.Contains(s.payload, []byte(secret)) {
			t.Errorf("%q in %s, %v", secret, s.payload, s.err)
		}
	}
	if !bytes.Contains(s.payload, []byte(`"count"`)) { // and the check above can see a unit
		t.Errorf("no unit in %s", s.payload)
	}
}
