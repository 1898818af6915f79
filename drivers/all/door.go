package all

import (
	"strings"
	"time"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/door"
)

const doorName = "door"

// DoorOptions describe a door: its contact and the signals that let it open. With
// pull up or none a closed contact, button or relay connects its line to ground
// and reads low; with pull down, to the supply, and reads high.
type DoorOptions struct {
	Line         string        `yaml:"line" required:"true" doc:"门磁的 GPIO 线|GPIO line of the door contact"`
	Rex          string        `yaml:"rex" default:"" doc:"出门按钮的 GPIO 线，没有则留空|GPIO line of the request to exit; empty: none"`
	Unlock       string        `yaml:"unlock" default:"" doc:"开锁信号的 GPIO 线，没有则留空|GPIO line of the unlock signal; empty: none"`
	Active       Active        `yaml:"active" default:"open" doc:"开门时门磁的状态|state of the contact with the door open"`
	RexActive    Active        `yaml:"rex_active" default:"closed" doc:"按下出门按钮时的状态|state of the request to exit when it is pressed"`
	UnlockActive Active        `yaml:"unlock_active" default:"closed" doc:"开锁时的状态|state of the unlock signal when it unlocks"`
	Pull         Pull          `yaml:"pull" default:"up" doc:"上拉或下拉（所有线）|pull resistor of all lines"`
	Debounce     time.Duration `yaml:"debounce" default:"50ms" doc:"门磁消抖时间|how long a state of the contact must hold"`
	AccessTime   time.Duration `yaml:"access_time" default:"10s" doc:"信号结束后允许开门的时间|how long after a signal the door may be opened"`
	HeldAfter    time.Duration `yaml:"held_after" default:"30s" doc:"开门超过多久算未关|how long the door may stand open"`
}

// lines are the configured lines, the contact first.
func (o *DoorOptions) lines() []string {
	lines := []string{board.LineName(o.Line)}
	for _, l := range []string{o.Rex, o.Unlock} {
		if l != "" {
			lines = append(lines, board.LineName(l))
		}
	}
	return lines
}

// Claims names the lines.
func (o *DoorOptions) Claims() []string { return o.lines() }

// Validate lists what is wrong with the values.
func (o *DoorOptions) Validate() []Problem {
	var v verdicts
	v.given("line", o.Line, "GPIO 线，如 gpiochip0:17|a line, such as gpiochip0:17")
	o.validateSignals(v.add)
	v.word("active", string(o.Active), o.Active.Values())
	v.word("rex_active", string(o.RexActive), o.RexActive.Values())
	v.word("unlock_active", string(o.UnlockActive), o.UnlockActive.Values())
	v.word("pull", string(o.Pull), o.Pull.Values())
	v.between("debounce", o.Debounce, door.MinDebounce, door.MaxDebounce)
	v.between("access_time", o.AccessTime, door.MinAccessTime, door.MaxAccessTime)
	v.between("held_after", o.HeldAfter, max(door.MinHeldAfter, o.Debounce+time.Millisecond), door.MaxHeldAfter)
	return v
}

// validateSignals finds lines given twice, and lines of two GPIO chips: the order
// of edges is kept on one chip only.
func (o *DoorOptions) validateSignals(add func(key, want, got string)) {
	seen := map[string]bool{board.LineName(o.Line): o.Line != ""}
	chip, _, chipKnown := strings.Cut(board.LineName(o.Line), ":")
	for _, s := range []struct{ key, line string }{{"rex", o.Rex}, {"unlock", o.Unlock}} {
		if s.line == "" {
			continue
		}
		name := board.LineName(s.line)
		other, _, known := strings.Cut(name, ":")
		switch {
		case seen[name]:
			add(s.key, "另一条空着的线|a line of its own", s.line)
		case chipKnown && known && other != chip:
			add(s.key, told("与门磁同一芯片 {0} 的线|a line of {0}, as the contact", chip), s.line)
		}
		seen[name] = true
	}
}

func (o *DoorOptions) opts() door.Opts {
	closedIsLow := o.Pull != "down"
	low := func(a Active) bool { return (a == "closed") == closedIsLow }
	return door.Opts{
		OpenLow:    low(o.Active),
		Rex:        door.Signal{Wired: o.Rex != "", ActiveLow: low(o.RexActive)},
		Unlock:     door.Signal{Wired: o.Unlock != "", ActiveLow: low(o.UnlockActive)},
		Debounce:   o.Debounce,
		AccessTime: o.AccessTime,
		HeldAfter:  o.HeldAfter,
	}
}

func doorDriver() Driver {
	return Driver{
		Name: doorName,
		Options: func() any {
			return &DoorOptions{
				Active: "open", RexActive: "closed", UnlockActive: "closed", Pull: "up",
				Debounce: door.DefaultDebounce, AccessTime: door.DefaultAccessTime, HeldAfter: door.DefaultHeldAfter,
			}
		},
		Quantities: func(options any) []drivers.Quantity {
			if o, ok := options.(*DoorOptions); ok {
				return o.opts().Quantities()
			}
			return nil
		},
		Build: buildDoor,
	}
}

func buildDoor(b *board.Board, options any, sample time.Duration) (Sensor, error) {
	o, err := checked[*DoorOptions](doorName, options)
	if err != nil {
		return Sensor{}, err
	}
	opts := o.opts()
	opts.Poll = within(sample, door.MinPoll, door.MaxPoll)
	d, err := door.New(b.Edges(o.lines(), board.EdgeOptions{Pull: o.Pull.resistor()}), opts)
	if err != nil {
		return Sensor{}, err
	}
	return Sensor{Sampler: d, Watcher: d}, nil
}
