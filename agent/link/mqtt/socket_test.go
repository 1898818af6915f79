package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"watchpost/agent/trust"
)

// A far side that reads nothing holds no Close up, within TLS either.
func TestCloseWaitsForNobody(t *testing.T) {
	c := newCity(t)
	near, far := net.Pipe() // has no buffer
	server := tls.Server(far, serves(leaf(t, "broker", x509.Certificate{}, c.ca)))
	shaken := make(chan error, 1)
	go func() {
		shaken <- server.Handshake()
	}()
	var sent, received atomic.Int64
	below := &wire{Conn: near, writeTimeout: time.Hour, sent: &sent, received: &received}
	conn, err := trust.Settings{CAFile: c.caFile, Clock: at(today, true)}.Client(t.Context(), below, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() {
		(&socket{Conn: conn, under: below}).Close()
		close(closed)
	}()
	wait(t, closed, "the end of Close")
	far.Close()
	<-shaken
}
