package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"watchpost/agent/link"
)

func batchOf(n int) []link.Message {
	batch := make([]link.Message, n)
	for i := range batch {
		batch[i] = link.Message{Topic: "readings", Payload: fmt.Appendf(nil, "%05d", i)}
	}
	return batch
}

// deliver sends everything with a window of 16, always from the first
// unconfirmed message, and counts the confirmations of messages that the broker
// did not have. It stops at the first one if asked to.
func deliver(t *testing.T, dial func() (link.Link, error), b *fakeBroker, all []link.Message, stopAtFirst bool) (unfounded int) {
	t.Helper()
	for next := 0; next < len(all); {
		l, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		for err == nil && next < len(all) {
			var n int
			n, err = l.Send(t.Context(), all[next:min(next+16, len(all))])
			for _, m := range all[next : next+n] {
				if !b.has(string(m.Payload)) {
					unfounded++
				}
			}
			next += n
			if unfounded > 0 && stopAtFirst {
				l.Close()
				return unfounded
			}
		}
		l.Close()
	}
	return unfounded
}

func TestFlakyBroker(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			b := startFake(t, &fakeBroker{publish: flaky(seed, 0.02, 0.02)})
			d := dialer(t, b.options())
			all := batchOf(2000)
			unfounded := deliver(t, func() (link.Link, error) { return d.Dial(t.Context(), link.Opening{}) }, b, all, false)
			if unfounded != 0 {
				t.Errorf("%d messages were confirmed that the broker did not have", unfounded)
			}
			if len(b.order) != len(all) || !slices.IsSorted(b.order) {
				t.Errorf("%d messages arrived, in order: %t; want %d in order", len(b.order), slices.IsSorted(b.order), len(all))
			}
			if d.Stats().Connections < 20 {
				t.Errorf("%d connections: the broker was not flaky", d.Stats().Connections)
			}
		})
	}
}

func TestDeafBrokerIsNoticedByWriteTimeout(t *testing.T) {
	b := startFake(t, &fakeBroker{deaf: true})
	before := runtime.NumGoroutine()
	o := b.options()
	o.WriteTimeout, o.AckTimeout = time.Second, time.Hour
	l := dial(t, dialer(t, o), link.Opening{})
	batch := batchOf(16)
	for i := range batch {
		batch[i].Payload = make([]byte, 2<<20) // more than the kernel buffers
	}
	n, err := l.Send(t.Context(), batch)
	if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Send = %d, %v; want 0 and a write timeout", n, err)
	}
	wait(t, l.Done(), "the end of the connection")
	l.Close()
	settle(t, before+2) // the broker's own two
}

func TestSilentBrokerIsNoticedByAckTimeout(t *testing.T) {
	b := startFake(t, &fakeBroker{publish: answerNone})
	o := b.options()
	o.AckTimeout = 50 * time.Millisecond
	l := dial(t, dialer(t, o), link.Opening{})
	n, err := l.Send(t.Context(), batchOf(3))
	if n != 0 || err == nil || !strings.Contains(err.Error(), "no confirmation within 50ms") {
		t.Errorf("Send = %d, %v; want 0 and no confirmation", n, err)
	}
	wait(t, l.Done(), "the end of the connection")
	if l.Err() == nil {
		t.Error("Err = nil after a failure")
	}
	if n, err := l.Send(t.Context(), batchOf(1)); n != 0 || err == nil {
		t.Errorf("Send on a lost link = %d, %v; want an error", n, err)
	}
}

func TestSendCountsThePrefix(t *testing.T) {
	t.Parallel()
	b := startFake(t, &fakeBroker{publish: func(p *packets.PublishPacket) (take, answer, keep bool) {
		return true, string(p.Payload) != "00002", true // the third is not answered, those behind it are
	}})
	o := b.options()
	o.AckTimeout = 2 * time.Second // within which the first two must be answered
	l := dial(t, dialer(t, o), link.Opening{})
	if n, err := l.Send(t.Context(), batchOf(6)); n != 2 || err == nil {
		t.Errorf("Send = %d, %v; want 2 and an error", n, err)
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	b := startFake(t, &fakeBroker{publish: answerNone})
	l := dial(t, dialer(t, b.options()), link.Opening{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := l.Send(ctx, batchOf(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context canceled", err)
	}
	wait(t, l.Done(), "the end of the connection")
}

func TestDialEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	before := runtime.NumGoroutine()
	d := dialer(t, Options{Server: "tcp://" + silent.Addr().String(), ClientID: "a", AllowPlaintext: true})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := d.Dial(ctx, link.Opening{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context canceled", err)
	}
	settle(t, before)

	d = dialer(t, Options{Server: "tcp://" + silent.Addr().String(), ClientID: "a", AllowPlaintext: true, ConnectTimeout: 50 * time.Millisecond})
	if _, err := d.Dial(t.Context(), link.Opening{}); err == nil || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("error %v, want no answer within 50ms", err)
	}
	settle(t, before)
}

func TestRefusals(t *testing.T) {
	for code, refused := range map[byte]bool{1: true, 2: true, 3: false, 4: true, 5: true} {
		b := startFake(t, &fakeBroker{connack: code})
		_, err := dialer(t, b.options()).Dial(t.Context(), link.Opening{})
		if err == nil || errors.Is(err, link.ErrRefused) != refused {
			t.Errorf("code %d: error %v, want refused %t", code, err, refused)
		}
	}
	b := startFake(t, &fakeBroker{suback: 0x80})
	_, err := dialer(t, b.options()).Dial(t.Context(), link.Opening{Subscribe: []string{"commands"}})
	if !errors.Is(err, link.ErrRefused) || !strings.Contains(err.Error(), "commands") {
		t.Errorf("error %v, want a refused subscription to commands", err)
	}
}

func TestSecondClientIsHintedAt(t *testing.T) {
	b := startFake(t, &fakeBroker{kick: true})
	d := dialer(t, b.options())
	for i := range 4 {
		l, err := d.Dial(t.Context(), link.Opening{})
		if err == nil { // the end is sometimes seen only after Dial
			wait(t, l.Done(), "the end of the connection")
			err = l.Err()
			l.Close()
		}
		if hinted := strings.Contains(err.Error(), "another client with the same id"); hinted != (i >= 2) || errors.Is(err, link.ErrContested) != hinted {
			t.Errorf("connection %d: %v; hint wanted: %t", i+1, err, i >= 2)
		}
	}
}

func TestThousandConnectionsLeaveNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("connections", func(t *testing.T) {
		good := startFake(t, &fakeBroker{publish: answerAll})
		silent := startFake(t, &fakeBroker{publish: answerNone})
		drops := startFake(t, &fakeBroker{publish: flaky(1, 1, 0)})
		refuses := startFake(t, &fakeBroker{connack: 5})
		var dialers []*Dialer
		for _, b := range []*fakeBroker{good, silent, drops, refuses} {
			o := b.options()
			o.AckTimeout = time.Millisecond
			if b != silent {
				o.AckTimeout = 20 * time.Second
			}
			dialers = append(dialers, dialer(t, o))
		}
		for i := range 1000 {
			l, err := dialers[i%4].Dial(t.Context(), link.Opening{})
			if err != nil {
				if i%4 != 3 {
					t.Fatal(err)
				}
				continue
			}
			if n, err := l.Send(t.Context(), batchOf(2)); (err == nil) != (i%4 == 0) {
				t.Fatalf("connection %d: Send = %d, %v", i, n, err)
			}
			l.Close()
		}
	})
	settle(t, before)
}
