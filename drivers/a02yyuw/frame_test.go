package a02yyuw

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// push gives p all bytes and returns the distances found and the bytes dropped.
func push(p *Parser, stream []byte) (distances []uint16, dropped int) {
	for _, b := range stream {
		d, ok, n := p.Push(b)
		dropped += n
		if ok {
			distances = append(distances, d)
		}
	}
	return distances, dropped
}

// The vectors of the makers' pages and of facts measured on the range's ends.
func TestFrames(t *testing.T) {
	for want, in := range map[uint16][]byte{
		1953:      {0xFF, 0x07, 0xA1, 0xA7}, // https://wiki.dfrobot.com/sen0311/docs/21651
		30:        {0xFF, 0x00, 0x1E, 0x1D},
		4500:      {0xFF, 0x11, 0x94, 0xA4},
		noObject:  {0xFF, 0xFF, 0xFD, 0xFB},
		coChannel: {0xFF, 0xFF, 0xFE, 0xFC},
		255:       {0xFF, 0x00, 0xFF, 0xFE},
		0:         {0xFF, 0x00, 0x00, 0xFF},
	} {
		got, dropped := push(&Parser{}, in)
		if len(got) != 1 || got[0] != want || dropped != 0 {
			t.Errorf("% X: got %v, %d dropped, want %d", in, got, dropped, want)
		}
		if !bytes.Equal(frame(want), in) {
			t.Errorf("%d: the tests send % X, want % X", want, frame(want), in)
		}
	}
	for name, in := range map[string][]byte{
		"sum":      {0xFF, 0x07, 0xA1, 0xA8},
		"header":   {0xFE, 0x07, 0xA1, 0xA7},
		"short":    {0xFF, 0x07, 0xA1},
		"too far":  {0xFF, 0x80, 0x00, 0x7F},
		"all ones": {0xFF, 0xFF, 0xFF, 0xFD},
	} {
		if got, _ := push(&Parser{}, in); got != nil {
			t.Errorf("%s: % X gave %v", name, in, got)
		}
	}
}

// sendable is every distance a frame can say.
func sendable(each func(uint16)) {
	for d := range uint16(beyondAll) {
		each(d)
	}
	each(noObject)
	each(coChannel)
}

// Joined anywhere in a sensor that says the same again and again, the parser
// finds the third whole frame at the latest: within 15 bytes.
func TestLockWithinThreeFrames(t *testing.T) {
	sendable(func(d uint16) {
		stream := bytes.Repeat(frame(d), 5)
		for offset := range frameSize {
			first := (frameSize - offset) % frameSize // bytes before the first whole frame
			var p Parser
			got, _ := push(&p, stream[offset:offset+first+3*frameSize])
			if len(got) == 0 || got[len(got)-1] != d || p.Held() != 0 {
				t.Fatalf("%d mm from byte %d on: got %v, %d held", d, offset, got, p.Held())
			}
			for _, other := range got {
				if other != d {
					t.Fatalf("%d mm from byte %d on: got %v", d, offset, got)
				}
			}
		}
	})
}

// A frame with any one bit flipped is refused, between good ones too: it neither
// gives a distance that was not sent nor costs more than the two frames after it.
func TestEachFlippedBitIsRefused(t *testing.T) {
	stream := make([]byte, 6*frameSize)
	sendable(func(d uint16) {
		for bit := range 8 * frameSize {
			f := frame(d)
			f[bit/8] ^= 1 << (bit % 8)
			var alone Parser
			if got, _ := push(&alone, f); got != nil {
				t.Fatalf("%d mm, bit %d: % X gave %v", d, bit, f, got)
			}
			for i := range stream {
				stream[i] = frame(d)[i%frameSize]
			}
			copy(stream[frameSize:], f)
			var p Parser
			count := 0
			for _, b := range stream {
				got, ok, _ := p.Push(b)
				if !ok {
					continue
				}
				if count++; got != d {
					t.Fatalf("%d mm, bit %d: % X gave %d", d, bit, stream, got)
				}
			}
			if count < 3 {
				t.Fatalf("%d mm, bit %d: % X gave %d frames of 5", d, bit, stream, count)
			}
		}
	})
}

// After any garbage the fourth true frame and all later ones are found.
func TestResync(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		garbage := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "garbage")
		d := rapid.Uint16Range(0, 9000).Draw(t, "distance")
		var p Parser
		got, dropped := push(&p, append(garbage, bytes.Repeat(frame(d), 7)...))
		if len(got) < 4 {
			t.Fatalf("7 frames of %d mm after % X: got %v", d, garbage, got)
		}
		for _, other := range got[len(got)-4:] {
			if other != d {
				t.Fatalf("7 frames of %d mm after % X: got %v", d, garbage, got)
			}
		}
		if all := frameSize*len(got) + dropped + p.Held(); all > len(garbage)+7*frameSize {
			t.Fatalf("%d bytes accounted for of %d", all, len(garbage)+7*frameSize)
		}
	})
}

// fourAtOnce drops the whole frame on a bad sum, as others do.
type fourAtOnce struct{ held []byte }

func (p *fourAtOnce) push(b byte) (uint16, bool) {
	if len(p.held) == 0 && b != header {
		return 0, false
	}
	if p.held = append(p.held, b); len(p.held) < frameSize {
		return 0, false
	}
	h := p.held
	p.held = nil
	return uint16(h[1])<<8 | uint16(h[2]), h[0]+h[1]+h[2] == h[3]
}

// The checks of this file tell a parser that gives up four bytes at once: it
// never finds into a stream of 255 mm joined at its third byte.
func TestLockCheckHasTeeth(t *testing.T) {
	stream := bytes.Repeat(frame(255), 100)[2:]
	var theirs fourAtOnce
	for i, b := range stream {
		if d, ok := theirs.push(b); ok {
			t.Fatalf("four at once found %d after %d bytes: the example is none", d, i)
		}
	}
	if got, _ := push(&Parser{}, stream[:2+3*frameSize]); len(got) == 0 || got[0] != 255 {
		t.Errorf("one at a time found %v", got)
	}
}

func FuzzParser(f *testing.F) {
	f.Add([]byte{0xFF, 0x07, 0xA1, 0xA7})
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0xA1, 0xA7, 0xFF})
	f.Add([]byte{0xFF, 0x01, 0xFF, 0xFF, 0xFF, 0x01, 0xFF, 0xFF})
	f.Add([]byte{0x00, 0xFE, 0xFF, 0xFF, 0xFD, 0xFB, 0xFF, 0xFF, 0xFE, 0xFC})
	f.Fuzz(func(t *testing.T, stream []byte) {
		var p Parser
		end := 0
		for i, b := range stream {
			held := p.Held()
			d, ok, dropped := p.Push(b)
			if dropped < 0 || dropped > held+1 || p.Held() >= frameSize {
				t.Fatalf("dropped %d, holds %d", dropped, p.Held())
			}
			if ok && !bytes.Equal(stream[i+1-frameSize:i+1], frame(d)) {
				t.Fatalf("said %d at byte %d of % X", d, i, stream)
			}
			// What is neither dropped nor held was a frame, told or doubted.
			end += dropped
			if held == frameSize-1 && dropped == 0 {
				end += frameSize
			}
			if end+p.Held() != i+1 {
				t.Fatalf("%d bytes accounted for of %d", end+p.Held(), i+1)
			}
		}
	})
}
