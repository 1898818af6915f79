package gateway

import (
	"errors"
	"fmt"
	"strings"
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
		Linger:      forward.DefaultLinger()[record.Readings],
		CommitEvery: cfg.Buffer.CommitEvery,
		MaxBytes:    int64(cfg.Buffer.MaxBytes),
	}
	for _, p := range cfg.Platforms {
		to, err := receiver(cfg, p)
		if err != nil {
			return budget.Forecast{}, fmt.Errorf("predict platform %s: %w", p.ID, err)
		}
		plan.Platforms = append(plan.Platforms, to)
	}
	for i, s := range cfg.Sensors {
		driver, ok := all.Lookup(s.Driver)
		if !ok {
			return budget.Forecast{}, fmt.Errorf("predict sensor %s: no driver %q", s.ID, s.Driver)
		}
		one := budget.Sensor{ID: s.ID, Sample: s.Sample, Every: s.Report.Every, Change: s.Report.Change != nil}
		if s.Alarm != nil {
			one.InAlarm = s.Report.InAlarm
		}
		for _, q := range driver.Quantities(s.Options) {
			one.Readings = append(one.Readings, typical(s.ID, q, i))
		}
		plan.Sensors = append(plan.Sensors, one)
	}
	return budget.Predict(plan)
}

// receiver is what matters of a platform, and how large what it is sent is.
func receiver(cfg *configs.Config, p configs.Platform) (budget.Platform, error) {
	profile := message.New(message.Gateway{Root: p.Root, ID: cfg.Gateway.ID, Place: gatewayPlace(cfg.Gateway)}, inventory(cfg))
	to := budget.Platform{Profile: profile, TLS: strings.HasPrefix(p.Server, "tls://"), Shows: p.TLS.CertFile != "", KeepAlive: p.KeepAlive}
	state := message.StateDoc{Online: true, Run: typicalRun, Session: 12, Now: typicalNow(), Versions: map[string]string{"watchpost": "0.1.0"}}
	for range 3 { // boots
		state.Fixes = append(state.Fixes, record.Fix{Boot: state.Now.Boot, Offset: state.Now.Offset, UTC: state.Now.Wall})
	}
	event := record.Event{At: state.Now, Obs: 10_000_000, Kind: record.EventDoor, State: "closed"}
	for _, s := range cfg.Sensors {
		if len(s.ID) > len(event.Sensor) {
			event.Sensor = s.ID
		}
	}
	at := record.Position{Run: typicalRun, Seq: 10_000}
	var errs []error
	size := func(topic string, payload []byte, err error) int {
		errs = append(errs, err)
		return len(topic) + len(payload)
	}
	to.Will = size(profile.Will(state))
	to.State = size(profile.State(state))
	to.Active = size(profile.ActiveAlarms(message.ActiveDoc{Run: state.Run, Now: state.Now}))
	to.Event = size(profile.Event(&at, message.Item{Position: at, Record: event}))
	if f := p.Fallback; f != nil {
		to.HTTPS = &budget.HTTPS{TLS: strings.HasPrefix(f.URL, "https://"), Shows: f.TLS.CertFile != "" || f.TLS == (configs.TLS{}) && to.Shows, Address: f.URL}
		if f.TokenFile != "" || f.Username != "" {
			to.HTTPS.Authorised = len("Bearer ") + 40 // a token of common length
		}
	}
	return to, errors.Join(errs...)
}

// typicalRun and typicalNow are as they are after some weeks: numbers have grown
// to the width they then have.
var typicalRun = record.Run{Epoch: 1 << 63, N: 12}

func typicalNow() clock.Stamp {
	return clock.Stamp{Boot: clock.BootID{1}, Offset: 30 * 24 * time.Hour, Wall: time.Unix(1_800_000_000, 0), Synced: true}
}

// typical is a reading as it is sent after some weeks.
func typical(sensor string, q drivers.Quantity, nth int) message.Item {
	reading := drivers.NewGood(q, drivers.Decimal{Coefficient: 1840, Scale: 3}, drivers.Metre)
	switch {
	case q.Contact():
		reading = drivers.NewContact(q, false)
	case q == drivers.Card, q == drivers.Misread:
		reading = drivers.NewGood(q, drivers.Int(1234), drivers.Count)
	}
	return message.Item{
		Position: record.Position{Run: typicalRun, Seq: 1_000_000},
		Record: record.Reading{
			Sensor: sensor, Obs: 10_000_000 + uint64(nth), Reading: reading,
			At: typicalNow(),
		},
	}
}
