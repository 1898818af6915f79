package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/agent/budget"
	"watchpost/agent/clock"
	"watchpost/agent/gateway"
	"watchpost/agent/record"
	"watchpost/buffer"
	"watchpost/configs"
	"watchpost/drivers"
)

// wearCommit is how long readings wait for their commit.
const wearCommit = time.Second

// wearRig is the real store on simulated time, so that a slow machine splits no
// commit, with a platform that is away, or one that confirms at once.
type wearRig struct {
	t   *testing.T
	buf *buffer.Buffer
	obs uint64
}

func newWearRig(t *testing.T) *wearRig {
	t.Helper()
	buf, err := buffer.Open(buffer.Options{
		Dir: t.TempDir(), Platforms: []string{"city"}, CommitEvery: wearCommit, MaxBytes: 64 << 20, Doctor: buffer.InProcess{},
		EncodeLoss: func(buffer.Loss) []byte { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	<-buf.Ready()
	return &wearRig{t: t, buf: buf}
}

func (w *wearRig) close() {
	w.t.Helper()
	if err := w.buf.Close(); err != nil {
		w.t.Error(err)
	}
}

func (w *wearRig) reading(n int) []byte {
	w.obs++
	return record.EncodeReading(record.Reading{
		Sensor: fmt.Sprintf("pump-pit-%d", n%8), Obs: w.obs,
		At:      clock.Stamp{Boot: clock.BootID{1, 2, 3}, Offset: time.Duration(w.obs) * 1234567 * time.Microsecond, Wall: time.UnixMilli(1_800_000_000_000 + int64(w.obs)*1234), Synced: true},
		Reading: drivers.NewGood(drivers.Level, drivers.Decimal{Coefficient: 1800 + int64(w.obs*7919%97), Scale: 3}, drivers.Metre),
	})
}

// commits appends rounds of n readings, each round in a commit of its own, and
// returns the bytes written and held for each round.
func (w *wearRig) commits(rounds, n int) (written, held float64) {
	w.t.Helper()
	before := w.buf.Stats()
	for range rounds {
		for i := range n {
			if _, err := w.buf.Append(buffer.Readings, w.reading(i)); err != nil {
				w.t.Fatal(err)
			}
		}
		w.rest()
	}
	after := w.buf.Stats()
	if got := after.Commits - before.Commits; got != uint64(rounds) {
		w.t.Fatalf("%d commits for %d rounds", got, rounds)
	}
	return float64(after.BytesWritten-before.BytesWritten) / float64(rounds), float64(after.LiveBytes-before.LiveBytes) / float64(rounds)
}

// rest lets the time of a commit pass.
func (w *wearRig) rest() {
	w.t.Helper()
	<-time.After(wearCommit)
	synctest.Wait()
	if s := w.buf.Stats(); s.Pending != 0 {
		w.t.Fatalf("the store does not come to rest: %+v", s)
	}
}

// The budget's figures are those of the store, within a third: it is for
// choosing a report policy, not for an invoice.
func TestBudgetAgreesWithTheStore(t *testing.T) {
	near := func(what string, predicted, measured float64) {
		t.Helper()
		t.Logf("%-32s predicted %6.0f, measured %6.0f bytes", what, predicted, measured)
		if predicted < measured*2/3 || predicted > measured*4/3 {
			t.Errorf("%s: predicted %.0f bytes, measured %.0f", what, predicted, measured)
		}
	}
	for _, n := range []int{1, 8, 32, 320} {
		synctest.Test(t, func(t *testing.T) {
			w := newWearRig(t)
			written, held := w.commits(15, n)
			near(fmt.Sprintf("commit of %d readings", n), budget.CommitBytes(float64(n)), written)
			near(fmt.Sprintf("%d readings held", n), budget.HeldBytes(float64(n)), held)
			w.close()
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWearRig(t)
		before := w.buf.Stats()
		const events = 15
		for range events {
			at, err := w.buf.Append(buffer.Events, record.EncodeEvent(record.Event{Kind: record.EventDoor, Sensor: "door-1", State: "open"}),
				buffer.Note{Key: "contact/door-1", Value: []byte("open")})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.buf.Confirm("city", buffer.Events, at); err != nil {
				t.Fatal(err)
			}
		}
		w.rest()
		near("an event with its note", budget.EventBytes, float64(w.buf.Stats().BytesWritten-before.BytesWritten)/events)
		w.close()
	})
}

func TestForecast(t *testing.T) {
	const calm = `
version: 1
gateway: {id: GW-1}
platforms: [{id: city, server: "tcp://127.0.0.1:1883", allow_plaintext: true}]
sensors:
  - {id: pit, driver: ads1115, bus: i2c-1, span: 5m, sample: 1s, report: {every: 5m, change: 1cm}}
  - {id: smoke, driver: contact, line: "gpiochip0:17", measures: smoke, sample: 1s, report: {every: 5m}}
`
	cfg, problems := configs.Parse("test.yaml", []byte(calm), gateway.Catalogue{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	f, err := gateway.Forecast(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if f.SamplesPerDay != 2*86400 || f.ReadingsPerDay.Calm != 2*288 || f.ReadingsPerDay.Most != 86400+288 {
		t.Errorf("forecast %+v, want 172800 samples, 576 to 86688 readings a day", f)
	}
	if f.FlashOnline != (budget.Range{}) || f.FlashOffline.Calm <= 0 || f.HoldsDays.Calm < f.HoldsDays.Most || f.SentPerMonth.Calm >= f.SentPerMonth.Most {
		t.Errorf("forecast %+v", f)
	}
	slower, problems := configs.Parse("test.yaml", []byte(strings.ReplaceAll(calm, "5m,", "50m,")), gateway.Catalogue{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	less, err := gateway.Forecast(slower)
	if err != nil {
		t.Fatal(err)
	}
	if less.ReadingsPerDay.Calm >= f.ReadingsPerDay.Calm || less.SentPerMonth.Calm >= f.SentPerMonth.Calm {
		t.Errorf("reporting less often costs %+v, before %+v", less, f)
	}
	none := *cfg
	none.Platforms = nil
	if f, err := gateway.Forecast(&none); err != nil || f.SentPerMonth != (budget.Range{}) {
		t.Errorf("without a platform %+v, %v", f, err)
	}
}
