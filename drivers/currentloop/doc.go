// Package currentloop reads the water level from a 4-20 mA transmitter whose
// current flows through a shunt resistor that a voltmeter looks at.
//
// # Bands
//
// NAMUR NE 43 divides the current into bands, so that a broken wire cannot pass
// for an empty basement:
//
//	below 3.6 mA      fault, broken_wire
//	3.6 to 3.8 mA     uncertain, between_bands, level at 4 mA
//	3.8 to 4 mA       uncertain, under_range, level at 4 mA
//	4 to 20 mA        good
//	20 to 20.5 mA     uncertain, over_range, level at 20 mA
//	20.5 to 21 mA     uncertain, between_bands, level at 20 mA
//	above 21 mA       fault, loop_overcurrent
//
// A limit belongs to the better of its two bands: 3.6 and 21 mA are no fault,
// 3.8 and 20.5 mA are in the measuring range, 4 and 20 mA are good.
//
// # Noise at a limit
//
// A transmitter over an empty basement rests at exactly 4 mA. So that its noise
// does not change the quality with each sample, a band is left less easily than
// it is entered, by a dead band of 20 uA (0.125 % of the span):
//
//	good                lasts from 3.98 to 20.02 mA; the level stays clamped
//	broken_wire         begins below 3.6 mA at once, lasts below 3.62 mA
//	loop_overcurrent    begins above 21 mA at once, lasts above 20.98 mA
//	between_bands       lasts below 3.82 mA, and above 20.48 mA
//
// Raw is the current in mA, in faults too.
//
// # Wiring
//
// See package ads1115 for the shunt. The voltmeter has to measure up to 21 mA
// through the shunt (Opts.TopVoltage), or an overcurrent could not be told.
//
// # Configuration
//
//	shunt: 150ohm   # resistance the current flows through
//	span: 5m        # level between 4 mA and 20 mA, as printed on the transmitter
//	offset: -0.12m  # level at 4 mA: how high the transmitter hangs above the zero
package currentloop
