// Package receive is the platform's side of the contract: it decodes the
// messages of the native profile, holds them to their schemas, drops nothing,
// and says what is double, what is missing and what contradicts the contract. It
// knows no MQTT: whoever subscribes hands it topic and payload.
//
// # Identity and doubles
//
// (gateway, run, lane, seq) names a record for ever. A record that comes again
// is a double, which the contract allows; its content must be the same. What may
// differ is what is not in the record: prev, which says what was sent before;
// time, time_quality, since and since_quality, which the gateway corrects when
// it learns more; name, place and sentence, which come from its configuration;
// which readings share a message; and fields this package does not know, since a
// newer gateway may add some. Content is compared for the newest Remembered
// records of each lane; older doubles are only counted.
//
// # Gaps
//
// Every record names in prev the one that was sent before it. When that one has
// not arrived there is a gap: a stretch after one record that arrived, up to and
// including one that was sent and did not. How many records were lost in it is
// not known for certain, since seqs that this platform does not want are passed
// over in the same way. What was sent before the first record of a lane is
// unknown and no gap, unless Options.FromStart says that there was nothing. What
// was lost after the last record that arrived shows only with the next one.
//
// A record that arrives late closes its gap or parts it in two. A loss event
// names records that were given up and will never come: a gap made of those
// alone is explained.
package receive
