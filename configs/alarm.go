package configs

import (
	"reflect"
	"slices"
	"time"
)

// Alarm is a sensor's rule. A level has one threshold (Above, ClearBelow, Level)
// or several (Levels, Hysteresis); a contact has none, only a Level: it is in
// alarm when it is active.
type Alarm struct {
	Above      *Length `yaml:"above" with:"clear_below" doc:"高于它报警|raised above"`
	ClearBelow *Length `yaml:"clear_below" with:"above" doc:"低于它解除|cleared below"`
	Level      Level   `yaml:"level" doc:"级别|level"`
	// Levels are the thresholds of one alarm that escalates, the mildest first.
	Levels []AlarmLevel `yaml:"levels" with:"hysteresis" doc:"多级门限，由轻到重|several thresholds, the mildest first"`
	// Hysteresis is how far below its threshold each of Levels ends.
	Hysteresis *Length `yaml:"hysteresis" with:"levels" min:"1mm" doc:"低于门限多少才降级或解除|a level ends so far below its threshold"`
	// Confirm is how long a level must hold a threshold before it counts.
	Confirm time.Duration `yaml:"confirm" default:"0s" min:"0s" max:"10m" doc:"水位持续多久才报警或升级|how long a level must hold before it counts"`
	// Latch keeps the alarm after its condition ended, until a person acknowledged
	// it. Nil: smoke does, other alarms do not.
	Latch *bool `yaml:"latch" doc:"恢复后保持到有人点“我知道了”；烟感默认 true，其他默认 false|stays until acknowledged; true for smoke by default, else false"`
	// Todo is what to do now, in place of the general advice of the alarm's kind.
	Todo Name `yaml:"todo" doc:"报警时现在该做什么；不写则用通用建议|what to do now; general advice when absent"`
	// FaultAfter is how long the sensor cannot be read, or says nothing, before
	// that is an alarm of its own. The default is longer than a meter takes to
	// restart, and four attempts at the slowest pace (30 s).
	FaultAfter time.Duration `yaml:"fault_after" default:"2m" min:"1m" max:"24h" doc:"读不到多久算故障报警|unreadable so long is an alarm of its own"`
	FaultLevel FaultLevel    `yaml:"fault_level" default:"yellow" doc:"故障报警的级别，off 为不报|level of that alarm; off for none"`
}

// AlarmLevel is one threshold of several.
type AlarmLevel struct {
	Level Level  `yaml:"level" required:"true" doc:"级别|level"`
	Above Length `yaml:"above" required:"true" doc:"高于它报警|raised above"`
}

// Worst is the gravest level the alarm can have.
func (a *Alarm) Worst() Level {
	worst := a.Level
	for _, l := range a.Levels {
		if worst.rank() < l.Level.rank() {
			worst = l.Level
		}
	}
	return worst
}

// Level is how grave an alarm is.
type Level string

// The levels of China's emergency warnings, mildest first.
const (
	Blue   Level = "blue"
	Yellow Level = "yellow"
	Orange Level = "orange"
	Red    Level = "red"
)

// Values lists the levels.
func (Level) Values() []string {
	return []string{string(Blue), string(Yellow), string(Orange), string(Red)}
}

// rank orders levels; -1: none of them.
func (l Level) rank() int { return slices.Index(l.Values(), string(l)) }

// FaultLevel is a Level, or "off".
type FaultLevel string

// Off reports whether there is to be no alarm.
func (l FaultLevel) Off() bool { return l == "off" }

// Values lists the levels and off.
func (FaultLevel) Values() []string { return append([]string{"off"}, Level("").Values()...) }

// alarmer is a Catalogue that knows whether a sensor with these options has
// anything that can be in alarm: a reader of cards has not.
type alarmer interface {
	Alarms(driver string, options any) bool
}

func (r *reader) alarm(s *Sensor, path string) {
	if !r.valid(path) {
		return
	}
	if drivers, ok := r.drivers.(alarmer); ok && s.Options != nil && !drivers.Alarms(s.Driver, s.Options) {
		r.report(r.where(path, ""), path, "no-alarm", Words{"删去 alarm", "no alarm here"}, "")
		return
	}
	compares, asked := r.compares(s)
	levels := join(path, "levels")
	switch {
	case asked && !compares:
		for _, key := range []string{"above", "clear_below", "levels", "hysteresis", "confirm"} {
			if at, written := r.seen[join(path, key)]; written {
				r.report(at, join(path, key), "no-thresholds", wantLevelAlone, "")
			}
		}
		r.alarmLevel(path)
	case !r.unread(levels):
		r.alarmLevels(s.Alarm, path)
	case !r.unread(join(path, "hysteresis")):
		r.report(r.where(join(path, "hysteresis"), path), levels, "missing-beside", wantBoth, "", plain("hysteresis"))
	default:
		r.alarmLevel(path)
		r.threshold(s.Alarm, path, asked)
	}
}

// alarmLevel asks for the level of an alarm that has one.
func (r *reader) alarmLevel(path string) {
	if level := join(path, "level"); r.unread(level) {
		r.report(r.where(path, ""), level, "missing", expected(reflect.TypeFor[Level](), field{}), "")
	}
}

// threshold checks the only threshold of an alarm.
func (r *reader) threshold(a *Alarm, path string, asked bool) {
	above, below := join(path, "above"), join(path, "clear_below")
	switch {
	case a.Above == nil && a.ClearBelow == nil:
		if asked {
			r.report(r.where(path, ""), above, "missing",
				Words{"高于多少报警，如 1.5m", "the level above which to raise the alarm, such as 1.5m"}, "")
		}
		return
	case a.Above == nil:
		r.report(r.where(below, path), above, "missing-beside", wantBoth, "", plain("clear_below"))
		return
	case a.ClearBelow == nil:
		r.report(r.where(above, path), below, "missing-beside",
			Words{"比 above 低的长度，以免水波反复触发报警", "a length below above, so that waves do not raise and clear in turn"}, "", plain("above"))
		return
	}
	if r.valid(above) && r.valid(below) && a.ClearBelow.Compare(*a.Above) >= 0 {
		limit := a.Above.String()
		r.report(r.where(below, path), below, "not-below", Words{"低于 " + limit + " 的长度", "a length below " + limit}, "",
			plain(quote(a.ClearBelow.String())))
	}
}

// alarmLevels checks several thresholds: each worse and higher than the one
// before.
func (r *reader) alarmLevels(a *Alarm, path string) {
	levels := join(path, "levels")
	for _, key := range []string{"above", "clear_below", "level"} {
		if at, written := r.seen[join(path, key)]; written {
			r.report(at, join(path, key), "beside-levels", Words{"删去，或删去 levels", "either this or levels"}, "")
		}
	}
	if r.unread(join(path, "hysteresis")) {
		r.report(r.where(levels, path), join(path, "hysteresis"), "missing-beside",
			Words{"如 10cm，以免水波反复触发报警", "a length such as 10cm, so that waves do not raise and clear in turn"}, "", plain("levels"))
	}
	if len(a.Levels) == 0 && r.valid(levels) {
		r.report(r.where(levels, path), levels, "is-empty", Words{"如 {level: yellow, above: 1.2m}", "entries such as {level: yellow, above: 1.2m}"}, "")
	}
	for i := 1; i < len(a.Levels); i++ {
		before, l := a.Levels[i-1], a.Levels[i]
		level, above := join(index(levels, i), "level"), join(index(levels, i), "above")
		if l.Level.rank() >= 0 && l.Level.rank() <= before.Level.rank() {
			r.report(r.where(level, levels), level, "not-worse", Words{"由轻到重，每级一次", "each level once, the mildest first"}, "",
				plain(string(l.Level)), plain(string(before.Level)))
		}
		readable := r.readable(above) && r.readable(join(index(levels, i-1), "above"))
		if readable && l.Above.Compare(before.Above) <= 0 {
			limit := before.Above.String()
			r.report(r.where(above, levels), above, "not-above", Words{"高于 " + limit + " 的长度", "a length above " + limit}, "",
				plain(quote(l.Above.String())))
		}
	}
}

// readable reports whether the value at path is in the file and right.
func (r *reader) readable(path string) bool { return !r.unread(path) && r.valid(path) }
