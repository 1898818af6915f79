package gateway

import (
	"watchpost/agent/message"
	"watchpost/agent/record"
	"watchpost/buffer"
	"watchpost/configs"
	"watchpost/drivers"
)

// The buffer knows no record and record knows no buffer; their names for runs,
// positions and losses meet here.

func recordPosition(p buffer.Position) record.Position {
	return record.Position{Run: record.Run(p.Run), Seq: p.Seq}
}

func recordLoss(l buffer.Loss) *record.Loss {
	out := &record.Loss{Lane: record.Lane(l.Lane), Reason: string(l.Reason), Count: l.Count}
	for _, r := range l.Ranges {
		out.Ranges = append(out.Ranges, record.Range{Run: record.Run(r.Run), First: r.First, Last: r.Last})
	}
	return out
}

func recordStart(e buffer.Ending) *record.Start {
	start := &record.Start{
		Predecessor: record.Run(e.Predecessor),
		Durable:     e.Durable,
		Quarantined: e.Quarantined != "",
		Salvaged:    e.Salvaged,
	}
	switch {
	case !e.Known:
		start.Ended = "unknown"
	case e.Clean:
		start.Ended = "clean"
	default:
		start.Ended = "unclean"
	}
	if start.Ended != "clean" {
		start.LostWithinMS, start.LostAtMost = uint64(e.LostWithin.Milliseconds()), e.LostAtMost
	}
	return start
}

func gatewayPlace(g configs.Gateway) message.Place {
	place := message.Place{Compound: g.Compound, Building: g.Building, Organisation: g.Organisation}
	if g.Grid != nil {
		place.Grid = &message.Grid{Scheme: g.Grid.Scheme, Code: g.Grid.Code}
	}
	place.Longitude, place.Latitude = degrees(g.Longitude), degrees(g.Latitude)
	return place
}

func sensorPlace(p configs.Place) message.Place {
	return message.Place{Building: p.Building, Unit: p.Unit, Room: p.Room, Text: p.At}
}

// degrees keeps six decimals, a tenth of a metre.
func degrees(d *float64) *drivers.Decimal {
	if d == nil {
		return nil
	}
	exact := drivers.FromNano(int64(*d*1e9), 6)
	return &exact
}

func decimal(l *configs.Length) *drivers.Decimal {
	if l == nil {
		return nil
	}
	d := drivers.Decimal(*l)
	return &d
}
