// Package gateway is the wiring: what starts when, what stops when, and which
// room hands what to which. The work itself is done in the rooms.
//
// One reading goes: board -> driver -> sense.Supervisor -> pipeline (live view,
// alarm.Engine, record, buffer.Append) -> forward.Forwarder -> encoder ->
// link -> platform, and back comes only the confirmation.
package gateway
