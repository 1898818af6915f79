package a02yyuw

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
)

// Model is a sensor of the family.
type Model string

// The models.
const (
	A02YYUW  Model = "a02yyuw"
	SEN0754  Model = "sen0754"
	JSNSR04T Model = "jsn-sr04t"
	AJSR04M  Model = "aj-sr04m"
)

// Models lists them.
func Models() []Model { return []Model{A02YYUW, SEN0754, JSNSR04T, AJSR04M} }

// Defaults and limits of Opts.
const (
	DefaultMedian = 5
	// MaxMedian keeps a triggered reading within two seconds.
	MaxMedian = 9
	// MaxHeight is farther than any model sees, by much.
	MaxHeight = 100 * physic.Metre
	// MaxDistance is the farthest a frame can say.
	MaxDistance = (beyondAll - 1) * physic.MilliMetre

	// DefaultPeriod, MinPeriod and MaxPeriod are of Opts.Period. The shortest has
	// a few frames of the slowest model.
	DefaultPeriod = time.Second
	MinPeriod     = 500 * time.Millisecond
	MaxPeriod     = 24 * time.Hour
)

// limits of one model, in mm.
type limits struct {
	blind, reach uint16
	trigger      byte // 0: cannot be triggered
}

func (m Model) limits() limits {
	switch m {
	case JSNSR04T:
		return limits{blind: 250, reach: 6000, trigger: 0x55}
	case AJSR04M:
		return limits{blind: 200, reach: 8000, trigger: 0x01}
	}
	return limits{blind: 30, reach: 4500}
}

// CanTrigger reports whether the model measures on being asked.
func (m Model) CanTrigger() bool { return m.limits().trigger != 0 }

// Opts describe the sensor and how it hangs.
type Opts struct {
	Model Model // empty means A02YYUW
	// Height is how high the sensor's face hangs above the zero of the level, in
	// whole millimetres.
	Height physic.Distance
	// Blind and Range overrule what the model cannot see, nearer and farther:
	// whole millimetres, a distance of Blind itself is not seen, one of Range is.
	// 0 keeps the model's.
	Blind, Range physic.Distance
	// Median is how many of the newest distances a reading is the median of; 0
	// means DefaultMedian.
	Median int
	// Period is how often Watch tells a reading, MinPeriod to MaxPeriod; 0 means
	// DefaultPeriod. Triggered sensors are asked and do not use it.
	Period time.Duration
}

// Seen is what the sensor sees: farther than blind, up to reach.
func (o Opts) Seen() (blind, reach physic.Distance) {
	l := o.Model.limits()
	blind, reach = physic.Distance(l.blind)*physic.MilliMetre, physic.Distance(l.reach)*physic.MilliMetre
	if o.Blind > 0 {
		blind = o.Blind
	}
	if o.Range > 0 {
		reach = o.Range
	}
	return blind, reach
}

// gauge turns distances into levels.
type gauge struct {
	model        Model
	height       int64 // mm
	blind, reach uint16
	median       int
	period       time.Duration
}

func newGauge(opts Opts) (gauge, error) {
	if opts.Model == "" {
		opts.Model = A02YYUW
	}
	if opts.Median == 0 {
		opts.Median = DefaultMedian
	}
	if opts.Period == 0 {
		opts.Period = DefaultPeriod
	}
	g := gauge{model: opts.Model, height: int64(opts.Height / physic.MilliMetre), median: opts.Median, period: opts.Period}
	whole := func(d physic.Distance) bool { return d >= 0 && d <= MaxHeight && d%physic.MilliMetre == 0 }
	var err error
	switch {
	case !slices.Contains(Models(), opts.Model):
		err = fmt.Errorf("model %q: want one of %v", opts.Model, Models())
	case opts.Height == 0 || !whole(opts.Height):
		err = fmt.Errorf("height %s: want more than 0 m and at most 100 m, in whole mm", opts.Height)
	case !whole(opts.Blind) || opts.Blind > MaxDistance:
		err = fmt.Errorf("blind zone %s: want 0 m to 32 m, in whole mm", opts.Blind)
	case !whole(opts.Range) || opts.Range > MaxDistance:
		err = fmt.Errorf("range %s: want 0 m to 32 m, in whole mm", opts.Range)
	case opts.Median < 1 || opts.Median > MaxMedian:
		err = fmt.Errorf("median of %d: want 1 to %d", opts.Median, MaxMedian)
	case opts.Period < MinPeriod || opts.Period > MaxPeriod:
		err = fmt.Errorf("period %s: want %s to %s", opts.Period, MinPeriod, MaxPeriod)
	}
	if err != nil {
		return gauge{}, err
	}
	blind, reach := opts.Seen()
	g.blind, g.reach = uint16(blind/physic.MilliMetre), uint16(reach/physic.MilliMetre)
	if g.blind >= g.reach {
		return gauge{}, fmt.Errorf("blind zone of %d mm: want less than the range of %d mm", g.blind, g.reach)
	}
	return g, nil
}

// badWiring says what is wrong with the description of a sensor.
func badWiring(err error) error {
	return drivers.Because(drivers.BadWiring, fmt.Errorf("set up ultrasonic sensor: %w", err))
}

var errNoPort = errors.New("no port given")

// why is the reason a frame has no distance; empty when it has one.
func (g *gauge) why(distance uint16) drivers.Reason {
	switch {
	case distance == coChannel && g.model == SEN0754:
		return drivers.Interference
	case distance > g.reach:
		return drivers.NoEcho
	case distance <= g.blind:
		return drivers.BlindZone
	}
	return ""
}

// level is the height of the water for a distance, exact to the millimetre.
func (g *gauge) level(distance uint16) drivers.Decimal {
	return drivers.Decimal{Coefficient: g.height - int64(distance), Scale: 3}
}

// reading is the median of frames, or the fault most of them say. There is at
// least one. frames is put in another order.
func (g *gauge) reading(frames []uint16) drivers.Reading {
	seen := 0 // frames with a distance are moved to the front
	latest := frames[len(frames)-1]
	faults := [...]struct {
		why   drivers.Reason
		count int
		last  uint16
	}{{why: drivers.NoEcho}, {why: drivers.Interference}, {why: drivers.BlindZone}}
	most := 0
	for i, d := range frames {
		why := g.why(d)
		if why == "" {
			frames[seen], frames[i] = frames[i], frames[seen]
			seen++
			continue
		}
		for k := range faults {
			if faults[k].why == why {
				faults[k].count++
				faults[k].last = d
			}
		}
	}
	for k := range faults {
		if faults[k].count > faults[most].count || faults[k].count == faults[most].count && faults[k].last == latest {
			most = k
		}
	}
	if 2*seen <= len(frames) {
		return drivers.NewFault(drivers.Level, faults[most].why).WithRaw(drivers.Int(int64(faults[most].last)), drivers.Millimetre)
	}
	distances := frames[:seen]
	slices.Sort(distances)
	d := distances[(seen-1)/2]
	return drivers.NewGood(drivers.Level, g.level(d), drivers.Metre).WithRaw(drivers.Int(int64(d)), drivers.Millimetre)
}
