// Package watchdog tells the service manager how the agent does, and feeds its
// watchdog for as long as everything in the agent moves.
//
// The protocol is sd_notify(3): one datagram of NAME=value lines to the socket
// that NOTIFY_SOCKET names. WATCHDOG_USEC is the time within which the manager
// wants to hear WATCHDOG=1; it ends and restarts the agent when it does not
// (sd_watchdog_enabled(3)).
//
// A watchdog that is fed by a timer proves only that the timer runs. So each
// room says of itself whether it moves, and one that does not is enough to stop
// the feeding. None of them judges whether a platform can be reached: a restart
// would not bring it back, and an outage would restart a whole fleet.
package watchdog
