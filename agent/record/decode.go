package record

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"watchpost/agent/clock"
	"watchpost/drivers"
)

// ErrNewer is returned, wrapped, for a record that a later release wrote and
// this one cannot read: a newer format version, an unknown kind, or a number an
// enumeration does not have. The bytes are sound; keep them.
var ErrNewer = errors.New("record of a newer release")

// ErrDamaged is returned, wrapped, for bytes that no release writes.
var ErrDamaged = errors.New("damaged record")

// maxStepMS is the longest step a time.Duration can say.
const maxStepMS = int64(1<<63-1) / int64(time.Millisecond)

// KindOf says what b holds, from its first bytes alone.
func KindOf(b []byte) (Kind, error) {
	kind, _, err := open(b)
	return kind, err
}

// Decode reads what the Encode functions wrote and returns a Reading, an Event
// or an Alarm. Nothing in the result refers to b. An error wraps ErrNewer or
// ErrDamaged.
func Decode(b []byte) (any, error) {
	kind, body, err := open(b)
	if err != nil {
		return nil, err
	}
	switch kind {
	case KindReading:
		return decodeReading(body)
	case KindEvent:
		return decodeEvent(body)
	default:
		return decodeAlarm(body)
	}
}

// DecodeReading reads a Reading; any other kind is ErrDamaged.
func DecodeReading(b []byte) (Reading, error) {
	body, err := openAs(b, KindReading)
	if err != nil {
		return Reading{}, err
	}
	return decodeReading(body)
}

// DecodeEvent reads an Event; any other kind is ErrDamaged.
func DecodeEvent(b []byte) (Event, error) {
	body, err := openAs(b, KindEvent)
	if err != nil {
		return Event{}, err
	}
	return decodeEvent(body)
}

// DecodeAlarm reads an Alarm; any other kind is ErrDamaged.
func DecodeAlarm(b []byte) (Alarm, error) {
	body, err := openAs(b, KindAlarm)
	if err != nil {
		return Alarm{}, err
	}
	return decodeAlarm(body)
}

// open checks version and kind and returns the fields after them.
func open(b []byte) (Kind, []byte, error) {
	switch {
	case len(b) == 0:
		return 0, nil, fmt.Errorf("%w: empty", ErrDamaged)
	case b[0] > formatVersion:
		return 0, nil, fmt.Errorf("%w: format %d, this release reads %d", ErrNewer, b[0], formatVersion)
	case b[0] < formatVersion:
		return 0, nil, fmt.Errorf("%w: format %d", ErrDamaged, b[0])
	}
	b = b[1:]
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 || num != fieldKind || typ != protowire.VarintType {
		return 0, nil, fmt.Errorf("%w: kind is not the first field", ErrDamaged)
	}
	kind, m := protowire.ConsumeVarint(b[n:])
	switch {
	case m < 0 || kind == 0:
		return 0, nil, fmt.Errorf("%w: bad kind", ErrDamaged)
	case kind > uint64(KindAlarm):
		return 0, nil, fmt.Errorf("%w: kind %d", ErrNewer, kind)
	}
	return Kind(kind), b[n+m:], nil
}

func openAs(b []byte, want Kind) ([]byte, error) {
	kind, body, err := open(b)
	if err == nil && kind != want {
		err = fmt.Errorf("%w: kind %d where %d was expected", ErrDamaged, kind, want)
	}
	return body, err
}

func decodeReading(b []byte) (Reading, error) {
	var r Reading
	value := decimalFields{coefficient: fieldCoefficient, scale: fieldScale}
	err := walk(b, func(f field) error {
		if known, err := decodeCommon(f, &r.Obs, &r.At, &r.Sensor); known {
			return err
		}
		if known, err := value.take(f); known {
			return err
		}
		switch f.num {
		case fieldQuantity:
			return setText(f, &r.Quantity)
		case fieldUnit:
			return setText(f, &r.Unit)
		case fieldReason:
			return setText(f, &r.Reason)
		case fieldQuality:
			return setEnum(f, &r.Quality, drivers.Fault)
		}
		return nil
	})
	if err != nil {
		return Reading{}, err
	}
	switch v := value.decimal(); {
	case r.Quality == 0:
		return Reading{}, fmt.Errorf("%w: reading without quality", ErrDamaged)
	case r.HasValue() && v == nil:
		return Reading{}, fmt.Errorf("%w: %s reading without value", ErrDamaged, r.Quality)
	case !r.HasValue() && (v != nil || r.Unit != ""):
		return Reading{}, fmt.Errorf("%w: %s reading with a value", ErrDamaged, r.Quality)
	case v != nil:
		r.Value = *v
	}
	return r, nil
}

func decodeEvent(b []byte) (Event, error) {
	var e Event
	var card Card
	err := walk(b, func(f field) error {
		if known, err := decodeCommon(f, &e.Obs, &e.At, &e.Sensor); known {
			return err
		}
		switch f.num {
		case fieldEvent:
			return setText(f, &e.Kind)
		case fieldState:
			return setText(f, &e.State)
		case fieldStart:
			e.Start = new(Start)
			return decodeStart(f, e.Start)
		case fieldLoss:
			e.Loss = new(Loss)
			return decodeLoss(f, e.Loss)
		case fieldFirst:
			var first uint64
			err := setNumber(f, &first)
			e.First = first != 0
			return err
		case fieldPseudonym:
			return setText(f, &card.Pseudonym)
		case fieldFormat:
			return setText(f, &card.Format)
		case fieldFix:
			e.Time = new(Fix)
			return decodeFix(f, e.Time)
		}
		return nil
	})
	if card != (Card{}) {
		e.Card = &card
	}
	switch {
	case err != nil:
		return Event{}, err
	case e.Kind == EventCard && card.Format == "":
		return Event{}, fmt.Errorf("%w: card event without a card", ErrDamaged)
	case e.Kind == EventTime && e.Time == nil:
		return Event{}, fmt.Errorf("%w: time event without a fix", ErrDamaged)
	}
	return e, nil
}

// decodeFix wants boot and utc: without them a fix would correct another boot,
// or to 1970.
func decodeFix(f field, fix *Fix) error {
	var hasBoot, hasUTC bool
	err := f.walk(func(f field) error {
		var n uint64
		switch f.num {
		case fixBoot:
			if f.typ != protowire.BytesType || len(f.raw) != len(fix.Boot) {
				return fmt.Errorf("%w: boot id of a fix is not %d bytes", ErrDamaged, len(fix.Boot))
			}
			hasBoot = true
			copy(fix.Boot[:], f.raw)
		case fixOffset:
			err := setNumber(f, &n)
			fix.Offset = time.Duration(n)
			return err
		case fixUTC:
			err := setNumber(f, &n)
			hasUTC = true
			fix.UTC = time.UnixMilli(protowire.DecodeZigZag(n)).UTC()
			return err
		case fixStep:
			err := setNumber(f, &n)
			ms := protowire.DecodeZigZag(n)
			if ms > maxStepMS || ms < -maxStepMS {
				return fmt.Errorf("%w: step of %d ms", ErrDamaged, ms)
			}
			fix.Step = time.Duration(ms) * time.Millisecond
			return err
		}
		return nil
	})
	if err == nil && !(hasBoot && hasUTC) {
		return fmt.Errorf("%w: fix without boot or utc", ErrDamaged)
	}
	return err
}

func decodeRaise(f field, p *Position) error {
	return f.walk(func(f field) error {
		if known, err := decodeRun(f, &p.Run); known {
			return err
		}
		if f.num == raiseSeq {
			return setNumber(f, &p.Seq)
		}
		return nil
	})
}

func decodeStart(f field, s *Start) error {
	return f.walk(func(f field) error {
		if known, err := decodeRun(f, &s.Predecessor); known {
			return err
		}
		switch f.num {
		case startEnded:
			return setText(f, &s.Ended)
		case startDurable, startDurable + 1, startDurable + 2:
			return setNumber(f, &s.Durable[f.num-startDurable])
		case startLostWithin:
			return setNumber(f, &s.LostWithinMS)
		case startLostAtMost:
			return setNumber(f, &s.LostAtMost)
		case startQuarantined:
			var n uint64
			err := setNumber(f, &n)
			s.Quarantined = protowire.DecodeBool(n)
			return err
		case startSalvaged:
			return setNumber(f, &s.Salvaged)
		}
		return nil
	})
}

func decodeLoss(f field, l *Loss) error {
	return f.walk(func(f field) error {
		switch f.num {
		case lossLane:
			return setEnum(f, &l.Lane, Readings)
		case lossReason:
			return setText(f, &l.Reason)
		case lossCount:
			return setNumber(f, &l.Count)
		case lossRange:
			var r Range
			err := f.walk(func(f field) error {
				if known, err := decodeRun(f, &r.Run); known {
					return err
				}
				switch f.num {
				case rangeFirst:
					return setNumber(f, &r.First)
				case rangeLast:
					return setNumber(f, &r.Last)
				}
				return nil
			})
			l.Ranges = append(l.Ranges, r)
			return err
		}
		return nil
	})
}

// decodeCommon takes the fields that every kind has.
func decodeCommon(f field, obs *uint64, at *clock.Stamp, sensor *string) (known bool, err error) {
	switch f.num {
	case fieldKind:
		return true, fmt.Errorf("%w: kind given twice", ErrDamaged)
	case fieldObs:
		return true, setNumber(f, obs)
	case fieldSensor:
		return true, setText(f, sensor)
	}
	return decodeStamp(f, at)
}

func decodeStamp(f field, at *clock.Stamp) (known bool, err error) {
	switch f.num {
	case fieldBoot:
		if f.typ != protowire.BytesType || len(f.raw) != len(at.Boot) {
			return true, fmt.Errorf("%w: boot id is not %d bytes", ErrDamaged, len(at.Boot))
		}
		copy(at.Boot[:], f.raw)
		return true, nil
	case fieldOffset:
		var n uint64
		err := setNumber(f, &n)
		at.Offset = time.Duration(n)
		return true, err
	case fieldWall, fieldWallUnsynced:
		var n uint64
		err := setNumber(f, &n)
		at.Wall = time.UnixMilli(protowire.DecodeZigZag(n)).UTC()
		at.Synced = f.num == fieldWall && !at.Wall.IsZero()
		return true, err
	}
	return false, nil
}

func decodeRun(f field, r *Run) (known bool, err error) {
	switch f.num {
	case runEpoch:
		if f.typ != protowire.Fixed64Type {
			return true, f.wrongType()
		}
		r.Epoch = f.n
		return true, nil
	case runN:
		return true, setNumber(f, &r.N)
	}
	return false, nil
}
