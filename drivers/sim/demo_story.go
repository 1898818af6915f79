package sim

import (
	"context"
	"time"
)

// DemoRound is how long a round of the demonstration takes unless it is told
// otherwise.
const DemoRound = 84 * time.Second

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
	story, err := NewStory(opts.Round, demoActs(ctx, d, setUplink)...)
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

// demoFlood is the piece of the recording that passes during the flood.
func demoFlood() (from, to time.Time) {
	return demoCalm().Add(90 * time.Minute), demoCalm().Add(270 * time.Minute)
}

// demoActs is one round. The pieces of the recording follow on one another, so
// the water never jumps within a round.
func demoActs(ctx context.Context, d *Demo, uplink func(bool)) []Act {
	at := func(hours time.Duration) time.Time { return demoCalm().Add(hours * time.Hour) }
	flood, over := demoFlood()
	return []Act{
		{
			Name: "calm", Length: 10 * time.Second, From: at(0), To: flood,
			ZH: "一切正常：集水井水位平稳", EN: "All is well: the water in the pump pit is calm",
		},
		{
			Name: "flood", Length: 30 * time.Second, From: flood, To: over,
			ZH: "暴雨：门前道路积水，集水井水位急涨（2022 年与 2019 年的两场真实洪水，快进播放）",
			EN: "Flash flood: the street floods and the pump pit fills (real floods of 2022 and 2019, in time-lapse)",
		},
		{
			Name: "smoke", Length: 10 * time.Second, From: over, To: at(6),
			ZH: "烟雾报警，声光报警器鸣响，数秒后恢复", EN: "Smoke alarm, over after some seconds; the siren sounds meanwhile",
			Cues: []Cue{
				{After: time.Second, Do: func() { d.smoke(true) }},
				{After: 7 * time.Second, Do: func() { d.smoke(false) }},
			},
		},
		{
			Name: "door", Length: 14 * time.Second, From: at(6), To: at(7),
			ZH: "水泵房：刷卡开门；随后门被强行打开", EN: "The pump room: a card opens the door; then the door is forced",
			Cues: append(d.enter(ctx, time.Second, 31337),
				Cue{After: 7 * time.Second, Do: func() { d.door(true) }},
				Cue{After: 12 * time.Second, Do: func() { d.door(false) }},
			),
		},
		{
			Name: "outage", Length: 10 * time.Second, From: at(7), To: at(9),
			ZH: "上行网络中断：读数、报警、刷卡和门事件存入本地",
			EN: "The uplink is down: readings, alarms, cards and door events are kept here",
			Cues: append([]Cue{{Do: func() { uplink(false) }}},
				d.enter(ctx, 2*time.Second, 2718)...,
			),
		},
		{
			Name: "catch-up", Length: 10 * time.Second, From: at(9), To: at(12),
			ZH: "网络恢复：积压的数据按序补传，报警优先；有人按出门按钮离开",
			EN: "The uplink is back: what was kept is sent in order, alarms first; somebody leaves by the exit button",
			Cues: []Cue{
				{Do: func() { uplink(true) }},
				{After: 2 * time.Second, Do: func() { d.exit(true) }},
				{After: 3 * time.Second, Do: func() { d.exit(false); d.door(true) }},
				{After: 5 * time.Second, Do: func() { d.door(false) }},
			},
		},
	}
}

// enter is somebody going in: a card, the controller unlocks, the door opens and
// closes. The lock is released until after the door is open, so that the opening
// is allowed at any pace.
func (d *Demo) enter(ctx context.Context, after time.Duration, card uint16) []Cue {
	const facility = 21
	return []Cue{
		{After: after, Do: func() { d.present(ctx, facility, card) }},
		{After: after + 500*time.Millisecond, Do: func() { d.unlock(true) }},
		{After: after + 1500*time.Millisecond, Do: func() { d.door(true) }},
		{After: after + 2500*time.Millisecond, Do: func() { d.unlock(false) }},
		{After: after + 4*time.Second, Do: func() { d.door(false) }},
	}
}
