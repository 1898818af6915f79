package mochinet

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
)

// connect is MQTT 3.1.1, a clean session, and a client id that the broker makes.
var connect = []byte{0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 0}

func start(t *testing.T) (*mochi.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := errors.Join(s.AddHook(new(auth.AllowHook), nil), Listen(s, l), s.Serve()); err != nil {
		t.Fatal(err)
	}
	return s, l.Addr().String()
}

// TestCloseAmongClientsThatLeave closes brokers while their clients leave. With
// the library's own listener it waits for ever, under the race detector at once.
func TestCloseAmongClientsThatLeave(t *testing.T) {
	for range 200 {
		s, address := start(t)
		var clients sync.WaitGroup
		for range 8 {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(connect); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
			clients.Go(func() { _ = conn.Close() })
		}
		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		select {
		case err := <-closed:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("Close of the broker did not return")
		}
		clients.Wait()
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			t.Fatal("a closed broker takes connections")
		}
	}
}

// TestCloseEndsClients: nobody stays connected to a broker that is gone.
func TestCloseEndsClients(t *testing.T) {
	s, address := start(t)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write(connect); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil && errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	} else if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		t.Error("the client of a closed broker is still connected")
	}
}
