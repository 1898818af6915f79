package currentloop

import "periph.io/x/conn/v3/physic"

// band is where the current lies. The zero value is before the first sample.
type band uint8

const (
	nowhere    band = iota
	tooLittle       // a broken wire
	belowRange      // between the bands
	under           // clamped to the lower end
	inSpan
	over       // clamped to the upper end
	aboveRange // between the bands
	tooMuch    // an overcurrent
)

// band is where a voltage lies, given where the last one lay: noise as wide as
// the dead band around any limit changes it once at most. Into a fault there is
// no dead band.
func (l *Level) band(v physic.ElectricPotential) band {
	below := func(limit int64) bool { return int64(v)*stepsPerAmp < int64(l.opts.Shunt)*limit }
	above := func(limit int64) bool { return int64(v)*stepsPerAmp > int64(l.opts.Shunt)*limit }
	stays := false
	switch l.last {
	case tooLittle:
		stays = below(faultBelow + deadBand)
	case belowRange:
		stays = !below(faultBelow) && below(rangeFrom+deadBand)
	case inSpan:
		stays = !below(spanFrom-deadBand) && !above(spanTo+deadBand)
	case aboveRange:
		stays = !above(faultAbove) && above(rangeTo-deadBand)
	case tooMuch:
		stays = above(faultAbove - deadBand)
	}
	switch {
	case stays:
		return l.last
	case below(faultBelow):
		return tooLittle
	case below(rangeFrom):
		return belowRange
	case below(spanFrom):
		return under
	case above(faultAbove):
		return tooMuch
	case above(rangeTo):
		return aboveRange
	case above(spanTo):
		return over
	}
	return inSpan
}
