package gateway

import (
	"fmt"
	"time"

	"watchpost/agent/budget"
	"watchpost/agent/clock"
	"watchpost/agent/forward"
	"watchpost/agent/message"
	"watchpost/agent/record"
	"watchpost/configs"
	"watchpost/drivers"
	"watchpost/drivers/all"
)

// Forecast predicts what a configuration costs in data and flash.
func Forecast(cfg *configs.Config) (budget.Forecast, error) {
	plan := budget.Plan{
		Profile:     message.New(message.Gateway{ID: cfg.Gateway.ID}, inventory(cfg)),
		Platforms:   len(cfg.Platforms),
		Linger:      forward.DefaultLinger()[record.Readings],
		CommitEvery: cfg.Buffer.CommitEvery,
		MaxBytes:    int64(cfg.Buffer.MaxBytes),
	}
	for _, p := range cfg.Platforms { // the root and the liveliest keep-alive speak for all
		plan.Profile = message.New(message.Gateway{Root: p.Root, ID: cfg.Gateway.ID}, inventory(cfg))
		if plan.KeepAlive == 0 || p.KeepAlive < plan.KeepAlive {
			plan.KeepAlive = p.KeepAlive
		}
	}
	for i, s := range cfg.Sensors {
		driver, ok := all.Lookup(s.Driver)
		if !ok {
			return budget.Forecast{}, fmt.Errorf("predict sensor %s: no driver %q", s.ID, s.Driver)
		}
		one := budget.Sensor{ID: s.ID, Sample: s.Sample, Every: s.Report.Every, InAlarm: s.Report.InAlarm, Change: s.Report.Change != nil}
		for _, q := range driver.Quantities(s.Options) {
			one.Readings = append(one.Readings, typical(s.ID, q, i))
		}
		plan.Sensors = append(plan.Sensors, one)
	}
	return budget.Predict(plan)
}

// typical is a reading as it is sent after some weeks: numbers have grown to
// the width they then have.
func typical(sensor string, q drivers.Quantity, nth int) message.Item {
	reading := drivers.NewGood(q, drivers.Decimal{Coefficient: 1840, Scale: 3}, drivers.Metre)
	switch {
	case q.Contact():
		reading = drivers.NewContact(q, false)
	case q == drivers.Card, q == drivers.Misread:
		reading = drivers.NewGood(q, drivers.Int(1234), drivers.Count)
	}
	weeks := 30 * 24 * time.Hour
	return message.Item{
		Position: record.Position{Run: record.Run{Epoch: 1 << 63, N: 12}, Seq: 1_000_000},
		Record: record.Reading{
			Sensor: sensor, Obs: 10_000_000 + uint64(nth), Reading: reading,
			At: clock.Stamp{Boot: clock.BootID{1}, Offset: weeks, Wall: time.Unix(1_800_000_000, 0), Synced: true},
		},
	}
}
