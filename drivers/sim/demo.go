package sim

import (
	"context"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

// The hardware of the demonstration.
const (
	// DemoBus has the converter of the pump pit at DemoAddress; its input 0 sees
	// DemoShunt, driven by a transmitter of DemoSpan whose 4 mA mean 0 m.
	DemoBus     = "i2c-1"
	DemoAddress = 0x48
	DemoShunt   = 150 * physic.Ohm
	DemoSpan    = 5 * physic.Metre
	// DemoSmokeLine is a smoke detector's relay, closed (low, against a pull-up)
	// in alarm.
	DemoSmokeLine = "gpiochip0:17"
	// DemoDoorLine is a door contact, closed (low) while the door is closed: the
	// contact is active when it is open.
	DemoDoorLine = "gpiochip0:27"
	// DemoRound is how long a round takes unless it is told otherwise.
	DemoRound = 84 * time.Second
)

// Demo is the demonstration's hardware: a pump pit, a smoke detector, a door.
type Demo struct {
	Board *Board
	ADC   *ADS1115
	Loop  *CurrentLoop
	Smoke *Line
	Door  *Line

	recording *Recording

	// mu guards everything that follows.
	mu       sync.Mutex
	from, to time.Time // the piece of the recording that passes
	started  time.Time
	takes    time.Duration
}

// NewDemo is that hardware at rest: calm water, no smoke, the door closed.
func NewDemo() (*Demo, error) {
	recording, err := FlashFlood()
	if err != nil {
		return nil, err
	}
	d := &Demo{Board: NewBoard(), recording: recording}
	d.Loop = NewCurrentLoop(DemoShunt, DemoSpan, 0, d.Level)
	d.ADC = NewADS1115(func(channel int) physic.ElectricPotential {
		if channel == 0 {
			return d.Loop.Voltage()
		}
		return 0
	})
	d.Board.I2C(DemoBus).Attach(DemoAddress, d.ADC)
	d.Smoke = d.Board.Line(DemoSmokeLine)
	d.Door = d.Board.Line(DemoDoorLine)
	d.rest()
	return d, nil
}

// Level is the water in the pump pit now.
func (d *Demo) Level() physic.Distance {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.from
	if d.takes > 0 {
		part := min(float64(time.Since(d.started))/float64(d.takes), 1)
		at = at.Add(time.Duration(part * float64(d.to.Sub(d.from))))
	}
	return d.recording.At(at)
}

func (d *Demo) rest() {
	d.pass(demoCalm(), demoCalm(), 0)
	d.smoke(false)
	d.door(false)
}

// pass lets the recording from from to to pass in the given time.
func (d *Demo) pass(from, to time.Time, takes time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.from, d.to, d.started, d.takes = from, to, time.Now(), takes
}

func (d *Demo) smoke(alarm bool) { d.Smoke.Set(gpio.Level(!alarm)) }

func (d *Demo) door(open bool) { d.Door.Set(gpio.Level(open)) }

// DemoOptions say how the demonstration is played.
type DemoOptions struct {
	// Round is how long one round takes, DemoRound by default.
	Round time.Duration
	// Rounds is how many rounds are played; 0 means until the context ends.
	Rounds int
	// Announce hears of each act as it begins; may be nil.
	Announce func(Act)
	// Uplink cuts (false) and restores (true) the way to the platform; may be nil.
	Uplink func(up bool)
}

// PlayDemo plays the demonstration's story on d until ctx ends, with ctx's
// error, or all rounds are played. Either way it leaves the water calm, no smoke,
// the door closed and the uplink up. The functions of opts are called from this
// goroutine and must return soon.
func PlayDemo(ctx context.Context, d *Demo, opts DemoOptions) error {
	if opts.Round <= 0 {
		opts.Round = DemoRound
	}
	if opts.Announce == nil {
		opts.Announce = func(Act) {}
	}
	uplink := true
	setUplink := func(up bool) {
		if opts.Uplink != nil && up != uplink {
			opts.Uplink(up)
		}
		uplink = up
	}
	story, err := NewStory(opts.Round, demoActs(d, setUplink)...)
	if err != nil {
		return err
	}
	defer func() {
		d.rest()
		setUplink(true)
	}()
	for round := 0; opts.Rounds == 0 || round < opts.Rounds; round++ {
		err := story.Play(ctx, func(act Act) {
			d.pass(act.From, act.To, story.real(act.Length))
			opts.Announce(act)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// demoCalm is the moment of the recording at which each round begins.
func demoCalm() time.Time { return time.Date(2019, 5, 11, 0, 0, 0, 0, time.UTC) }

// demoActs is one round. The pieces of the recording follow on one another, so
// the water never jumps within a round.
func demoActs(d *Demo, uplink func(bool)) []Act {
	at := func(hours, minutes time.Duration) time.Time {
		return demoCalm().Add(hours*time.Hour + minutes*time.Minute)
	}
	return []Act{
		{
			Name: "calm", Length: 10 * time.Second, From: at(0, 0), To: at(1, 30),
			ZH: "一切正常：泵坑水位平稳", EN: "All is well: the water in the pump pit is calm",
		},
		{
			Name: "flood", Length: 30 * time.Second, From: at(1, 30), To: at(4, 30),
			ZH: "暴雨：泵坑水位急涨（2019 年 5 月 11 日的真实洪水，快进播放）",
			EN: "Flash flood: the pump pit fills (the real flood of 11 May 2019, in time-lapse)",
		},
		{
			Name: "smoke", Length: 12 * time.Second, From: at(4, 30), To: at(6, 0),
			ZH: "烟雾报警，数秒后恢复", EN: "Smoke alarm, over after some seconds",
			Cues: []Cue{
				{After: time.Second, Do: func() { d.smoke(true) }},
				{After: 8 * time.Second, Do: func() { d.smoke(false) }},
			},
		},
		{
			Name: "door", Length: 8 * time.Second, From: at(6, 0), To: at(7, 0),
			ZH: "泵房门打开，随后关上", EN: "The pump room's door opens and closes",
			Cues: []Cue{
				{After: time.Second, Do: func() { d.door(true) }},
				{After: 5 * time.Second, Do: func() { d.door(false) }},
			},
		},
		{
			Name: "outage", Length: 14 * time.Second, From: at(7, 0), To: at(9, 0),
			ZH: "上行网络中断：读数、报警和门事件存入本地",
			EN: "The uplink is down: readings, alarms and door events are kept here",
			Cues: []Cue{
				{After: 0, Do: func() { uplink(false) }},
				{After: 4 * time.Second, Do: func() { d.door(true) }},
				{After: 9 * time.Second, Do: func() { d.door(false) }},
			},
		},
		{
			Name: "catch-up", Length: 10 * time.Second, From: at(9, 0), To: at(12, 0),
			ZH:   "网络恢复：积压的数据按序补传，报警优先",
			EN:   "The uplink is back: what was kept is sent in order, alarms first",
			Cues: []Cue{{After: 0, Do: func() { uplink(true) }}},
		},
	}
}
