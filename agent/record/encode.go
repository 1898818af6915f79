package record

import (
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"watchpost/agent/clock"
	"watchpost/drivers"
)

// formatVersion is the first byte of every record. It rises only when a reader
// of the version before could no longer skip what it does not know.
const formatVersion = 1

// Kind says what a record holds. The numbers are stored: never reorder.
type Kind uint8

// The kinds.
const (
	KindReading Kind = iota + 1
	KindEvent
	KindAlarm
)

// The field numbers of doc.go's table.
const (
	fieldKind           = 1
	fieldObs            = 2
	fieldBoot           = 3
	fieldOffset         = 4
	fieldWall           = 5
	fieldWallUnsynced   = 6
	fieldSensor         = 7
	fieldQuantity       = 8
	fieldCoefficient    = 9
	fieldScale          = 10
	fieldUnit           = 11
	fieldQuality        = 12
	fieldReason         = 13
	fieldEvent          = 16
	fieldState          = 17
	fieldStart          = 18
	fieldLoss           = 19
	fieldRaise          = 20
	fieldAlarm          = 21
	fieldLevel          = 22
	fieldStep           = 23
	fieldThreshold      = 24
	fieldThresholdScale = 25
	fieldSince          = 26
	fieldBy             = 27
	fieldNote           = 28
	fieldFirst          = 29
	fieldPseudonym      = 30
	fieldFormat         = 31
	fieldFix            = 32
	fieldAck            = 33
	fieldRestored       = 34
	fieldMember         = 35
)

// Field numbers inside the nested messages.
const (
	runEpoch = 1 // of raise, start and range alike
	runN     = 2

	raiseSeq = 3

	startEnded       = 3
	startDurable     = 4 // 4, 5, 6: one for each lane
	startLostWithin  = 7
	startLostAtMost  = 8
	startQuarantined = 9
	startSalvaged    = 10

	lossLane   = 1
	lossReason = 2
	lossCount  = 3
	lossRange  = 4

	rangeFirst = 3
	rangeLast  = 4

	fixBoot   = 1
	fixOffset = 2
	fixUTC    = 3
	fixStep   = 4
)

// EncodeReading is r's stored form. Wall time is kept to the millisecond; Raw
// and Token are left out: the one is for whoever checks the wiring, the other is
// personal. A
// reading without a value, whatever its quality says, is stored as a fault and
// carries no value, so that a forgotten quality cannot become a measurement.
func EncodeReading(r Reading) []byte {
	b := header(KindReading, r.Obs, r.At, r.Sensor)
	b = appendText(b, fieldQuantity, string(r.Quantity))
	quality := drivers.Fault
	if r.HasValue() {
		quality = r.Quality
		b = appendDecimal(b, fieldCoefficient, fieldScale, &r.Value)
		b = appendText(b, fieldUnit, string(r.Unit))
	}
	b = appendNumber(b, fieldQuality, uint64(quality))
	return appendText(b, fieldReason, string(r.Reason))
}

// EncodeEvent is e's stored form. Wall times, and the step of a fix, are kept to
// the millisecond. A card event without a pseudonym, and a time event without a
// fix, say nothing and cannot be read back.
func EncodeEvent(e Event) []byte {
	b := header(KindEvent, e.Obs, e.At, e.Sensor)
	b = appendText(b, fieldEvent, string(e.Kind))
	b = appendText(b, fieldState, e.State)
	if e.Start != nil {
		b = appendMessage(b, fieldStart, encodeStart(*e.Start))
	}
	if e.Loss != nil {
		b = appendMessage(b, fieldLoss, encodeLoss(*e.Loss))
	}
	if e.First {
		b = appendNumber(b, fieldFirst, 1)
	}
	if e.Card != nil {
		b = appendText(b, fieldPseudonym, e.Card.Pseudonym)
		b = appendText(b, fieldFormat, e.Card.Format)
	}
	if e.Time != nil {
		b = appendMessage(b, fieldFix, encodeFix(*e.Time))
	}
	return b
}

// EncodeAlarm is a's stored form. Wall times are kept to the millisecond.
func EncodeAlarm(a Alarm) []byte {
	b := header(KindAlarm, a.Obs, a.At, a.Sensor)
	b = appendText(b, fieldQuantity, string(a.Quantity))
	b = appendDecimal(b, fieldCoefficient, fieldScale, a.Value)
	b = appendText(b, fieldUnit, string(a.Unit))
	if !a.Raise.IsZero() {
		raise := appendRun(nil, a.Raise.Run)
		b = appendMessage(b, fieldRaise, appendNumber(raise, raiseSeq, a.Raise.Seq))
	}
	b = appendText(b, fieldAlarm, a.Kind)
	b = appendNumber(b, fieldLevel, uint64(a.Level))
	b = appendText(b, fieldStep, string(a.State))
	b = appendDecimal(b, fieldThreshold, fieldThresholdScale, a.Threshold)
	if since := appendStamp(nil, a.Since); len(since) > 0 {
		b = appendMessage(b, fieldSince, since)
	}
	b = appendText(b, fieldBy, a.By)
	b = appendText(b, fieldNote, a.Note)
	if a.Ack != nil {
		ack := appendText(appendStamp(nil, a.Ack.At), fieldBy, a.Ack.By)
		b = appendMessage(b, fieldAck, appendText(ack, fieldNote, a.Ack.Note))
	}
	if a.Restored != nil {
		b = appendMessage(b, fieldRestored, appendStamp(nil, *a.Restored))
	}
	for _, m := range a.Members {
		b = appendText(b, fieldMember, m)
	}
	return b
}

func encodeStart(s Start) []byte {
	b := appendRun(nil, s.Predecessor)
	b = appendText(b, startEnded, s.Ended)
	for lane, seq := range s.Durable {
		b = appendNumber(b, startDurable+protowire.Number(lane), seq)
	}
	b = appendNumber(b, startLostWithin, s.LostWithinMS)
	b = appendNumber(b, startLostAtMost, s.LostAtMost)
	b = appendNumber(b, startQuarantined, protowire.EncodeBool(s.Quarantined))
	return appendNumber(b, startSalvaged, s.Salvaged)
}

func encodeLoss(l Loss) []byte {
	b := appendNumber(nil, lossLane, uint64(l.Lane))
	b = appendText(b, lossReason, l.Reason)
	b = appendNumber(b, lossCount, l.Count)
	for _, r := range l.Ranges {
		span := appendRun(nil, r.Run)
		span = appendNumber(span, rangeFirst, r.First)
		span = appendNumber(span, rangeLast, r.Last)
		b = appendMessage(b, lossRange, span)
	}
	return b
}

func encodeFix(f Fix) []byte {
	b := appendMessage(nil, fixBoot, f.Boot[:])
	b = appendNumber(b, fixOffset, uint64(f.Offset))
	b = protowire.AppendTag(b, fixUTC, protowire.VarintType)
	b = protowire.AppendVarint(b, protowire.EncodeZigZag(f.UTC.UnixMilli()))
	return appendNumber(b, fixStep, protowire.EncodeZigZag(f.Step.Milliseconds()))
}

func header(kind Kind, obs uint64, at clock.Stamp, sensor string) []byte {
	b := make([]byte, 0, 96)
	b = append(b, formatVersion)
	b = appendNumber(b, fieldKind, uint64(kind))
	b = appendNumber(b, fieldObs, obs)
	b = appendStamp(b, at)
	return appendText(b, fieldSensor, sensor)
}

// appendStamp says synced by the choice of the wall field: a reader that knew
// only one of them could not take a guess for the truth. A stamp without wall
// time is never synced. Nor is a corrected one, which has no business here: what
// was worked out later must not pass for what was believed.
func appendStamp(b []byte, at clock.Stamp) []byte {
	if at.Boot != (clock.BootID{}) {
		b = appendMessage(b, fieldBoot, at.Boot[:])
	}
	b = appendNumber(b, fieldOffset, uint64(at.Offset))
	if at.Wall.IsZero() {
		return b
	}
	field := protowire.Number(fieldWallUnsynced)
	if at.Synced && !at.Corrected {
		field = fieldWall
	}
	b = protowire.AppendTag(b, field, protowire.VarintType)
	return protowire.AppendVarint(b, protowire.EncodeZigZag(at.Wall.UnixMilli()))
}

func appendRun(b []byte, r Run) []byte {
	if r.Epoch != 0 {
		b = protowire.AppendTag(b, runEpoch, protowire.Fixed64Type)
		b = protowire.AppendFixed64(b, r.Epoch)
	}
	return appendNumber(b, runN, r.N)
}

// appendDecimal writes the coefficient even when it is 0: its presence is what
// says that there is a value.
func appendDecimal(b []byte, coefficient, scale protowire.Number, d *drivers.Decimal) []byte {
	if d == nil {
		return b
	}
	b = protowire.AppendTag(b, coefficient, protowire.VarintType)
	b = protowire.AppendVarint(b, protowire.EncodeZigZag(d.Coefficient))
	return appendNumber(b, scale, uint64(d.Scale))
}

// appendNumber leaves out zero, as absence reads as zero.
func appendNumber(b []byte, field protowire.Number, n uint64) []byte {
	if n == 0 {
		return b
	}
	b = protowire.AppendTag(b, field, protowire.VarintType)
	return protowire.AppendVarint(b, n)
}

// appendText leaves out the empty string. Bytes that are not UTF-8 become
// U+FFFD, because the decoder refuses them.
func appendText(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendString(b, strings.ToValidUTF8(s, "\uFFFD"))
}

func appendMessage(b []byte, field protowire.Number, m []byte) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendBytes(b, m)
}
