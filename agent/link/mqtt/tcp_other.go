//go:build !linux

package mqtt

import (
	"net"
	"syscall"
	"time"
)

// userTimeout does nothing: the option is Linux's.
func userTimeout(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }

// acknowledge does nothing: the option is Linux's.
func acknowledge(net.Conn) {}
