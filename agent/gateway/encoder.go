package gateway

import (
	"fmt"

	"watchpost/agent/clock"
	"watchpost/agent/forward"
	"watchpost/agent/link"
	"watchpost/agent/message"
	"watchpost/agent/record"
	"watchpost/buffer"
)

// The size of one message of readings: what common platforms take, with room
// for a profile that is more talkative.
const (
	maxReadings     = 100
	maxReadingBytes = 24 << 10 // of records; their JSON is under twice that
)

// encoder shapes records of the buffer into a platform's profile.
type encoder struct {
	profile *message.Native
	correct func(clock.Stamp) (clock.Stamp, bool) // as clock.Table.Correct
}

var _ forward.Encoder = encoder{}

// Encode makes one message of the leading entries.
func (e encoder) Encode(lane buffer.Lane, prev buffer.Position, entries []buffer.Entry) (link.Message, int, error) {
	items, err := decode(lane, entries)
	if err != nil {
		return link.Message{}, 0, err
	}
	for i := range items { // what is stored is never rewritten; what is sent knows better
		items[i].Record = record.Corrected(items[i].Record, e.correct)
	}
	var before *record.Position
	if p := recordPosition(prev); !p.IsZero() {
		before = &p
	}
	var topic string
	var payload []byte
	switch lane {
	case buffer.Alarms:
		topic, payload, err = e.profile.Alarm(before, items[0])
	case buffer.Events:
		topic, payload, err = e.profile.Event(before, items[0])
	default:
		topic, payload, err = e.profile.Readings(before, items)
	}
	if err != nil {
		return link.Message{}, 0, &forward.UnreadableError{Position: entries[0].Position, Cause: err}
	}
	return link.Message{Topic: topic, Payload: payload}, len(items), nil
}

// decode reads as many leading entries as go into one message: one alarm, one
// event, or readings of one run.
func decode(lane buffer.Lane, entries []buffer.Entry) (items []message.Item, err error) {
	size := 0
	for i, entry := range entries {
		size += len(entry.Record)
		if i > 0 && (lane != buffer.Readings || entry.Run != entries[0].Run || i >= maxReadings || size > maxReadingBytes) {
			break
		}
		rec, err := record.Decode(entry.Record)
		if err != nil && i > 0 {
			break
		}
		if err != nil {
			return nil, &forward.UnreadableError{Position: entry.Position, Cause: fmt.Errorf("decode record: %w", err)}
		}
		items = append(items, message.Item{Position: recordPosition(entry.Position), Record: rec})
	}
	return items, nil
}
