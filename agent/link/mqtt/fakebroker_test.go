package mqtt

import (
	"crypto/tls"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"watchpost/agent/link"
)

// fakeBroker makes the faults that a real broker will not make on demand.
type fakeBroker struct {
	listener net.Listener
	tls      *tls.Config // nil: in clear
	connack  byte
	suback   byte
	// publish decides on a PUBLISH: whether the broker takes it, answers it and
	// keeps the connection.
	publish func(*packets.PublishPacket) (take, answer, keep bool)
	// kick ends each connection after its CONNACK, deaf reads nothing after it.
	kick, deaf bool
	// mute ends each connection instead of a CONNACK, frozen keeps it.
	mute, frozen bool

	mu    sync.Mutex
	taken map[string]int
	order []string // of first receipt
}

func startFake(t *testing.T, b *fakeBroker) *fakeBroker {
	t.Helper()
	var err error
	if b.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if b.tls != nil {
		b.listener = tls.NewListener(b.listener, b.tls)
	}
	b.taken = map[string]int{}
	var all sync.WaitGroup
	end := make(chan struct{})
	all.Go(func() {
		for {
			c, err := b.listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				b.serve(c, end)
			})
			all.Go(func() { <-end; c.Close() })
		}
	})
	t.Cleanup(func() { b.listener.Close(); close(end); all.Wait() })
	return b
}

func (b *fakeBroker) serve(c net.Conn, end <-chan struct{}) {
	if _, err := packets.ReadPacket(c); err != nil {
		return
	}
	if b.frozen {
		<-end
	}
	if b.mute || b.frozen {
		return
	}
	ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
	ack.ReturnCode = b.connack
	if ack.Write(c) != nil || b.connack != 0 || b.kick {
		return
	}
	if b.deaf {
		<-end
		return
	}
	for {
		p, err := packets.ReadPacket(c)
		if err != nil || !b.answer(c, p) {
			return
		}
	}
}

func (b *fakeBroker) answer(c net.Conn, p packets.ControlPacket) (keep bool) {
	switch p := p.(type) {
	case *packets.SubscribePacket:
		a := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
		a.MessageID = p.MessageID
		for range p.Topics {
			a.ReturnCodes = append(a.ReturnCodes, b.suback)
		}
		return a.Write(c) == nil
	case *packets.PingreqPacket:
		return packets.NewControlPacket(packets.Pingresp).Write(c) == nil
	case *packets.PublishPacket:
		take, answer, keep := b.publish(p)
		if take {
			b.take(string(p.Payload))
		}
		if answer {
			a := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			a.MessageID = p.MessageID
			keep = a.Write(c) == nil && keep
		}
		return keep
	}
	return false
}

func (b *fakeBroker) take(payload string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken[payload]++; b.taken[payload] == 1 {
		b.order = append(b.order, payload)
	}
}

func (b *fakeBroker) has(payload string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken[payload] > 0
}

// flaky drops connections before and after receipt of a message.
func flaky(seed uint64, before, after float64) func(*packets.PublishPacket) (bool, bool, bool) {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 1))
	return func(*packets.PublishPacket) (take, answer, keep bool) {
		mu.Lock()
		defer mu.Unlock()
		switch x := r.Float64(); {
		case x < before:
			return false, false, false
		case x < before+after:
			return true, false, false
		}
		return true, true, true
	}
}

func answerAll(*packets.PublishPacket) (take, answer, keep bool) { return true, true, true }
func answerNone(*packets.PublishPacket) (take, answer, keep bool) {
	return true, false, true
}

func (b *fakeBroker) options() Options {
	return Options{
		Server: "tcp://" + b.listener.Addr().String(), ClientID: "GW-0317", AllowPlaintext: true,
		ConnectTimeout: 20 * time.Second,
	}
}

func dialer(t *testing.T, o Options) *Dialer {
	t.Helper()
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func dial(t *testing.T, d *Dialer, o link.Opening) link.Link {
	t.Helper()
	l, err := d.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// settle waits until no more goroutines run than before.
func settle(t *testing.T, before int) {
	t.Helper()
	tick, guard := time.NewTicker(5*time.Millisecond), time.NewTimer(20*time.Second)
	defer tick.Stop()
	defer guard.Stop()
	for runtime.NumGoroutine() > before {
		select {
		case <-tick.C:
		case <-guard.C:
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, want at most %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// wait fails the test when ch is not closed in time.
func wait(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s did not happen", what)
	}
}
