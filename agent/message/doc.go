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
// # Alarms
//
// An alarm is named by alarm: gateway/run/seq of the record that raised it. Its
// steps carry that name, and each says how the alarm stands after it:
//
//	state         the alarm
//	raised        begins; with the name of an earlier record: a restored one came back
//	escalated     is worse now (level), and nobody has acknowledged that
//	lowered       is milder now (level)
//	acknowledged  is known to somebody (by, note)
//	restored      waits for a person, its condition being over
//	cleared       is over
//
// Only cleared ends an alarm. A step with a word that a receiver does not know
// says that the alarm goes on, at its level: a receiver that knows neither lowered
// nor restored still keeps the right list. Whether the condition holds and whether
// somebody knows are told apart from the step, by restored and acknowledged:
//
//	               acknowledged absent      acknowledged present
//	restored absent    active, unknown      active, acknowledged
//	restored present   over, unknown        over; the next step is cleared
//
// Only alarms that wait for a person (smoke, unless configured otherwise) are ever
// restored; the others are cleared with their condition.
//
// The kinds fault (a sensor cannot be read) and stale (it says nothing at all) are
// about the sensor, bus_down about a bus with two of the alarmed sensors or more:
// its sensor is the bus, and sensors lists those it stands for.
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
