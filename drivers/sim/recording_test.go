package sim

import (
	"strings"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"
)

func TestFlashFlood(t *testing.T) {
	rec, err := FlashFlood()
	if err != nil {
		t.Fatal(err)
	}
	samples := rec.Samples()
	if len(samples) != 1152 {
		t.Errorf("%d values, want 1152", len(samples))
	}
	var peak Sample
	for i, s := range samples {
		if i > 0 && s.At.Sub(samples[i-1].At) != 5*time.Minute {
			t.Errorf("step before %s is %s, want 5m", s.At, s.At.Sub(samples[i-1].At))
		}
		if s.Level > peak.Level {
			peak = s
		}
	}
	if got := peak.At.Format(time.RFC3339); got != "2019-05-11T02:25:00Z" || (peak.Level+500*physic.MicroMetre)/physic.MilliMetre != 1771 {
		t.Errorf("peak %s at %s, want 1.771 m at 2019-05-11T02:25Z", peak.Level, got)
	}
	for _, tt := range []struct {
		limit physic.Distance
		want  string
	}{
		{physic.Metre, "up 05-11T01:55, down 05-11T03:05, up 05-12T16:55, down 05-12T17:50"},
		{1500 * physic.MilliMetre, "up 05-11T02:05, down 05-11T02:50"},
	} {
		if got := crossings(samples, tt.limit); got != tt.want {
			t.Errorf("crossings of %s: %s; want %s", tt.limit, got, tt.want)
		}
	}
}

func crossings(samples []Sample, limit physic.Distance) string {
	var found []string
	for i := 1; i < len(samples); i++ {
		before, now := samples[i-1].Level >= limit, samples[i].Level >= limit
		switch when := samples[i].At.Format("01-02T15:04"); {
		case now && !before:
			found = append(found, "up "+when)
		case before && !now:
			found = append(found, "down "+when)
		}
	}
	return strings.Join(found, ", ")
}

func TestRecordingAt(t *testing.T) {
	rec, err := ReadRecording(strings.NewReader("# x\ntime_rfc3339,level_m\n2020-01-01T00:00:00Z,1.0\n2020-01-01T00:10:00Z,-0.5\n"))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]physic.Distance{
		-time.Hour:      physic.Metre,
		0:               physic.Metre,
		4 * time.Minute: 400 * physic.MilliMetre,
		time.Hour:       -500 * physic.MilliMetre,
	} {
		if got := rec.At(start.Add(after)); got != want {
			t.Errorf("level %s after the start is %s, want %s", after, got, want)
		}
	}
}

func TestReadRecordingRefuses(t *testing.T) {
	head := "# station\ntime_rfc3339,level_m\n2020-01-01T00:00:00Z,1.0\n"
	for name, tt := range map[string]struct{ text, want string }{
		"empty":          {"", "no values"},
		"header only":    {"time_rfc3339,level_m\n", "no values"},
		"no header":      {"2020-01-01T00:00:00Z,1.0\n", "line 1"},
		"comment inside": {head + "# late\n", "line 4"},
		"blank line":     {head + "\n", "line 4"},
		"no comma":       {head + "2020-01-01T00:05:00Z\n", "line 4"},
		"three fields":   {head + "2020-01-01T00:05:00Z,1.0,2\n", "line 4"},
		"bad time":       {head + "2020-01-01 00:05,1.0\n", "line 4"},
		"bad level":      {head + "2020-01-01T00:05:00Z,NaN\n", "line 4"},
		"exponent":       {head + "2020-01-01T00:05:00Z,1e3\n", "line 4"},
		"mountain":       {head + "2020-01-01T00:05:00Z,8848\n", "line 4"},
		"time repeated":  {head + "2020-01-01T00:00:00Z,1.0\n", "line 4"},
	} {
		if _, err := ReadRecording(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, tt.want)
		}
	}
}
