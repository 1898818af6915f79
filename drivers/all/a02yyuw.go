package all

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
	"watchpost/drivers/a02yyuw"
	"watchpost/drivers/board"
)

const a02yyuwName = "a02yyuw"

// UltrasonicModel is a model of ultrasonic sensor.
type UltrasonicModel string

// Values lists the models.
func (UltrasonicModel) Values() []string {
	var names []string
	for _, m := range a02yyuw.Models() {
		names = append(names, string(m))
	}
	return names
}

// UltrasonicMode says who begins.
type UltrasonicMode string

// Values lists the modes.
func (UltrasonicMode) Values() []string { return []string{"auto", "trigger"} }

// A02YYUWOptions describe an ultrasonic sensor over the water, on a UART.
type A02YYUWOptions struct {
	Port   string          `yaml:"port" required:"true" doc:"串口，如 ttyS1|serial port, such as ttyS1"`
	Height Length          `yaml:"height" required:"true" doc:"安装高度：探头面到水位零点|mounting height: from the sensor's face down to the level's zero"`
	Model  UltrasonicModel `yaml:"model" default:"a02yyuw" doc:"型号|model"`
	Mode   UltrasonicMode  `yaml:"mode" default:"auto" doc:"auto 自动输出，trigger 触发测量|auto: sends by itself; trigger: measures when asked"`
	Baud   int             `yaml:"baud" default:"9600" doc:"波特率，sen0754 为 115200|speed; sen0754: 115200"`
	Blind  Length          `yaml:"blind" default:"0m" doc:"盲区，0m 表示按型号|blind zone; 0m: the model's"`
	Range  Length          `yaml:"range" default:"0m" doc:"最远距离，0m 表示按型号|farthest distance; 0m: the model's"`
	Median int             `yaml:"median" default:"5" doc:"取最近几次测量的中值，1 至 9|median of how many distances, 1 to 9"`
}

// Claims names the port, which such a sensor has for itself.
func (o *A02YYUWOptions) Claims() []string { return []string{board.SerialName(o.Port)} }

// Shares says that the port is for this sensor alone.
func (o *A02YYUWOptions) Shares() map[string]string {
	return map[string]string{board.SerialName(o.Port): "alone: " + a02yyuwName + " " + o.serial().String()}
}

// Validate lists what is wrong with the values.
func (o *A02YYUWOptions) Validate() []Problem {
	var v verdicts
	whole := func(key string, l Length, least, most physic.Distance) {
		if d := physic.Distance(l); d < least || d > most || d%physic.MilliMetre != 0 {
			v.add(key, told("{0} … {1}，精确到毫米|{0} … {1} in whole millimetres", Length(least).String(), Length(most).String()), l.String())
		}
	}
	v.given("port", o.Port, "串口，如 ttyS1|a serial port, such as ttyS1")
	whole("height", o.Height, physic.MilliMetre, a02yyuw.MaxHeight)
	known := slices.Contains(o.Model.Values(), string(o.Model))
	if !known {
		v.add("model", strings.Join(o.Model.Values(), ", "), string(o.Model))
	}
	switch {
	case !slices.Contains(o.Mode.Values(), string(o.Mode)):
		v.add("mode", "auto, trigger", string(o.Mode))
	case o.Mode == "trigger" && known && !a02yyuw.Model(o.Model).CanTrigger():
		v.add("mode", told("auto：{0} 只会自动输出|auto: {0} sends by itself only", string(o.Model)), "trigger")
	}
	if o.Baud != 9600 && o.Baud != 115200 {
		v.add("baud", "9600, 115200", fmt.Sprint(o.Baud))
	}
	whole("blind", o.Blind, 0, a02yyuw.MaxDistance)
	whole("range", o.Range, 0, a02yyuw.MaxDistance)
	v.count("median", o.Median, 1, a02yyuw.MaxMedian)
	if len(v) == 0 {
		if blind, reach := o.opts().Seen(); blind >= reach {
			v.add("blind", told("小于最远距离 {0}|less than the range of {0}", Length(reach).String()), Length(blind).String())
		}
	}
	return v
}

func (o *A02YYUWOptions) serial() board.SerialMode {
	return board.SerialMode{Baud: o.Baud, DataBits: 8, Parity: board.ParityNone, StopBits: 1}
}

func (o *A02YYUWOptions) opts() a02yyuw.Opts {
	return a02yyuw.Opts{
		Model:  a02yyuw.Model(o.Model),
		Height: physic.Distance(o.Height),
		Blind:  physic.Distance(o.Blind),
		Range:  physic.Distance(o.Range),
		Median: o.Median,
	}
}

func a02yyuwDriver() Driver {
	return Driver{
		Name: a02yyuwName,
		Options: func() any {
			return &A02YYUWOptions{Model: "a02yyuw", Mode: "auto", Baud: 9600, Median: a02yyuw.DefaultMedian}
		},
		Quantities: func(any) []drivers.Quantity { return []drivers.Quantity{drivers.Level} },
		Build:      buildA02YYUW,
	}
}

func buildA02YYUW(b *board.Board, options any, sample time.Duration) (Sensor, error) {
	o, err := checked[*A02YYUWOptions](a02yyuwName, options)
	if err != nil {
		return Sensor{}, err
	}
	port := b.Serial(o.Port, o.serial())
	if o.Mode == "trigger" {
		s, err := a02yyuw.NewTriggered(port, o.opts())
		if err != nil {
			return Sensor{}, err
		}
		return Sensor{Sampler: s}, nil
	}
	opts := o.opts()
	opts.Period = within(sample, a02yyuw.MinPeriod, a02yyuw.MaxPeriod)
	s, err := a02yyuw.NewStream(port, opts)
	if err != nil {
		return Sensor{}, err
	}
	return Sensor{Sampler: s, Watcher: s}, nil
}
