// Package ads1115 drives the Texas Instruments ADS1115, a four-input 16-bit
// analogue-to-digital converter on I2C.
//
// Datasheet: Texas Instruments SBAS444, "ADS111x Ultra-Small, Low-Power,
// I2C-Compatible, 860-SPS, 16-Bit ADCs", https://www.ti.com/lit/gpn/ads1115.
// Sections are cited by their titles in revision D (January 2018); their numbers
// change between revisions. The register layout was compared with Linux
// drivers/iio/adc/ti-ads1015.c.
//
// # Why not periph's ads1x15
//
// That driver sleeps for exactly one conversion at the nominal data rate and
// never looks whether the chip is ready. The chip's clock may be 10 % slow, and
// what is read then is the value of the previous input. This driver asks the
// chip (bit OS of the Config register), with a deadline, and believes a value
// only if the Config register still holds what was written before and after the
// value was read. A chip that lost power or a different chip at the address is an
// error and never a voltage.
//
// # Addresses
//
// The pin ADDR chooses: 0x48 at GND, 0x49 at VDD, 0x4A at SDA, 0x4B at SCL
// (datasheet, "I2C Address Selection").
//
// # Wiring a 4-20 mA level transmitter
//
//	24 V + ---- transmitter + ; transmitter - ---+---- AIN0
//	                                             |
//	                                            150 ohm, 0.1 %, 25 ppm/K
//	                                             |
//	24 V - --------------------------------------+---- GND of the ADS1115
//
// An input must stay below VDD + 0.3 V. With VDD at 3.3 V, 150 ohm gives 0.60 V
// at 4 mA, 3.00 V at 20 mA and 3.15 V at the upper fault limit of 21 mA; 250 ohm
// would need a chip supplied with 5 V. Full scale 4.096 V is the range to use:
// one step is 125 uV, which is 0.83 uA.
//
// # Configuration
//
//	sensors:
//	  - id: basement-level
//	    driver: ads1115
//	    bus: i2c-1
//	    address: 0x48
//	    input: AIN0      # AIN0 to AIN3, or a pair: AIN0-AIN1
//	    shunt: 150ohm    # from here on: the 4-20 mA loop, see package currentloop
//	    span: 5m         # level between 4 mA and 20 mA
//	    offset: 0m       # level at 4 mA
//
// Full scale and rate are then 4.096 V and 128 samples per second.
//
// One Dev serves one chip: sensors on inputs of the same chip share it, and with
// it full scale and rate. Never make two Devs for one chip, nor let two programs
// use it: a start that falls into the other's conversion is ignored by the chip,
// and the other's value would come out.
package ads1115
