package budget_test

import (
	"math"
	"testing"
	"time"

	"watchpost/agent/budget"
	"watchpost/agent/message"
	"watchpost/agent/record"
	"watchpost/drivers"
)

func plan(every time.Duration) budget.Plan {
	item := message.Item{
		Position: record.Position{Run: record.Run{Epoch: 1, N: 1}, Seq: 1000},
		Record:   record.Reading{Sensor: "pit", Reading: drivers.NewGood(drivers.Level, drivers.Decimal{Coefficient: 1840, Scale: 3}, drivers.Metre)},
	}
	return budget.Plan{
		Sensors:   []budget.Sensor{{ID: "pit", Readings: []message.Item{item}, Sample: time.Second, Every: every, InAlarm: time.Second, Change: true}},
		Platforms: []budget.Platform{{Profile: message.New(message.Gateway{ID: "GW-1"}, nil), KeepAlive: 30 * time.Second, Will: 300, State: 900, Active: 250, Event: 400}},
		Linger:    time.Second, CommitEvery: 10 * time.Second, MaxBytes: 64e6,
	}
}

func predict(t *testing.T, p budget.Plan) budget.Forecast {
	t.Helper()
	f, err := budget.Predict(p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPredict(t *testing.T) {
	f := predict(t, plan(5*time.Minute))
	if f.SamplesPerDay != 86400 || f.ReadingsPerDay != (budget.Range{Calm: 288, Most: 86400}) || f.AlarmHourReadings != 3600-12 {
		t.Errorf("got %+v", f)
	}
	// 288 readings a day that never meet another: a commit each, about.
	if got, want := f.FlashOffline.Calm, 30*288*budget.CommitBytes(1); math.Abs(got-want) > want/10 {
		t.Errorf("flash of a month offline %.0f, want about %.0f", got, want)
	}
	// All samples reported: a commit every ten seconds with ten of them.
	if got, want := f.FlashOffline.Most, 30*8640*budget.CommitBytes(10); math.Abs(got-want) > want/10 {
		t.Errorf("flash of a month offline at the most %.0f, want about %.0f", got, want)
	}
	if f.FlashOnline != (budget.Range{}) {
		t.Errorf("flash online %+v: what is delivered before its commit is never written", f.FlashOnline)
	}
	if f.HoldsDays.Calm < 1000 || f.HoldsDays.Most > f.HoldsDays.Calm {
		t.Errorf("holds %+v days", f.HoldsDays)
	}
}

func TestPredictFollowsThePlan(t *testing.T) {
	base := predict(t, plan(5*time.Minute))
	for name, change := range map[string]func(*budget.Plan){
		"reports less often":   func(p *budget.Plan) { p.Sensors[0].Every = time.Hour },
		"pings less often":     func(p *budget.Plan) { p.Platforms[0].KeepAlive = time.Hour },
		"changes do not count": func(p *budget.Plan) { p.Sensors[0].Change = false },
		"no platform":          func(p *budget.Plan) { p.Platforms = nil },
		"no sensor":            func(p *budget.Plan) { p.Sensors = nil },
	} {
		p := plan(5 * time.Minute)
		change(&p)
		f := predict(t, p)
		if f.SentPerMonth.Calm > base.SentPerMonth.Calm || f.SentPerMonth.Most >= base.SentPerMonth.Most && f.SentPerMonth.Calm >= base.SentPerMonth.Calm {
			t.Errorf("%s: %+v is no less than %+v", name, f.SentPerMonth, base.SentPerMonth)
		}
	}
	alone := plan(time.Minute)
	alone.Platforms = nil
	if f := predict(t, alone); !math.IsInf(f.HoldsDays.Most, 1) || f.FlashOffline != (budget.Range{}) {
		t.Errorf("without a platform readings are kept: %+v", f)
	}
	// The report policy tells of one change a second at the most.
	fast := plan(time.Minute)
	fast.Sensors[0].Sample = 10 * time.Millisecond
	if f := predict(t, fast); f.ReadingsPerDay.Most != 86400+1440 {
		t.Errorf("sampled at 100 Hz %+v", f.ReadingsPerDay)
	}
	empty := plan(time.Minute)
	empty.Sensors = nil
	if f := predict(t, empty); !math.IsInf(f.HoldsDays.Calm, 1) || f.FlashOffline != (budget.Range{}) {
		t.Errorf("without sensors %+v", f)
	}
}

// Encryption, a certificate of one's own, more events and the second way cost
// something, and each is told.
func TestPredictTellsWhatIsBeside(t *testing.T) {
	base := predict(t, plan(5*time.Minute))
	if base.SecondPerMonth != (budget.Range{}) || base.SentPerEvent < 400 || base.SentPerAlarmHour < 3600*200 {
		t.Errorf("got %+v", base)
	}
	p := plan(5 * time.Minute)
	p.Platforms[0].TLS = true
	secured := predict(t, p)
	p.Platforms[0].Shows = true
	shows := predict(t, p)
	if !(base.SentPerMonth.Calm < secured.SentPerMonth.Calm && secured.SentPerMonth.Calm < shows.SentPerMonth.Calm && base.SentPerEvent < secured.SentPerEvent) {
		t.Errorf("in clear %+v, with TLS %+v, with a certificate %+v", base, secured, shows)
	}
	p.Platforms[0].HTTPS = &budget.HTTPS{TLS: true, Address: "https://city.example/ingest", Authorised: 47}
	// At five minutes no connection of the second way is still open: each message
	// pays for a handshake.
	if f := predict(t, p); f.SentPerMonth != shows.SentPerMonth || f.SecondPerMonth.Calm < 30*288*6000 || f.SecondPerMonth.Most < f.SecondPerMonth.Calm {
		t.Errorf("with a second way %+v", f)
	}
	p = plan(5 * time.Minute)
	p.Sensors[0].InAlarm = 0
	if f := predict(t, p); f.AlarmHourReadings != 0 || f.SentPerAlarmHour != 0 {
		t.Errorf("a sensor without an alarm %+v", f)
	}
}

func TestPredictRefusesWhatCannotBeSent(t *testing.T) {
	p := plan(time.Minute)
	p.Sensors[0].Readings[0].Record = record.Event{}
	if _, err := budget.Predict(p); err == nil {
		t.Error("an event passed for a reading")
	}
}
