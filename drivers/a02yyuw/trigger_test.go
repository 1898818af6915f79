package a02yyuw

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

func TestTriggered(t *testing.T) {
	gone := drivers.Because(drivers.Missing, errors.New("gone"))
	f := func(distances ...uint16) (list []any) {
		for _, d := range distances {
			list = append(list, frame(d))
		}
		return list
	}
	for _, tt := range []struct {
		name  string
		model Model
		list  []any
		want  drivers.Reading
		why   drivers.Reason // of the error, if any
		asked int
	}{
		{"jsn", JSNSR04T, f(1000, 1003, 1001, 251, 4500), good("1.499", 1001), "", 5},
		{"aj", AJSR04M, f(1000, 1003, 1001, 201, 4500), good("1.499", 1001), "", 5},
		{"noise before the frame", JSNSR04T, slices.Concat([]any{append([]byte{0, 0xFE}, frame(1000)...)}, f(1000, 1000, 1000, 1000)), good("1.500", 1000), "", 5},
		{"one is lost", JSNSR04T, slices.Concat(f(1000), []any{nil}, f(1000, 1000, 1000)), good("1.500", 1000), "", 5},
		{"one is damaged", JSNSR04T, slices.Concat(f(1000), []any{[]byte{0xFF, 1, 2, 3}}, f(1000, 1000, 1000)), good("1.500", 1000), "", 5},
		{"blind", JSNSR04T, f(20, 20, 20, 1000, 1000), none(drivers.BlindZone, 20), "", 5},
		{"no echo", JSNSR04T, f(1000, 9000, 9000, 9000, 1000), none(drivers.NoEcho, 9000), "", 5},
		{"silent", JSNSR04T, nil, drivers.Reading{}, drivers.NoAnswer, 3},
		{"damaged", JSNSR04T, []any{[]byte{0xFF}, []byte{1}, []byte{0xFF, 1, 2, 3}}, drivers.Reading{}, drivers.BadAnswer, 3},
		{"babble", JSNSR04T, []any{make([]byte, 200), make([]byte, 200), make([]byte, 200)}, drivers.Reading{}, drivers.BadAnswer, 3},
		{"gone", JSNSR04T, slices.Concat(f(1000), []any{gone}), drivers.Reading{}, drivers.Missing, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := hung()
				opts.Model = tt.model
				port := &answers{list: tt.list, took: 50 * time.Millisecond}
				s, err := NewTriggered(port, opts)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				got, err := s.Sample(ctx)
				command := map[Model]string{JSNSR04T: "\x55", AJSR04M: "\x01"}[tt.model]
				if diff := cmp.Diff(slices.Repeat([]string{command}, tt.asked), port.asked); diff != "" {
					t.Errorf("asked (-want +got):\n%s", diff)
				}
				if port.quiet != 60*time.Millisecond {
					t.Errorf("kept %s between measurements", port.quiet)
				}
				if tt.why != "" {
					if got != nil || drivers.ReasonOf(err) != tt.why {
						t.Errorf("got %v, %v, want %s", got, err, tt.why)
					}
					return
				}
				if diff := cmp.Diff([]drivers.Reading{tt.want}, got); err != nil || diff != "" {
					t.Errorf("error %v (-want +got):\n%s", err, diff)
				}
			})
		})
	}
}

// The longest median with as many lost answers as it bears fits into the two
// seconds a sample has.
func TestTriggeredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := Opts{Model: AJSR04M, Height: 9 * physic.Metre, Median: MaxMedian}
		list := []any{nil, nil, nil, nil}
		for range 5 {
			list = append(list, frame(8000))
		}
		s, err := NewTriggered(&answers{list: list, took: 60*time.Millisecond + 52*time.Millisecond}, opts)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		got, err := s.Sample(ctx)
		if diff := cmp.Diff([]drivers.Reading{good("1.000", 8000)}, got); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
		cancel()
		if _, err := s.Sample(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		change func(*Opts)
		says   string // empty: accepted
	}{
		{func(*Opts) {}, ""},
		{func(o *Opts) { o.Model = "hc-sr04" }, "model"},
		{func(o *Opts) { o.Height = 0 }, "height"},
		{func(o *Opts) { o.Height = -physic.Metre }, "height"},
		{func(o *Opts) { o.Height = physic.Metre + physic.MicroMetre }, "height"},
		{func(o *Opts) { o.Height = MaxHeight }, ""},
		{func(o *Opts) { o.Height = MaxHeight + physic.MilliMetre }, "height"},
		{func(o *Opts) { o.Blind = -1 }, "blind"},
		{func(o *Opts) { o.Blind = 40 * physic.Metre }, "blind"},
		{func(o *Opts) { o.Blind = 6 * physic.Metre }, "blind"},
		{func(o *Opts) { o.Range = physic.MicroMetre }, "range"},
		{func(o *Opts) { o.Range = 33 * physic.Metre }, "range"},
		{func(o *Opts) { o.Range = 30 * physic.MilliMetre }, "range"},
		{func(o *Opts) { o.Median = -1 }, "median"},
		{func(o *Opts) { o.Median = 10 }, "median"},
		{func(o *Opts) { o.Period = time.Millisecond }, "period"},
		{func(o *Opts) { o.Period = 25 * time.Hour }, "period"},
	} {
		o := hung()
		tt.change(&o)
		s, err := NewStream(newPort(), o)
		switch {
		case tt.says == "" && (err != nil || s.Quantities()[0] != drivers.Level):
			t.Errorf("%+v: %v", o, err)
		case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says) || drivers.ReasonOf(err) != drivers.BadWiring):
			t.Errorf("%+v: got %v, want bad wiring naming %s", o, err, tt.says)
		}
	}
	jsn := hung()
	jsn.Model = JSNSR04T
	if s, err := NewTriggered(&answers{}, jsn); err != nil || s.Quantities()[0] != drivers.Level {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"stream without a port": func() error { _, err := NewStream(nil, hung()); return err }(),
		"asking without a port": func() error { _, err := NewTriggered(nil, jsn); return err }(),
		"asking an a02yyuw":     func() error { _, err := NewTriggered(&answers{}, hung()); return err }(),
		"asking without height": func() error { _, err := NewTriggered(&answers{}, Opts{Model: JSNSR04T}); return err }(),
	} {
		if drivers.ReasonOf(err) != drivers.BadWiring {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzStream puts anything on the line: a value is only ever the median of frames
// that were there, within what the model sees.
func FuzzStream(f *testing.F) {
	f.Add(slices.Concat(frame(1000), frame(1001), frame(31)), uint8(0), uint8(5))
	f.Add(slices.Concat(frame(noObject), frame(coChannel), frame(coChannel)), uint8(1), uint8(3))
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0x07, 0xA1, 0xA7}, uint8(2), uint8(1))
	f.Add([]byte("garbage"), uint8(3), uint8(9))
	f.Fuzz(func(t *testing.T, line []byte, model, median uint8) {
		g, err := newGauge(Opts{Model: Models()[model%4], Height: 5 * physic.Metre, Median: 1 + int(median)%MaxMedian})
		if err != nil {
			t.Fatal(err)
		}
		var all tally
		all.take(line, time.Time{}, g.median)
		r := all.reading(&g)
		if all.n > g.median || all.framed%frameSize != 0 || all.framed+all.dropped+all.parser.Held() > len(line) {
			t.Fatalf("counted %d frames, %d and %d bytes of %d", all.n, all.framed, all.dropped, len(line))
		}
		if !r.HasValue() {
			if r.Quality != drivers.Fault || r.Reason == "" || r.Reason == drivers.NoAnswer && len(line) > 0 {
				t.Fatalf("got %+v of %d bytes", r, len(line))
			}
			return
		}
		d := r.Raw.Value.Coefficient
		if d <= int64(g.blind) || d > int64(g.reach) || r.Value.Coefficient != 5000-d {
			t.Fatalf("level %s for %d mm", r.Value, d)
		}
		if !strings.Contains(string(line), string(frame(uint16(d)))) {
			t.Fatalf("said %d mm, which is not on the line % X", d, line)
		}
	})
}

// burst is a port that has a period's frames ready.
type burst struct{ bytes []byte }

func (b *burst) Listen(ctx context.Context, heard func([]byte)) error {
	heard(b.bytes)
	<-ctx.Done()
	return ctx.Err()
}

// BenchmarkReading is one reading of a second's ten frames.
func BenchmarkReading(b *testing.B) {
	g, err := newGauge(hung())
	if err != nil {
		b.Fatal(err)
	}
	var line []byte
	for i := range 10 {
		line = append(line, frame(uint16(1000+i%3))...)
	}
	var t tally
	b.ReportAllocs()
	for b.Loop() {
		t.take(line, time.Time{}, g.median)
		if r := t.reading(&g); r.Quality != drivers.Good {
			b.Fatal(r)
		}
		t.next()
	}
}

// BenchmarkSample is the whole way through Sample.
func BenchmarkSample(b *testing.B) {
	var line []byte
	for range 5 {
		line = append(line, frame(1000)...)
	}
	s, err := NewStream(&burst{line}, hung())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Sample(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
