package ads1115

import (
	"fmt"
	"strings"

	"periph.io/x/conn/v3/physic"
)

// Registers (datasheet, "Address Pointer Register").
const (
	regConversion = 0x00
	regConfig     = 0x01
)

// Fields of the Config register (datasheet, "Config Register", reset = 8583h).
const (
	configOS          = 1 << 15 // written: start; read: 1 idle, 0 converting
	configMuxShift    = 12
	configGainShift   = 9
	configSingle      = 1 << 8 // power down after each conversion
	configRateShift   = 5
	configActiveHigh  = 1 << 3 // comparator polarity; no effect while it is off
	configComparator  = 3      // both bits set: comparator off, ALERT pin floats
	configAtPowerOn   = 0x8583 // AIN0-AIN1, 2.048 V, 128 samples per second, idle
	codePositiveLimit = 0x7FFF // clips here (datasheet, "Data Format")
	codeNegativeLimit = -0x8000
)

// Mux selects what is measured. The zero value selects nothing, so that a
// forgotten input cannot pass for a pair.
type Mux uint8

// Inputs: differences between two inputs, and each input against GND.
const (
	AIN0minusAIN1 Mux = iota + 1
	AIN0minusAIN3
	AIN1minusAIN3
	AIN2minusAIN3
	AIN0
	AIN1
	AIN2
	AIN3
)

// String is the name used in the configuration: ain0, or ain0-ain1 for a pair.
func (m Mux) String() string {
	switch m {
	case AIN0minusAIN1:
		return "ain0-ain1"
	case AIN0minusAIN3:
		return "ain0-ain3"
	case AIN1minusAIN3:
		return "ain1-ain3"
	case AIN2minusAIN3:
		return "ain2-ain3"
	case AIN0, AIN1, AIN2, AIN3:
		return fmt.Sprintf("ain%d", m-AIN0)
	}
	return fmt.Sprintf("input %d", uint8(m))
}

// ParseMux reads what String writes, in any case.
func ParseMux(s string) (Mux, error) {
	for m := AIN0minusAIN1; m <= AIN3; m++ {
		if strings.EqualFold(s, m.String()) {
			return m, nil
		}
	}
	return 0, fmt.Errorf("parse input %q: want ain0, ain1, ain2, ain3, ain0-ain1, ain0-ain3, ain1-ain3 or ain2-ain3", s)
}

func (m Mux) valid() bool { return m >= AIN0minusAIN1 && m <= AIN3 }

// Gain is the full-scale range of the amplifier. The zero value means
// Gain4V096.
type Gain uint8

// Full-scale ranges, plus and minus (datasheet, "Full-Scale Range (FSR) and LSB Size").
const (
	Gain6V144 Gain = iota + 1
	Gain4V096
	Gain2V048
	Gain1V024
	Gain0V512
	Gain0V256
)

// FullScale is the range: voltages from -FullScale to +FullScale are measured.
// It is zero for a Gain that does not exist.
func (g Gain) FullScale() physic.ElectricPotential {
	switch g {
	case Gain6V144:
		return 6144 * physic.MilliVolt
	case 0, Gain4V096:
		return 4096 * physic.MilliVolt
	case Gain2V048:
		return 2048 * physic.MilliVolt
	case Gain1V024:
		return 1024 * physic.MilliVolt
	case Gain0V512:
		return 512 * physic.MilliVolt
	case Gain0V256:
		return 256 * physic.MilliVolt
	}
	return 0
}

// GainOf is the Gain with exactly this full scale.
func GainOf(fullScale physic.ElectricPotential) (Gain, error) {
	for g := Gain6V144; g <= Gain0V256; g++ {
		if g.FullScale() == fullScale {
			return g, nil
		}
	}
	return 0, fmt.Errorf("choose full scale %s: want 6.144V, 4.096V, 2.048V, 1.024V, 512mV or 256mV", fullScale)
}

// Rate is the data rate. The zero value means Rate128. A lower rate is quieter:
// the filter settles within one conversion.
type Rate uint8

// Data rates in samples per second (datasheet, "Config Register", field DR).
const (
	Rate8 Rate = iota + 1
	Rate16
	Rate32
	Rate64
	Rate128
	Rate250
	Rate475
	Rate860
)

// PerSecond is the nominal number of samples per second; the chip's clock may
// be 10 % off. It is zero for a Rate that does not exist.
func (r Rate) PerSecond() int {
	switch r {
	case Rate8:
		return 8
	case Rate16:
		return 16
	case Rate32:
		return 32
	case Rate64:
		return 64
	case 0, Rate128:
		return 128
	case Rate250:
		return 250
	case Rate475:
		return 475
	case Rate860:
		return 860
	}
	return 0
}

// RateOf is the Rate with exactly this many samples per second.
func RateOf(perSecond int) (Rate, error) {
	for r := Rate8; r <= Rate860; r++ {
		if r.PerSecond() == perSecond {
			return r, nil
		}
	}
	return 0, fmt.Errorf("choose rate %d: want 8, 16, 32, 64, 128, 250, 475 or 860 samples per second", perSecond)
}

// config is the word that starts one conversion.
//
// One combination spells the word a chip has after power-on. It is made
// tellable by the polarity of the comparator, which is off: otherwise a chip
// that lost its power would pass for a chip that obeyed, with its cleared
// Conversion register for a value.
func config(m Mux, g Gain, r Rate) uint16 {
	word := uint16(configOS | configSingle | configComparator)
	word |= uint16(m-AIN0minusAIN1) << configMuxShift
	word |= uint16(g-Gain6V144) << configGainShift
	word |= uint16(r-Rate8) << configRateShift
	if word == configAtPowerOn {
		word |= configActiveHigh
	}
	return word
}
