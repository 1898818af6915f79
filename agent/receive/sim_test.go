package receive

import (
	"fmt"
	"time"

	"watchpost/agent/clock"
	"watchpost/agent/message"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// sent is one message as a gateway sent it.
type sent struct {
	topic   string
	payload []byte
	at      []record.Position // the records in it
	prev    record.Position
}

// maker makes messages with the real profile.
type maker struct {
	native *message.Native
	boot   clock.BootID
	synced bool
}

func newMaker(gateway string) *maker {
	return &maker{native: message.New(message.Gateway{ID: gateway}, map[string]message.SensorInfo{"pit": {NameZH: "集水井", NameEN: "Pit"}})}
}

func (m *maker) stamp(obs uint64) clock.Stamp {
	s := clock.Stamp{Boot: m.boot, Offset: time.Duration(obs) * time.Second}
	if m.synced {
		s.Wall, s.Synced = time.Unix(1_800_000_000+int64(obs), 0), true
	}
	return s
}

// readings is one message of readings.
func (m *maker) readings(prev record.Position, at ...record.Position) sent {
	items := make([]message.Item, 0, len(at))
	for _, p := range at {
		items = append(items, message.Item{Position: p, Record: record.Reading{
			Sensor: "pit", Obs: p.Seq, At: m.stamp(p.Seq), Reading: drivers.NewGood(drivers.Level, drivers.Int(int64(p.Seq)), drivers.Metre),
		}})
	}
	return m.made(prev, at)(m.native.Readings(pointer(prev), items))
}

// event is one message of an event.
func (m *maker) event(prev, at record.Position, e record.Event) sent {
	e.At = m.stamp(at.Seq)
	return m.made(prev, []record.Position{at})(m.native.Event(pointer(prev), message.Item{Position: at, Record: e}))
}

func (m *maker) door(prev, at record.Position) sent {
	return m.event(prev, at, record.Event{Kind: record.EventDoor, Sensor: "pit", State: fmt.Sprint("open ", at.Seq), Obs: at.Seq})
}

func (m *maker) loss(prev, at record.Position, lane record.Lane, r ...record.Range) sent {
	l := &record.Loss{Lane: lane, Reason: "full", Ranges: r}
	for _, one := range r {
		l.Count += one.Last - one.First + 1
	}
	return m.event(prev, at, record.Event{Kind: record.EventLoss, Loss: l})
}

func (m *maker) alarm(prev, at record.Position) sent {
	d := drivers.Int(int64(at.Seq))
	return m.made(prev, []record.Position{at})(m.native.Alarm(pointer(prev), message.Item{Position: at, Record: record.Alarm{
		Obs: at.Seq, At: m.stamp(at.Seq), Sensor: "pit", Kind: "level_high", Level: record.Orange, State: record.Raised,
		Quantity: drivers.Level, Value: &d, Unit: drivers.Metre, Since: m.stamp(at.Seq),
	}}))
}

// made panics on an error: what the tests shape is well formed.
func (m *maker) made(prev record.Position, at []record.Position) func(string, []byte, error) sent {
	return func(topic string, payload []byte, err error) sent {
		if err != nil {
			panic(err)
		}
		return sent{topic: topic, payload: payload, at: at, prev: prev}
	}
}

func pointer(p record.Position) *record.Position {
	if p.IsZero() {
		return nil
	}
	return &p
}

func run(n uint64) record.Run { return record.Run{Epoch: 0xfeed, N: n} }

func pos(n, seq uint64) record.Position { return record.Position{Run: run(n), Seq: seq} }
