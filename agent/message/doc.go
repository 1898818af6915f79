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
// be wrong, stand time_quality ("synced" or "unsynced"), the boot id and the
// offset since boot, which order everything of one boot.
package message
