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
	"pgregory.net/rapid"

	"watchpost/agent/clock"
	"watchpost/drivers"
)

// future appends fields of every wire type that this release does not know.
func future(b []byte) []byte {
	b = protowire.AppendVarint(protowire.AppendTag(b, 90, protowire.VarintType), 1<<63)
	b = protowire.AppendFixed32(protowire.AppendTag(b, 91, protowire.Fixed32Type), 7)
	b = protowire.AppendFixed64(protowire.AppendTag(b, 92, protowire.Fixed64Type), 7)
	b = protowire.AppendString(protowire.AppendTag(b, 1000, protowire.BytesType), "\xff not for you")
	group := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
	return protowire.AppendGroup(protowire.AppendTag(b, 93, protowire.StartGroupType), 93, group)
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	for name, v := range samples(t) {
		got, err := Decode(future(encode(t, v)))
		if err != nil {
			t.Errorf("decode %s of a later release: %v", name, err)
		} else if diff := cmp.Diff(v, got); diff != "" {
			t.Errorf("%s of a later release (-want +got):\n%s", name, diff)
		}
	}
	// inside nested messages as well, and between known fields
	span := future(appendNumber(nil, rangeLast, 9))
	loss := future(appendMessage(appendText(nil, lossReason, "full"), lossRange, span))
	start := future(appendText(nil, startEnded, "clean"))
	b := future(header(KindEvent, 1, clock.Stamp{}, "a"))
	b = appendMessage(appendMessage(b, fieldLoss, loss), fieldStart, start)
	want := Event{Obs: 1, Sensor: "a", Start: &Start{Ended: "clean"}, Loss: &Loss{Reason: "full", Ranges: []Range{{Last: 9}}}}
	got, err := DecodeEvent(b)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("nested: %v\n%s", err, diff)
	}
	since := future(appendNumber(nil, fieldOffset, 5))
	raise := future(appendNumber(nil, raiseSeq, 6))
	b = appendNumber(header(KindAlarm, 0, clock.Stamp{}, ""), fieldLevel, uint64(Blue))
	b = appendMessage(appendMessage(b, fieldSince, since), fieldRaise, raise)
	alarm, err := DecodeAlarm(b)
	if diff := cmp.Diff(Alarm{Level: Blue, Since: clock.Stamp{Offset: 5}, Raise: Position{Seq: 6}}, alarm); err != nil || diff != "" {
		t.Errorf("nested: %v\n%s", err, diff)
	}
}

func TestRefused(t *testing.T) {
	reading := func(fields ...uint64) []byte { // pairs of field and varint
		b := header(KindReading, 0, clock.Stamp{}, "a")
		for i := 0; i < len(fields); i += 2 {
			b = protowire.AppendTag(b, protowire.Number(fields[i]), protowire.VarintType)
			b = protowire.AppendVarint(b, fields[i+1])
		}
		return b
	}
	good := encode(t, samples(t)["reading-good"])
	fix := encodeFix(Fix{Boot: clock.BootID{1}, UTC: time.Unix(1e9, 0)})
	event := func(kind EventKind, field protowire.Number, message []byte) []byte {
		b := appendText(header(KindEvent, 0, clock.Stamp{}, ""), fieldEvent, string(kind))
		if field == 0 {
			return b
		}
		return appendMessage(b, field, message)
	}
	if _, err := Decode(event(EventTime, fieldFix, fix)); err != nil { // the parts above are sound
		t.Errorf("a whole fix: %v", err)
	}
	newerFormat := append([]byte{2}, good[1:]...)
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"newer format":            {newerFormat, ErrNewer},
		"unknown kind":            {[]byte{1, 0x08, 4}, ErrNewer},
		"unknown kind, 2 bytes":   {[]byte{1, 0x08, 0x81, 0x02}, ErrNewer},
		"unknown quality":         {reading(fieldQuality, 4), ErrNewer},
		"unknown quality, 2^8+1":  {reading(fieldQuality, 257), ErrNewer},
		"unknown level":           {appendNumber(header(KindAlarm, 0, clock.Stamp{}, ""), fieldLevel, 5), ErrNewer},
		"unknown lane":            {appendMessage(header(KindEvent, 0, clock.Stamp{}, ""), fieldLoss, []byte{0x08, 3}), ErrNewer},
		"nothing":                 {nil, ErrDamaged},
		"version only":            {[]byte{1}, ErrDamaged},
		"version 0":               {append([]byte{0}, good[1:]...), ErrDamaged},
		"kind 0":                  {[]byte{1, 0x08, 0}, ErrDamaged},
		"kind missing":            {append([]byte{1}, good[3:]...), ErrDamaged},
		"kind twice":              {append(append([]byte{}, good...), 0x08, 1), ErrDamaged},
		"kind without end":        {[]byte{1, 0x08, 0x80}, ErrDamaged},
		"no quality":              {reading(fieldCoefficient, 2), ErrDamaged},
		"good without value":      {reading(fieldQuality, 1), ErrDamaged},
		"uncertain without value": {reading(fieldQuality, 2), ErrDamaged},
		"fault with value":        {reading(fieldQuality, 3, fieldCoefficient, 0), ErrDamaged},
		"ten decimals":            {reading(fieldQuality, 1, fieldCoefficient, 2, fieldScale, 10), ErrDamaged},
		"sensor as a number":      {reading(fieldQuality, 3, fieldSensor, 1), ErrDamaged},
		"boot as a number":        {reading(fieldQuality, 3, fieldBoot, 1), ErrDamaged},
		"obs as text":             {appendText(reading(fieldQuality, 3), fieldObs, "x"), ErrDamaged},
		"short boot id":           {appendText(reading(fieldQuality, 3), fieldBoot, "short"), ErrDamaged},
		"not UTF-8":               {appendMessage(reading(fieldQuality, 3), fieldReason, []byte{0xff}), ErrDamaged},
		"start as a number":       {appendNumber(header(KindEvent, 0, clock.Stamp{}, ""), fieldStart, 1), ErrDamaged},
		"epoch as a varint":       {appendMessage(header(KindEvent, 0, clock.Stamp{}, ""), fieldStart, []byte{0x08, 1}), ErrDamaged},
		"card without format":     {event(EventCard, fieldPseudonym, []byte("9f3a")), ErrDamaged},
		"card without pseudonym":  {event(EventCard, fieldFormat, []byte("uid")), nil},
		"card without a card":     {event(EventCard, 0, nil), ErrDamaged},
		"time without a fix":      {event(EventTime, 0, nil), ErrDamaged},
		"fix without boot":        {event(EventTime, fieldFix, fix[2+16:]), ErrDamaged},
		"fix without utc":         {event(EventTime, fieldFix, fix[:2+16]), ErrDamaged},
		"fix of a short boot":     {event(EventDoor, fieldFix, append([]byte{0x0a, 2, 1, 1}, fix[2+16:]...)), ErrDamaged},
		"fix with a step of ages": {event(EventTime, fieldFix, appendNumber(fix[:len(fix):len(fix)], fixStep, 1<<62)), ErrDamaged},
		"alarm without level":     {header(KindAlarm, 0, clock.Stamp{}, "a"), ErrDamaged},
	} {
		if v, err := Decode(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v; want %v", name, v, err, c.want)
		}
	}
	// a record cut anywhere is refused or is a reading without its tail, never
	// a different value
	want := samples(t)["reading-good"].(Reading)
	for n := range good {
		if r, err := DecodeReading(good[:n]); err == nil && r.Value != want.Value {
			t.Errorf("cut after %d bytes: %+v", n, r)
		}
	}
}

var (
	genText  = rapid.StringOfN(rapid.Rune(), 0, 12, -1)
	genKind  = rapid.Map(rapid.OneOf(genText, rapid.SampledFrom([]string{"card", "time", "run"})), func(s string) EventKind { return EventKind(s) })
	genRun   = rapid.Custom(func(t *rapid.T) Run { return Run{rapid.Uint64().Draw(t, "epoch"), rapid.Uint64().Draw(t, "n")} })
	genStamp = rapid.Custom(func(t *rapid.T) clock.Stamp {
		s := clock.Stamp{Offset: time.Duration(rapid.Int64().Draw(t, "offset"))}
		copy(s.Boot[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "boot"))
		if rapid.Bool().Draw(t, "has wall") {
			s.Wall = time.UnixMilli(rapid.Int64Range(-1e12, 1e14).Draw(t, "wall")).UTC()
			s.Synced = rapid.Bool().Draw(t, "synced")
		}
		return s
	})
	genDecimal = rapid.Custom(func(t *rapid.T) drivers.Decimal {
		return drivers.Decimal{Coefficient: rapid.Int64().Draw(t, "coefficient"), Scale: rapid.Uint8Range(0, maxScale).Draw(t, "scale")}
	})
	genReading = rapid.Custom(func(t *rapid.T) any {
		r := Reading{Sensor: genText.Draw(t, "sensor"), Obs: rapid.Uint64().Draw(t, "obs"), At: genStamp.Draw(t, "at")}
		q, u := drivers.Quantity(genText.Draw(t, "quantity")), drivers.Unit(genText.Draw(t, "unit"))
		why := drivers.Reason(genText.Draw(t, "reason"))
		switch rapid.IntRange(1, 3).Draw(t, "quality") {
		case 1:
			r.Reading = drivers.NewGood(q, genDecimal.Draw(t, "value"), u)
		case 2:
			r.Reading = drivers.NewUncertain(q, genDecimal.Draw(t, "value"), u, why)
		default:
			r.Reading = drivers.NewFault(q, why)
		}
		return r
	})
	genEvent = rapid.Custom(func(t *rapid.T) any {
		n := rapid.Uint64()
		e := Event{Obs: n.Draw(t, "obs"), At: genStamp.Draw(t, "at"), Kind: genKind.Draw(t, "kind"),
			Sensor: genText.Draw(t, "sensor"), State: genText.Draw(t, "state"), First: rapid.Bool().Draw(t, "first")}
		if rapid.Bool().Draw(t, "start") {
			e.Start = &Start{genRun.Draw(t, "run"), genText.Draw(t, "ended"), [3]uint64{n.Draw(t, "0"), n.Draw(t, "1"), n.Draw(t, "2")},
				n.Draw(t, "within"), n.Draw(t, "most"), rapid.Bool().Draw(t, "quarantined"), n.Draw(t, "salvaged")}
		}
		if e.Kind == EventCard || rapid.Bool().Draw(t, "card") {
			e.Card = &Card{genText.Draw(t, "pseudonym"), "f" + genText.Draw(t, "format")}
		}
		if e.Kind == EventTime || rapid.Bool().Draw(t, "time") {
			e.Time = &Fix{Boot: genStamp.Draw(t, "fix").Boot, Offset: time.Duration(rapid.Int64().Draw(t, "fix at")),
				UTC:  time.UnixMilli(rapid.Int64Range(-1e12, 1e14).Draw(t, "utc")).UTC(),
				Step: time.Duration(rapid.Int64Range(-maxStepMS, maxStepMS).Draw(t, "step")) * time.Millisecond}
		}
		if rapid.Bool().Draw(t, "loss") {
			e.Loss = &Loss{Lane: Lane(rapid.Uint8Range(0, 2).Draw(t, "lane")), Reason: genText.Draw(t, "reason"), Count: n.Draw(t, "count")}
			for range rapid.IntRange(0, 4).Draw(t, "ranges") {
				e.Loss.Ranges = append(e.Loss.Ranges, Range{genRun.Draw(t, "run"), n.Draw(t, "first"), n.Draw(t, "last")})
			}
		}
		return e
	})
	genAlarm = rapid.Custom(func(t *rapid.T) any {
		optional := rapid.Ptr(genDecimal, true)
		return Alarm{
			Raise: Position{genRun.Draw(t, "raise"), rapid.Uint64().Draw(t, "seq")}, Obs: rapid.Uint64().Draw(t, "obs"),
			At: genStamp.Draw(t, "at"), Sensor: genText.Draw(t, "sensor"), Kind: genText.Draw(t, "kind"),
			Level: Severity(rapid.Uint8Range(1, 4).Draw(t, "level")), State: AlarmState(genText.Draw(t, "state")),
			Quantity: drivers.Quantity(genText.Draw(t, "quantity")), Value: optional.Draw(t, "value"),
			Unit: drivers.Unit(genText.Draw(t, "unit")), Threshold: optional.Draw(t, "threshold"),
			Since: genStamp.Draw(t, "since"), By: genText.Draw(t, "by"), Note: genText.Draw(t, "note"),
		}
	})
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := rapid.OneOf(genReading, genEvent, genAlarm).Draw(rt, "record")
		got, err := Decode(encode(t, want))
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// Text that is not UTF-8 must not make a record nobody can read.
func TestBadTextStaysReadable(t *testing.T) {
	got, err := DecodeEvent(EncodeEvent(Event{Kind: EventDoor, Sensor: "a\xffb"}))
	if err != nil || got.Sensor != "a\uFFFDb" {
		t.Errorf("got %q, %v", got.Sensor, err)
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.hex")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		b, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(future(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrNewer) && !errors.Is(err, ErrDamaged) {
				t.Fatalf("untyped error: %v", err)
			}
			return
		}
		again, err := Decode(encode(t, v))
		if err != nil {
			t.Fatalf("%+v cannot be read back: %v", v, err)
		}
		if diff := cmp.Diff(v, again); diff != "" {
			t.Fatalf("(-first +again):\n%s", diff)
		}
	})
}
