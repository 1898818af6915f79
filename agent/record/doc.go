// Package record is the neutral form in which readings, events and alarm steps
// are kept: versioned, independent of any platform's topics, and readable by a
// reader that knows fewer fields. The buffer keeps these bytes unchanged.
//
// # Form
//
// The first byte is the format version, 1. Fields follow in the wire form of
// Protocol Buffers (https://protobuf.dev/programming-guides/encoding), the kind
// first. There is no .proto file: the table below is the law, and the golden
// bytes in testdata hold the code to it.
//
//	no  name            type     in     meaning
//	 1  kind            varint   all    1 reading, 2 event, 3 alarm; always first
//	 2  obs             varint   all    order of observation in this run; absent: 0
//	 3  boot            bytes    all    boot id, 16 bytes; absent: unknown
//	 4  offset          varint   all    nanoseconds since boot
//	 5  wall            zigzag   all    Unix milliseconds, clock synchronised
//	 6  wall_unsynced   zigzag   all    Unix milliseconds, clock not synchronised
//	 7  sensor          string   all    absent: the gateway's own
//	 8  quantity        string   r, a
//	 9  coefficient     zigzag   r, a   value = coefficient / 10^scale; absent: no value
//	10  scale           varint   r, a   0 to 9
//	11  unit            string   r, a   SenML spelling
//	12  quality         varint   r      1 good, 2 uncertain, 3 fault
//	13  reason          string   r
//	16  event           string   e      card, door, smoke, time, run, loss ...
//	17  state           string   e
//	18  start           message  e      see below
//	19  loss            message  e      see below
//	20  raise           message  a      position: 1 epoch fixed64, 2 n varint, 3 seq varint
//	21  alarm           string   a      level_high, smoke, fault ...
//	22  level           varint   a      1 blue, 2 yellow, 3 orange, 4 red
//	23  step            string   a      raised, escalated, lowered, acknowledged, restored, cleared
//	24  threshold       zigzag   a      coefficient; absent: no threshold
//	25  threshold_scale varint   a      0 to 9
//	26  since           message  a      stamp: 3, 4, 5 and 6 as above
//	27  by              string   a
//	28  note            string   a
//	29  first           varint   e      1: state is the first ever known
//	30  pseudonym       string   e      of the card presented
//	31  format          string   e      how the reader sent the card
//	32  fix             message  e      what time it was, see below
//	33  ack             message  a      stamp: 3, 4, 5 and 6 as above; 27 by, 28 note
//	34  restored        message  a      stamp; absent: the condition holds
//	35  member          string   a      a sensor the alarm stands for; repeated
//
//	start: 1 epoch fixed64, 2 n varint, 3 ended string, 4 durable alarms,
//	       5 durable events, 6 durable readings, 7 lost_within_ms,
//	       8 lost_at_most, 9 quarantined, 10 salvaged (varints)
//	loss:  1 lane varint, 2 reason string, 3 count varint, 4 range message, repeated
//	range: 1 epoch fixed64, 2 n varint, 3 first varint, 4 last varint
//	fix:   1 boot bytes, 2 offset varint (ns), 3 utc zigzag (Unix ms), 4 step zigzag (ms)
//
// Numbers are never given a second meaning. A field that is not in the table is
// skipped, so a later release may add one without a new version. A new kind, or
// a new number in an enumeration, is ErrNewer to this release: what it means
// cannot be guessed.
//
// A reading of quality fault has none of the fields 9 to 11, and one that has
// them is damaged: a fault is never a value. Likewise a card event without a
// format (a gateway that has no site key tells cards without a pseudonym), a time event without a fix, and a fix without boot or utc. Of a
// drivers.Reading neither Raw nor Token has a field here.
//
// A water level of 1.840 m from a sensor with an id of ten letters takes 69
// bytes a day after boot (72 after a year), 18 of them the boot id. Saying the
// boot in every record keeps each readable by itself, after any loss of its
// neighbours; the blocks the buffer writes are deflated, where a repeated boot
// id costs next to nothing.
package record
