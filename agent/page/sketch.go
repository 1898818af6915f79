package page

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// sketch is a chart as SVG, for readers without scripts. It has numbers only:
// the policy allows no style in line.
type sketch struct {
	Lines  []string // of the values, M…L…, one for each stretch without a gap
	Levels []sketchLevel
	Marks  []sketchMark // of the time axis
	Blanks []sketchBlank
	Low    string // what the bottom and the top stand for
	High   string
}

type sketchLevel struct {
	Y    string
	Tone tone
}

type sketchMark struct{ X, Text string }

// sketchBlank is a gap.
type sketchBlank struct{ X, Width string }

// The drawing's measures; page.css scales it. Above and below is room for text.
const (
	sketchWidth  = 720.0
	sketchTop    = 24.0
	sketchBottom = 188.0
)

func (s *shaper) sketch(c chart) (out sketch) {
	if len(c.points) == 0 {
		return out
	}
	low, high := c.points[0].Min.Float(), c.points[0].Max.Float()
	for _, p := range c.points {
		low, high = math.Min(low, p.Min.Float()), math.Max(high, p.Max.Float())
	}
	for _, t := range c.Thresholds {
		low, high = math.Min(low, t.Value.Float()), math.Max(high, t.Value.Float())
	}
	if low == high {
		low, high = low-0.5, high+0.5
	}
	x := func(at time.Time) float64 {
		return sketchWidth * math.Min(math.Max(float64(at.Sub(c.from))/float64(c.to.Sub(c.from)), 0), 1)
	}
	y := func(v float64) float64 { return sketchBottom - (v-low)/(high-low)*(sketchBottom-sketchTop) }
	for _, run := range c.runs() {
		var path strings.Builder
		for i, p := range thinned(run) {
			path.WriteByte("ML"[min(i, 1)])
			path.WriteString(short(x(p.At)) + " " + short(y(p.Last.Float())))
		}
		if len(run) == 1 {
			path.WriteString("h2")
		}
		out.Lines = append(out.Lines, path.String())
	}
	for _, t := range c.Thresholds {
		level := sketchLevel{Y: short(y(t.Value.Float())), Tone: levelTone(t.Level)}
		if t.Clears {
			level.Tone = toneOK
		}
		out.Levels = append(out.Levels, level)
	}
	for _, g := range c.gaps {
		out.Blanks = append(out.Blanks, sketchBlank{X: short(x(g.from)), Width: short(math.Max(x(g.to)-x(g.from), 1))})
	}
	const every = 6 * time.Hour
	for at := s.last(c.to, every); at.After(c.from); at = at.Add(-every) {
		if room := x(at); room > 30 && room < sketchWidth-30 {
			out.Marks = append(out.Marks, sketchMark{X: short(room), Text: s.mark(at)})
		}
	}
	scale := c.points[len(c.points)-1].Last.Scale
	out.Low, out.High = strconv.FormatFloat(low, 'f', int(scale), 64), strconv.FormatFloat(high, 'f', int(scale), 64)
	return out
}

// thinned keeps the outline of a stretch: what would fall on the same spot of
// the drawing is left out, but for the lowest and highest of it.
func thinned(run []Point) (kept []Point) {
	const each = 6 // of 1,440 minutes: three units of the drawing
	for ; len(run) > each; run = run[each:] {
		low, high := 0, 0
		for i, p := range run[:each] {
			if p.Last.Compare(run[low].Last) < 0 {
				low = i
			}
			if p.Last.Compare(run[high].Last) > 0 {
				high = i
			}
		}
		kept = append(kept, run[min(low, high)])
		if low != high {
			kept = append(kept, run[max(low, high)])
		}
	}
	return append(kept, run...)
}

func short(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// unset reports whether the clock fell back to its epoch: its hours say nothing.
func (s *shaper) unset() bool { return s.moment(s.view.Now) == "" }

// mark is a moment of a chart's day: an hour, or how long ago it was while the
// clock shows nothing.
func (s *shaper) mark(at time.Time) string {
	if s.unset() {
		return s.span("ago", s.view.Now.Sub(at))
	}
	return at.In(s.zone).Format("15:04")
}

// last is the begin of the newest span of a chart's day: a whole one of the
// gateway's zone, or one that ends now while the clock shows nothing.
func (s *shaper) last(to time.Time, span time.Duration) time.Time {
	if s.unset() {
		return to.Add(-span)
	}
	_, away := to.In(s.zone).Zone()
	zone := time.Duration(away) * time.Second
	return to.Add(zone).Truncate(span).Add(-zone)
}
