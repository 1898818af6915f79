package sim_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
	"watchpost/drivers/a02yyuw"
	"watchpost/drivers/sim"
)

// uart sends one frame each 600 ms of the synctest bubble: one per period.
type uart struct{ distances []uint16 }

func (u *uart) Listen(ctx context.Context, heard func([]byte)) error {
	for _, d := range u.distances {
		timer := time.NewTimer(600 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		hi, lo := byte(d>>8), byte(d)
		heard([]byte{0xFF, hi, lo, 0xFF + hi + lo})
	}
	return errPlayed
}

var errPlayed = errors.New("all played")

// The distances of a logger in tidal water, through an ultrasonic sensor 10 m
// above the zero: each level is right to the millimetre, and what the model
// cannot see is a fault and no level.
func TestFieldLogThroughA02YYUW(t *testing.T) {
	log := readLog(t, "ultrasonic-wl0006.log")
	var distances []uint16
	for _, row := range log.Rows {
		distances = append(distances, uint16(row.Distance.Float()*10+0.5))
	}
	for _, tt := range []struct {
		name                  string
		reach                 physic.Distance
		good, noEcho, tooNear int
	}{
		{"as a02yyuw", 0, 5936, 9, 2},
		{"seeing 10 m", 10 * physic.Metre, 5945, 0, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sensor, err := a02yyuw.NewStream(&uart{distances}, a02yyuw.Opts{
					Height: 10 * physic.Metre, Range: tt.reach, Period: 600 * time.Millisecond,
				})
				if err != nil {
					t.Fatal(err)
				}
				n, good, noEcho, tooNear := 0, 0, 0, 0
				err = sensor.Watch(t.Context(), func(r drivers.Reading) {
					mm := int64(distances[n])
					n++
					if r.Raw.Value != drivers.Int(mm) || r.Raw.Unit != drivers.Millimetre {
						t.Fatalf("row %d: raw %v, sent %d mm", n, r.Raw, mm)
					}
					switch {
					case r.Quality == drivers.Good && r.Value == (drivers.Decimal{Coefficient: 10_000 - mm, Scale: 3}):
						good++
					case r.Reason == drivers.NoEcho && mm > 4500:
						noEcho++
					case r.Reason == drivers.BlindZone && mm <= 30:
						tooNear++
					default:
						t.Fatalf("row %d: %d mm became %+v", n, mm, r)
					}
				})
				if !errors.Is(err, errPlayed) || n != len(distances) {
					t.Fatalf("%d of %d rows, %v", n, len(distances), err)
				}
				if good != tt.good || noEcho != tt.noEcho || tooNear != tt.tooNear {
					t.Errorf("%d good, %d without echo, %d in the blind zone; want %d, %d, %d", good, noEcho, tooNear, tt.good, tt.noEcho, tt.tooNear)
				}
			})
		})
	}
}

// The figures published with each recording: values, peak, lowest, crossings.
func TestRecordingsOfRealFloods(t *testing.T) {
	const mm = physic.MilliMetre
	for name, tt := range map[string]struct {
		values    int
		peak      string
		lowest    string // empty: not stated
		crossings map[physic.Distance]string
		crossed   map[physic.Distance]int
		same      int
	}{
		"flash-dead-run-2018-06.csv": {values: 3408, peak: "1.881 2018-06-03T22:05:00Z", lowest: "0.149", crossings: map[physic.Distance]string{
			1000 * mm: "up 06-03T18:30:00, down 06-03T20:20:00, up 06-03T21:20:00, down 06-03T23:40:00, up 06-11T09:30:00, down 06-11T11:10:00",
			1500 * mm: "up 06-03T21:35:00, down 06-03T22:40:00, up 06-11T09:50:00, down 06-11T10:50:00"}},
		"street-carroll-st-2022-09-13.csv": {values: 39, peak: "0.795 2022-09-13T08:47:45Z", crossings: map[physic.Distance]string{
			100 * mm: "up 09-13T08:37:16, down 09-13T09:19:20",
			300 * mm: "up 09-13T08:38:18, down 09-13T09:15:01",
			500 * mm: "up 09-13T08:39:21, down 09-13T09:07:42"}},
		"street-carroll-st-2023-09-29.csv": {values: 109, peak: "0.913 2023-09-29T12:50:17Z", crossings: map[physic.Distance]string{
			300 * mm: "up 09-29T11:56:48, down 09-29T13:59:41",
			800 * mm: "up 09-29T12:20:54, down 09-29T13:04:57"}},
		"surge-davenport-ct-2022-12-23.csv": {values: 633, peak: "1.038 2022-12-23T12:27:20Z", crossings: map[physic.Distance]string{
			100 * mm: "up 12-23T10:34:53, down 12-23T21:12:32",
			300 * mm: "up 12-23T10:49:36, down 12-23T19:29:39",
			800 * mm: "up 12-23T11:16:53, down 12-23T13:30:20"}},
		"slow-pearl-river-2019-02.csv": {values: 240, peak: "6.209 2019-03-01T11:00:00Z", crossings: map[physic.Distance]string{
			6100 * mm: "up 02-25T16:30:00",
			6150 * mm: "up 02-26T08:00:00"},
			crossed: map[physic.Distance]int{6200 * mm: 23}},
		"rise-hebden-bridge-2025-08.csv": {values: 2749, peak: "0.289 2025-09-12T09:15:00Z", crossings: map[physic.Distance]string{
			100 * mm: "up 09-12T05:00:00, down 09-12T23:00:00, up 09-13T04:45:00, down 09-13T06:30:00",
			200 * mm: "up 09-12T07:00:00, down 09-12T14:45:00"}},
		"calm-dauber-bridge-2025-08.csv": {values: 2747, peak: "0.114 2025-09-12T08:15:00Z", lowest: "0.061", same: 20},
		"tide-wilmington-2024-03.csv": {values: 3360, peak: "1.122 2024-03-09T14:18:00Z", lowest: "-0.998", crossings: map[physic.Distance]string{
			1000 * mm: "up 03-09T13:00:00, down 03-09T15:12:00, up 03-10T01:48:00, down 03-10T02:36:00"},
			crossed: map[physic.Distance]int{800 * mm: 32}},
		"plateau-webster-ave-2026-03-18.csv": {values: 4466, peak: "0.198 2026-03-20T11:06:14Z", same: 16, crossings: map[physic.Distance]string{
			150 * mm: "up 03-19T14:39:16, down 03-19T15:09:16, up 03-19T15:27:16, down 03-19T15:49:16, up 03-19T15:53:16"}},
	} {
		t.Run(name, func(t *testing.T) {
			samples := readRecording(t, name)
			if len(samples) != tt.values {
				t.Errorf("%d values, want %d", len(samples), tt.values)
			}
			peak, lowest, run, same := samples[0], samples[0], 0, 0
			for i, s := range samples {
				if s.Level > peak.Level {
					peak = s
				}
				if s.Level < lowest.Level {
					lowest = s
				}
				if run++; i > 0 && s.Level != samples[i-1].Level {
					run = 1
				}
				same = max(same, run)
			}
			if got := fmt.Sprintf("%s %s", drivers.Metres(peak.Level, 3), peak.At.Format(time.RFC3339)); got != tt.peak {
				t.Errorf("peak %s, want %s", got, tt.peak)
			}
			if got := drivers.Metres(lowest.Level, 3).String(); tt.lowest != "" && got != tt.lowest {
				t.Errorf("lowest %s, want %s", got, tt.lowest)
			}
			if tt.same != 0 && same != tt.same {
				t.Errorf("unchanged for %d values, want %d", same, tt.same)
			}
			for limit, want := range tt.crossings {
				if diff := cmp.Diff(want, strings.Join(crossed(samples, limit), ", ")); diff != "" {
					t.Errorf("crossings of %s (-want +got):\n%s", limit, diff)
				}
			}
			for limit, want := range tt.crossed {
				if got := len(crossed(samples, limit)); got != want {
					t.Errorf("%s crossed %d times, want %d", limit, got, want)
				}
			}
		})
	}
}

func readRecording(t *testing.T, name string) []sim.Sample {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec, err := sim.ReadRecording(f)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Samples()
}

func crossed(samples []sim.Sample, limit physic.Distance) (found []string) {
	for i := 1; i < len(samples); i++ {
		before, now := samples[i-1].Level >= limit, samples[i].Level >= limit
		when := samples[i].At.Format("01-02T15:04:05")
		switch {
		case now && !before:
			found = append(found, "up "+when)
		case before && !now:
			found = append(found, "down "+when)
		}
	}
	return found
}
