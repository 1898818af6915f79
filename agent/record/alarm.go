package record

import (
	"fmt"

	"watchpost/agent/clock"
)

func decodeAlarm(b []byte) (Alarm, error) {
	var a Alarm
	value := decimalFields{coefficient: fieldCoefficient, scale: fieldScale}
	threshold := decimalFields{coefficient: fieldThreshold, scale: fieldThresholdScale}
	err := walk(b, func(f field) error {
		if known, err := decodeCommon(f, &a.Obs, &a.At, &a.Sensor); known {
			return err
		}
		if known, err := value.take(f); known {
			return err
		}
		if known, err := threshold.take(f); known {
			return err
		}
		switch f.num {
		case fieldQuantity:
			return setText(f, &a.Quantity)
		case fieldUnit:
			return setText(f, &a.Unit)
		case fieldRaise:
			a.Raise = Position{}
			return decodeRaise(f, &a.Raise)
		case fieldAlarm:
			return setText(f, &a.Kind)
		case fieldLevel:
			return setEnum(f, &a.Level, Red)
		case fieldStep:
			return setText(f, &a.State)
		case fieldSince:
			a.Since = clock.Stamp{}
			return f.walk(func(f field) error {
				_, err := decodeStamp(f, &a.Since)
				return err
			})
		case fieldBy:
			return setText(f, &a.By)
		case fieldNote:
			return setText(f, &a.Note)
		case fieldAck:
			a.Ack = &Ack{}
			return decodeAck(f, a.Ack)
		case fieldRestored:
			a.Restored = &clock.Stamp{}
			return f.walk(func(f field) error {
				_, err := decodeStamp(f, a.Restored)
				return err
			})
		case fieldMember:
			var member string
			err := setText(f, &member)
			if member != "" {
				a.Members = append(a.Members, member)
			}
			return err
		}
		return nil
	})
	if err != nil {
		return Alarm{}, err
	}
	if a.Level == 0 {
		return Alarm{}, fmt.Errorf("%w: alarm without level", ErrDamaged)
	}
	a.Value, a.Threshold = value.decimal(), threshold.decimal()
	return a, nil
}

func decodeAck(f field, a *Ack) error {
	return f.walk(func(f field) error {
		if known, err := decodeStamp(f, &a.At); known {
			return err
		}
		switch f.num {
		case fieldBy:
			return setText(f, &a.By)
		case fieldNote:
			return setText(f, &a.Note)
		}
		return nil
	})
}
