package sim

import (
	"bufio"
	_ "embed" // the recordings are part of the program
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

//go:embed recordings/flash-dead-run-2019-05.csv
var flashFlood string

// recordingHeader is the line above the values.
const recordingHeader = "time_rfc3339,level_m"

// Sample is one value of a recording.
type Sample struct {
	At    time.Time
	Level physic.Distance
}

// Recording is a gauge's record of water levels, in rising order of time.
type Recording struct {
	samples []Sample
}

// FlashFlood is an urban creek with two flash floods: USGS 01589330, May 2019.
func FlashFlood() (*Recording, error) {
	r, err := ReadRecording(strings.NewReader(flashFlood))
	if err != nil {
		return nil, fmt.Errorf("read recording flash-dead-run-2019-05.csv: %w", err)
	}
	return r, nil
}

// ReadRecording reads lines of an RFC 3339 time in UTC and a level in metres,
// below lines that begin with # and the header time_rfc3339,level_m. It refuses
// the whole on the first line that is anything else or does not come later than
// the one before it, and names that line.
func ReadRecording(from io.Reader) (*Recording, error) {
	lines := bufio.NewScanner(from)
	rec := &Recording{}
	header := false
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		switch {
		case !header && strings.HasPrefix(line, "#"):
		case !header && line == recordingHeader:
			header = true
		case !header:
			return nil, fmt.Errorf("line %d: got %q, want %q", number, line, recordingHeader)
		default:
			s, err := parseSample(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			if n := len(rec.samples); n > 0 && !s.At.After(rec.samples[n-1].At) {
				return nil, fmt.Errorf("line %d: time %s is not after the one before", number, s.At.Format(time.RFC3339))
			}
			rec.samples = append(rec.samples, s)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(rec.samples) == 0 {
		return nil, errors.New("no values")
	}
	return rec, nil
}

func parseSample(line string) (Sample, error) {
	when, level, ok := strings.Cut(line, ",")
	if !ok {
		return Sample{}, fmt.Errorf("got %q, want a time, a comma and a level", line)
	}
	at, err := time.Parse(time.RFC3339, when)
	if err != nil {
		return Sample{}, fmt.Errorf("read time: %w", err)
	}
	value, err := drivers.ParseDecimal(level)
	if err != nil {
		return Sample{}, fmt.Errorf("read level: %w", err)
	}
	nano := value.Coefficient
	for range 9 - value.Scale {
		nano *= 10
	}
	if metres := value.Float(); metres < -1000 || metres > 1000 {
		return Sample{}, fmt.Errorf("read level %s: want -1000 to 1000", level)
	}
	return Sample{At: at.UTC(), Level: physic.Distance(nano)}, nil
}

// Samples are the values as recorded. They must not be changed.
func (r *Recording) Samples() []Sample { return r.samples }

// At is the level at t, on a straight line between the values around it; before
// the first value and after the last it is that value.
func (r *Recording) At(t time.Time) physic.Distance {
	i := sort.Search(len(r.samples), func(i int) bool { return r.samples[i].At.After(t) })
	if i == 0 {
		return r.samples[0].Level
	}
	before := r.samples[i-1]
	if i == len(r.samples) {
		return before.Level
	}
	after := r.samples[i]
	part := float64(t.Sub(before.At)) / float64(after.At.Sub(before.At))
	return before.Level + physic.Distance(part*float64(after.Level-before.Level))
}
