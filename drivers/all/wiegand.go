package all

import (
	"strings"
	"time"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/wiegand"
)

const wiegandName = "wiegand"

// CardFormats are the frames a reader may send, joined by +: 34+keypad4.
type CardFormats wiegand.Formats

// Set reads a set of formats.
func (f *CardFormats) Set(s string) error {
	set, err := wiegand.ParseFormats(s)
	if err != nil {
		return err
	}
	*f = CardFormats(set)
	return nil
}

// String writes the set as Set reads it.
func (f CardFormats) String() string { return wiegand.Formats(f).String() }

// UIDOrder is the order in which a reader sends the bytes of a card's UID.
type UIDOrder string

// Values lists the orders.
func (UIDOrder) Values() []string { return []string{"raw", "reversed"} }

// WiegandOptions describe a card reader or keypad on two GPIO lines.
type WiegandOptions struct {
	D0       string        `yaml:"d0" required:"true" doc:"读卡器 D0 所接 GPIO 线：gpiochip0:5 或内核中的名字|GPIO line of the reader's D0: gpiochip0:5 or the kernel's name"`
	D1       string        `yaml:"d1" required:"true" doc:"读卡器 D1 所接 GPIO 线，须与 D0 同一芯片|GPIO line of the reader's D1, on the same chip"`
	Format   CardFormats   `yaml:"format" default:"26+34" doc:"格式：26、34、h10304、h10302、keypad4、keypad8，可用 + 连接|formats: 26, 34, h10304, h10302, keypad4, keypad8, joined by +"`
	UIDOrder UIDOrder      `yaml:"uid_order" default:"raw" doc:"34 位卡号字节顺序：raw 与卡相同，reversed 相反|byte order of a 34-bit UID: raw as the card has it, or reversed"`
	Pull     Pull          `yaml:"pull" default:"up" doc:"上拉；用分压电阻时设 none|pull resistor; none with a divider"`
	Gap      time.Duration `yaml:"gap" default:"30ms" doc:"一帧结束前的静默时间|silence that ends a frame"`
	Repeat   time.Duration `yaml:"repeat" default:"0s" doc:"此时间内同一张卡只算一次；0s 表示每次都算|the same card within this time counts once; 0s: every time"`
	Entry    time.Duration `yaml:"entry" default:"5s" doc:"键盘静默多久后，已输入的密码视为完成|silence that ends a code typed without #"`
}

// Claims names both lines.
func (o *WiegandOptions) Claims() []string {
	return []string{board.LineName(o.D0), board.LineName(o.D1)}
}

// Validate lists what is wrong with the values.
func (o *WiegandOptions) Validate() []Problem {
	var v verdicts
	d0, d1 := board.LineName(o.D0), board.LineName(o.D1)
	switch {
	case d0 == "":
		v.add("d0", "GPIO 线，如 gpiochip0:5|a line, such as gpiochip0:5", "nothing")
	case d1 == "":
	case d0 == d1:
		v.add("d1", "与 d0 不同的线|another line than d0", o.D1)
	case !sameChip(d0, d1):
		v.add("d1", "与 d0 同一芯片的线|a line of the same chip as d0", o.D1)
	}
	if d1 == "" {
		v.add("d1", "GPIO 线，如 gpiochip0:6|a line, such as gpiochip0:6", "nothing")
	}
	if _, err := wiegand.ParseFormats(o.Format.String()); err != nil {
		v.add("format", "26, 34, h10304 或 h10302, keypad4, keypad8，用 + 连接|26, 34, h10304 or h10302, keypad4, keypad8, joined by +", o.Format.String())
	}
	v.word("uid_order", string(o.UIDOrder), o.UIDOrder.Values())
	v.word("pull", string(o.Pull), o.Pull.Values())
	v.between("gap", o.Gap, wiegand.MinGap, wiegand.MaxGap)
	v.between("repeat", o.Repeat, 0, wiegand.MaxRepeat)
	v.between("entry", o.Entry, wiegand.MinEntry, wiegand.MaxEntry)
	return v
}

// sameChip is false when the names alone say that two lines are on two chips.
func sameChip(a, b string) bool {
	chipA, _, numberedA := strings.Cut(a, ":")
	chipB, _, numberedB := strings.Cut(b, ":")
	return !numberedA || !numberedB || chipA == chipB
}

func wiegandDriver() Driver {
	return Driver{
		Name: wiegandName,
		Options: func() any {
			return &WiegandOptions{
				Format: CardFormats(wiegand.H10301 | wiegand.UID34), UIDOrder: "raw", Pull: "up",
				Gap: wiegand.DefaultGap, Entry: wiegand.DefaultEntry,
			}
		},
		Quantities: func(options any) []drivers.Quantity {
			if _, ok := options.(*WiegandOptions); ok {
				return []drivers.Quantity{drivers.Card, drivers.Misread}
			}
			return nil
		},
		Build: buildWiegand,
	}
}

func buildWiegand(b *board.Board, options any, sample time.Duration) (Sensor, error) {
	o, err := checked[*WiegandOptions](wiegandName, options)
	if err != nil {
		return Sensor{}, err
	}
	lines := b.Edges([]string{o.D0, o.D1}, board.EdgeOptions{Pull: o.Pull.resistor(), FallingOnly: true})
	r, err := wiegand.New(lines, wiegand.Opts{
		Formats:  wiegand.Formats(o.Format),
		Reversed: o.UIDOrder == "reversed",
		Gap:      o.Gap,
		Repeat:   o.Repeat,
		Entry:    o.Entry,
		Poll:     within(sample, wiegand.MinPoll, wiegand.MaxPoll),
	})
	if err != nil {
		return Sensor{}, err
	}
	return Sensor{Sampler: r, Watcher: r}, nil
}
