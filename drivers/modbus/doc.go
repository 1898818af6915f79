// Package modbus asks devices on an RS-485 line in Modbus RTU, and reads water
// levels from meters and electronic water gauges that speak it.
//
// Sources: MODBUS Application Protocol Specification V1.1b3 and MODBUS over
// Serial Line Specification and Implementation Guide V1.02, modbus.org.
//
// # Frames
//
// The end of a frame is known from the question and the function code and never
// by silence alone: a process on Linux does not see silences of milliseconds
// (https://github.com/simonvetter/modbus/issues/45), and a flow meter was
// recorded that answers 4.004 ms after a question at 9600 baud, where 3.5
// characters are 4.010 ms. An answer must have the right unit, function, byte
// count and checksum. Everything else that comes is passed over until the
// timeout: false bytes of a line that floats between transmissions (00, fe, ff),
// the echo of boards that switch direction by themselves, answers of other
// units, answers of another length.
//
// # Late answers
//
// An answer does not say which register it is of. A unit that answers later
// than its timeout could so have its answer taken for that to the next question.
// Waiting longer only moves the problem; Master counts the questions still
// unanswered, and believes an answer only when it can be to no other of them (see
// unit.go). To be sure sooner it may ask the other read function (4 for 3, 3 for
// 4) at the same register once, and only looks that something answers.
//
// A second master does not belong on the line. Where its question is heard, an
// answer that may be to it is not believed.
//
// # A dead unit
//
// A question is sent three times, and once when the unit missed three in a
// row. Units that answer go before those that do not, so one line with 31 dead
// units and a living one reads that one each time.
//
// # Wiring
//
//	gateway A (D+) ---- A of each device, one after the other, no star
//	gateway B (D-) ---- B
//	gateway GND    ---- GND of the devices' supply
//
// 120 ohm between A and B at both ends of a long line, and a bias (A up, B
// down) somewhere, or the line floats. A and B exchanged, another baud rate and
// a second device at the same address all look like no answer or damaged ones.
// A hydrostatic meter below its supply voltage gives values that drift and look
// plausible.
//
// # Configuration
//
// There is no common map of registers: the device's manual has unit, function,
// register, type and scale. For a hydrostatic meter QDY30A that is set to cm
// with one decimal:
//
//	sensors:
//	  - id: basement-level
//	    driver: modbus
//	    port: /dev/ttyS1
//	    baud: 9600
//	    unit: 1
//	    function: holding
//	    register: 4            # from 0; what manuals call 40005
//	    type: int16
//	    scale: 0.1             # 153 is 15.3
//	    register_unit: cm
//	    bad_values: 0x7fff, -32768
//	    offset: -0.12m         # level where the meter says 0
//	    min: -5cm              # what the meter can measure
//	    max: 5m
package modbus
