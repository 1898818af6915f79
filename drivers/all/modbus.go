package all

import (
	"fmt"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/modbus"
)

const modbusName = "modbus"

// The settings of a line that devices are delivered with.
const (
	modbusBaud     = 9600
	modbusStopBits = 1
)

// LineParity is a serial line's parity.
type LineParity string

// Values lists the parities.
func (LineParity) Values() []string {
	return []string{string(board.ParityNone), string(board.ParityEven), string(board.ParityOdd)}
}

// RegisterKind says which table of a unit is read.
type RegisterKind string

// The two tables of registers: functions 3 and 4.
const (
	holdingRegister RegisterKind = "holding"
	inputRegister   RegisterKind = "input"
)

// Values lists the tables.
func (RegisterKind) Values() []string {
	return []string{string(holdingRegister), string(inputRegister)}
}

func (k RegisterKind) function() modbus.Function {
	if k == inputRegister {
		return modbus.ReadInputRegisters
	}
	return modbus.ReadHoldingRegisters
}

// RegisterType is how registers hold a number.
type RegisterType string

// Values lists the types.
func (RegisterType) Values() []string {
	return []string{string(modbus.Int16), string(modbus.Uint16), string(modbus.Int32), string(modbus.Uint32), string(modbus.Float32)}
}

// ByteOrder is how the four bytes of two registers lie on the line.
type ByteOrder string

// Values lists the orders.
func (ByteOrder) Values() []string {
	return []string{string(modbus.ABCD), string(modbus.CDAB), string(modbus.BADC), string(modbus.DCBA)}
}

// RegisterUnit is the unit a register counts in.
type RegisterUnit string

// Values lists the units.
func (RegisterUnit) Values() []string {
	return []string{string(modbus.Metre), string(modbus.Decimetre), string(modbus.Centimetre), string(modbus.Millimetre)}
}

// Factor is an exact decimal: 0.1.
type Factor drivers.Decimal

// Set reads a factor.
func (f *Factor) Set(s string) error {
	d, err := drivers.ParseDecimal(s)
	if err != nil {
		return fmt.Errorf("read factor %q: want a decimal number, such as 0.1", s)
	}
	*f = Factor(d)
	return nil
}

// String writes the factor as it was read.
func (f Factor) String() string { return drivers.Decimal(f).String() }

// BadValues are register values by which a device says that it has none:
// 0x7fff, -32768.
type BadValues []modbus.Special

// Set reads values with commas between, as numbers or, after 0x, as the bits of
// the register. An empty text is none.
func (b *BadValues) Set(s string) error {
	values := BadValues{}
	if strings.TrimSpace(s) != "" {
		for _, text := range strings.Split(s, ",") {
			v, err := modbus.ParseSpecial(strings.TrimSpace(text))
			if err != nil {
				return fmt.Errorf("read bad values %q: want numbers with commas between, such as 0x7fff, -32768", s)
			}
			values = append(values, v)
		}
	}
	*b = values
	return nil
}

// String writes the values as Set reads them.
func (b BadValues) String() string {
	texts := make([]string, len(b))
	for i, v := range b {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}

// ModbusOptions describe a level in the registers of a Modbus RTU unit.
type ModbusOptions struct {
	Port     string        `yaml:"port" required:"true" doc:"串口，如 /dev/ttyS1|serial port, such as /dev/ttyS1"`
	Baud     int           `yaml:"baud" default:"9600" doc:"波特率|baud rate"`
	Parity   LineParity    `yaml:"parity" default:"none" doc:"校验：none 无，even 偶，odd 奇|parity"`
	StopBits int           `yaml:"stop_bits" default:"1" doc:"停止位，1 或 2|stop bits, 1 or 2"`
	RS485    bool          `yaml:"rs485" default:"false" doc:"由内核切换 RS-485 收发方向（板载串口用；USB 转换器不用）|let the kernel switch the RS-485 driver (UARTs on the board; not USB adapters)"`
	Unit     int           `yaml:"unit" required:"true" doc:"设备地址，1 至 247|address of the device, 1 to 247"`
	Function RegisterKind  `yaml:"function" default:"holding" doc:"寄存器种类：holding 保持（功能码 3），input 输入（功能码 4）|table: holding (function 3) or input (function 4)"`
	Register uint16        `yaml:"register" required:"true" doc:"寄存器地址，从 0 起（手册中的 40001 为 0）|register, counted from 0 (40001 in a manual is 0)"`
	Type     RegisterType  `yaml:"type" default:"int16" doc:"数据类型|how the register holds its number"`
	Order    ByteOrder     `yaml:"order" default:"ABCD" doc:"四字节的顺序，A 为最高字节|order of four bytes, A the highest"`
	Scale    Factor        `yaml:"scale" default:"1" doc:"系数：寄存器值乘以它得到以 register_unit 为单位的水位|the register times this is the level in register_unit"`
	Measured RegisterUnit  `yaml:"register_unit" required:"true" doc:"寄存器的单位|unit of the register"`
	Offset   Length        `yaml:"offset" default:"0m" doc:"水位计读数为 0 时的水位|level where the meter says 0"`
	Min      Length        `yaml:"min" default:"0m" doc:"水位计能测的最低值（min 与 max 相等则不检查）|lowest the meter can measure (min equal to max: not checked)"`
	Max      Length        `yaml:"max" default:"0m" doc:"水位计能测的最高值|highest the meter can measure"`
	Bad      BadValues     `yaml:"bad_values" default:"" doc:"表示无测量值的寄存器值，如 0x7fff, -32768|register values that mean no value, such as 0x7fff, -32768"`
	Timeout  time.Duration `yaml:"timeout" default:"300ms" doc:"等待应答的时间|how long the unit may take to answer"`
}

// Claims names the registers the sensor reads: two sensors of one register are
// a mistake in one of them.
func (o *ModbusOptions) Claims() []string {
	var claims []string
	for i := range modbus.Type(o.Type).Registers() {
		claims = append(claims, fmt.Sprintf("%s@%d/%s/%d", board.SerialName(o.Port), o.Unit, o.Function, int(o.Register)+i))
	}
	return claims
}

// Shares says how the port is used: by any number of Modbus sensors of one mode.
func (o *ModbusOptions) Shares() map[string]string {
	return map[string]string{board.SerialName(o.Port): modbusName + " " + o.mode().String()}
}

func (o *ModbusOptions) mode() board.SerialMode {
	return board.SerialMode{Baud: o.Baud, DataBits: 8, Parity: board.Parity(o.Parity), StopBits: o.StopBits, RS485: o.RS485}
}

// Validate lists what is wrong with the values.
func (o *ModbusOptions) Validate() []Problem {
	var v verdicts
	v.given("port", o.Port, "串口，如 /dev/ttyS1|a serial port, such as /dev/ttyS1")
	v.count("baud", o.Baud, 300, 4_000_000)
	if o.StopBits != 1 && o.StopBits != 2 {
		v.add("stop_bits", "1, 2", fmt.Sprint(o.StopBits))
	}
	v.count("unit", o.Unit, 1, modbus.MaxUnit)
	v.word("parity", string(o.Parity), o.Parity.Values())
	v.word("function", string(o.Function), o.Function.Values())
	v.word("type", string(o.Type), o.Type.Values())
	v.word("order", string(o.Order), o.Order.Values())
	v.word("register_unit", string(o.Measured), o.Measured.Values())
	return append(v, o.validateValue()...)
}

// validateValue lists what is wrong with what the register is said to mean.
func (o *ModbusOptions) validateValue() []Problem {
	var problems []Problem
	add := func(key, want, got string) { problems = append(problems, Problem{Key: key, Want: want, Got: got}) }
	if int(o.Register)+modbus.Type(o.Type).Registers() > 1<<16 {
		add("register", "两个寄存器时为 0 … 65534|0 … 65534 for two registers", fmt.Sprint(o.Register))
	}
	if err := modbus.CheckScale(drivers.Decimal(o.Scale), modbus.LengthUnit(o.Measured)); err != nil {
		add("scale", "不为 0、至多六位、不细于纳米的数|a number other than 0 of at most six digits, no finer than a nanometre", o.Scale.String())
	}
	const far = Length(1000 * physic.Metre)
	for _, length := range []struct {
		key string
		got Length
	}{{"offset", o.Offset}, {"min", o.Min}, {"max", o.Max}} {
		if length.got < -far || length.got > far {
			add(length.key, "-1000m … 1000m", length.got.String())
		}
	}
	if o.Min > o.Max {
		add("min", told("不高于 max，即 {0}|at most max, {0}", o.Max.String()), o.Min.String())
	}
	for _, v := range o.Bad {
		if err := v.Check(modbus.Type(o.Type)); err != nil {
			add("bad_values", told("类型 {0} 的寄存器可能有的值|values a register of type {0} can have", string(o.Type)), v.String())
		}
	}
	if o.Timeout < modbus.MinTimeout || o.Timeout > modbus.MaxTimeout {
		add("timeout", fmt.Sprintf("%s … %s", modbus.MinTimeout, modbus.MaxTimeout), o.Timeout.String())
	}
	return problems
}

func modbusDriver() Driver {
	return Driver{
		Name: modbusName,
		Options: func() any {
			return &ModbusOptions{
				Baud: modbusBaud, Parity: LineParity(board.ParityNone), StopBits: modbusStopBits,
				Function: holdingRegister, Type: RegisterType(modbus.Int16), Order: ByteOrder(modbus.ABCD),
				Scale: Factor(drivers.Int(1)), Timeout: modbus.DefaultTimeout, Bad: BadValues{},
			}
		},
		Quantities: func(any) []drivers.Quantity { return []drivers.Quantity{drivers.Level} },
		Build:      buildModbus,
	}
}

func buildModbus(b *board.Board, options any, _ time.Duration) (Sensor, error) {
	o, err := checked[*ModbusOptions](modbusName, options)
	if err != nil {
		return Sensor{}, err
	}
	mode := o.mode()
	port := b.Serial(o.Port, mode)
	// One Master per line: it makes the sensors take turns. The mode is part of
	// the key, so that a sensor with another one hears that from the port.
	part, err := b.Part(fmt.Sprintf("modbus %s %s", board.SerialName(o.Port), mode), func() (any, error) {
		return modbus.NewMaster(port, o.Baud)
	})
	if err != nil {
		return Sensor{}, err
	}
	master, ok := part.(*modbus.Master)
	if !ok {
		return Sensor{}, fmt.Errorf("build %s: %s is a %T", modbusName, o.Port, part)
	}
	meter, err := modbus.NewMeter(master, modbus.Opts{
		Unit: byte(o.Unit), Function: o.Function.function(), Register: o.Register,
		Type: modbus.Type(o.Type), Order: modbus.Order(o.Order),
		Scale: drivers.Decimal(o.Scale), RegisterUnit: modbus.LengthUnit(o.Measured),
		Offset: physic.Distance(o.Offset), Min: physic.Distance(o.Min), Max: physic.Distance(o.Max),
		Bad: o.Bad, Timeout: o.Timeout,
	})
	if err != nil {
		return Sensor{}, err
	}
	return Sensor{Sampler: meter}, nil
}
