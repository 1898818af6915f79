package a02yyuw

// Codes that stand in place of a distance
// (https://wiki.dfrobot.com/sen0754/docs/24696).
const (
	noObject  = 0xFFFD
	coChannel = 0xFFFE
)

const (
	header    = 0xFF
	frameSize = 4
	// beyondAll is no distance of any model, codes aside.
	beyondAll = 0x8000
)

// Parser finds frames in a stream of bytes. The zero value is ready to use. It
// is not safe for concurrent use.
type Parser struct {
	held  [frameSize]byte
	n     int
	doubt bool // the last frame was wrong
}

// Push takes the next byte. ok says that it completes a frame, which says
// distance, in mm or one of the codes. A right frame after a wrong one only ends
// the doubt and is not told. dropped counts the bytes now known to be no part of
// a frame.
func (p *Parser) Push(b byte) (distance uint16, ok bool, dropped int) {
	p.held[p.n] = b
	p.n++
	if p.n == frameSize {
		distance = uint16(p.held[1])<<8 | uint16(p.held[2])
		sum := p.held[0] + p.held[1] + p.held[2]
		if sum == p.held[3] && (distance < beyondAll || distance == noObject || distance == coChannel) {
			believed := !p.doubt
			p.n, p.doubt = 0, false
			return distance, believed, 0
		}
		p.doubt = true
		dropped = p.drop()
	}
	for p.n > 0 && p.held[0] != header {
		dropped += p.drop()
	}
	return 0, false, dropped
}

// Held is how many bytes wait for the rest of their frame.
func (p *Parser) Held() int { return p.n }

// Cut says that the rest of a frame will not come, and returns how many bytes are
// given up with it.
func (p *Parser) Cut() int {
	n := p.n
	p.n = 0
	return n
}

// drop gives up the first byte.
func (p *Parser) drop() int {
	copy(p.held[:], p.held[1:p.n])
	p.n--
	return 1
}
