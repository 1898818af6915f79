// Package message is the contract with a platform: topics, payloads and
// schemas. Native is the first profile.
//
// # Topics
//
// {root}/{gateway}/{class}, root "watchpost/v1" unless configured:
//
//	alarms, events, readings   lanes; QoS 1, not retained
//	state                      document; QoS 1, retained; also the last will
//	alarms/active              document; QoS 1, retained
//
// # Payloads
//
// JSON with a fixed order of fields, times in UTC as RFC 3339 with
// milliseconds, numbers with all decimals they were measured with, units as in
// the SenML registry (RFC 8428 section 12.1). The JSON Schemas of all classes
// are in the schema folder and served by Schema. A later v1 adds fields and
// words but never takes one away or changes its meaning: a receiver must pass
// over fields it does not know.
//
// Every lane message says which record it is (gateway, run, seq; the lane is
// the topic) and which one was sent before it to this platform (prev), so that
// a receiver can drop doubles and compute gaps. Beside the wall time, which may
// be wrong, stand time_quality, the boot id and the offset since boot, which
// order everything of one boot.
//
// # Time
//
//	time_quality  time is
//	synced        what the gateway believed, its clock being set by a time service
//	corrected     what it has worked out since; the record itself says otherwise
//	unsynced      what the gateway believed with nobody to ask; null: nothing
//
// A word that a receiver does not know is to be taken for unsynced: it can still
// rely on boot and offset_ms. The same record may come twice, first unsynced and
// later corrected, under the same run and seq.
//
// What came unsynced, or synced while the time service was wrong, the receiver
// can correct itself. Events of kind time tell at once, and clock.fixes of the
// state document keep telling, what the time was at one offset of a boot:
//
//	utc = fix.utc + (offset_ms - fix.offset_ms)    within fix.boot
//
// This is as exact as the gateway's crystal: at most 100 ppm of the distance to
// the fix, 8.64 s a day.
package message
