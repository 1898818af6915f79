package httpsend

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/packets"

	"watchpost/agent/desk/mochinet"
	"watchpost/agent/forward"
	"watchpost/agent/link"
	"watchpost/agent/link/mqtt"
	"watchpost/buffer"
)

// city is a platform with both ways in and one ledger: what came, in the order it
// came.
type city struct {
	mochi.HookBase
	valve *valve
	inlet *inlet
	lies  bool // its HTTPS confirms what it throws away

	mu      sync.Mutex
	arrived []string // "way lane prev seq"
}

func (*city) ID() string { return "city" }

func (*city) Provides(b byte) bool { return b == mochi.OnPublished }

func (c *city) OnPublished(_ *mochi.Client, p packets.Packet) { c.take("mqtt", string(p.Payload)) }

func (c *city) take(way, body string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arrived = append(c.arrived, way+" "+body)
}

func newCity(t *testing.T) *city {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &city{}
	broker := mochi.New(&mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)})
	for _, err := range []error{
		broker.AddHook(new(auth.AllowHook), nil), broker.AddHook(c, nil),
		mochinet.Listen(broker, l), broker.Serve(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { broker.Close() })
	c.valve = newValve(t, l.Addr().String())
	c.inlet = newInlet(t, func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		if c.lies {
			w.WriteHeader(http.StatusNoContent)
		}
		return c.lies
	})
	c.inlet.took = func(body string) { c.take("https", body) }
	return c
}

// ledger sorts what came into first arrivals per lane and doubles, and says what
// is wrong with it; want is the last seq of each lane.
func (c *city) ledger(want [3]uint64) (byHTTPS, doubles int, flaws []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first, last := map[string]string{}, map[string]uint64{}
	for _, a := range c.arrived {
		var way, lane string
		var prev, seq uint64
		if n, _ := fmt.Sscan(a, &way, &lane, &prev, &seq); n != 4 {
			flaws = append(flaws, "unreadable: "+a)
			continue
		}
		if way == "https" {
			byHTTPS++
		}
		_, body, _ := strings.Cut(a, " ")
		id := fmt.Sprint(lane, " ", seq)
		switch was, double := first[id]; {
		case !double && seq != last[lane]+1:
			flaws = append(flaws, fmt.Sprintf("%s after %d", id, last[lane]))
			fallthrough
		case !double:
			first[id], last[lane] = body, seq
		case was != body:
			flaws = append(flaws, fmt.Sprintf("double of %s is %q, was %q", id, body, was))
			fallthrough
		default:
			doubles++
		}
	}
	for _, lane := range []buffer.Lane{buffer.Alarms, buffer.Events, buffer.Readings} {
		if last[lane.String()] != want[lane] {
			flaws = append(flaws, fmt.Sprintf("%v end at %d, want %d", lane, last[lane.String()], want[lane]))
		}
	}
	return byHTTPS, doubles, flaws
}

// valve is the network between gateway and broker. While it is shut, what is on
// the way stays there, and comes out when it is opened: the worst of networks.
type valve struct {
	address string
	mu      sync.Mutex
	opened  chan struct{} // closed while open
	ended   chan struct{}
	all     sync.WaitGroup
}

func newValve(t *testing.T, to string) *valve {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &valve{address: l.Addr().String(), opened: make(chan struct{}), ended: make(chan struct{})}
	close(v.opened)
	v.all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			v.all.Go(func() { v.copy(far, near) })
			v.all.Go(func() { v.copy(near, far) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		close(v.ended)
		v.all.Wait()
	})
	return v
}

func (v *valve) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	stop := context.AfterFunc(endOf(v.ended), func() { from.Close() })
	defer stop()
	chunk := make([]byte, 4096)
	for {
		n, err := from.Read(chunk)
		v.mu.Lock()
		opened := v.opened
		v.mu.Unlock()
		select {
		case <-opened:
		case <-v.ended:
			return
		}
		if _, failed := to.Write(chunk[:n]); err != nil || failed != nil {
			return
		}
	}
}

func endOf(done <-chan struct{}) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-done; cancel() }()
	return ctx
}

func (v *valve) shut() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.opened = make(chan struct{})
}

func (v *valve) open() {
	v.mu.Lock()
	defer v.mu.Unlock()
	close(v.opened)
}

// plain makes a message of each record: "lane prev seq".
type plain struct{}

func (plain) Encode(lane buffer.Lane, prev buffer.Position, entries []buffer.Entry) (link.Message, int, error) {
	return link.Message{Topic: lane.String(), Payload: fmt.Appendf(nil, "%v %d %d", lane, prev.Seq, entries[0].Position.Seq)}, 1, nil
}

// gatewayTo runs a store and a Forwarder with both ways to the city.
func gatewayTo(t *testing.T, c *city) (*buffer.Buffer, <-chan forward.State, func()) {
	t.Helper()
	b, err := buffer.Open(buffer.Options{Dir: t.TempDir(), Platforms: []string{"city"}})
	if err != nil {
		t.Fatal(err)
	}
	<-b.Ready()
	first, err := mqtt.New(mqtt.Options{
		Server: "tcp://" + c.valve.address, ClientID: "gw", AllowPlaintext: true,
		ConnectTimeout: 300 * time.Millisecond, AckTimeout: 300 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	second, _ := client(t, c.inlet, nil)
	states := make(chan forward.State, 10000)
	f, err := forward.New(forward.Options{
		Platform: "city", Source: b, Dialer: first, Second: second, SecondAfter: 500 * time.Millisecond, Encoder: plain{},
		BackoffMin: 20 * time.Millisecond, BackoffMax: 100 * time.Millisecond, Goodbye: 100 * time.Millisecond,
		OnState: func(s forward.State) { states <- s },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	return b, states, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		b.Close()
	}
}

func until(t *testing.T, states <-chan forward.State, what string, holds func(forward.State) bool) {
	t.Helper()
	guard := time.After(hangGuard)
	for {
		select {
		case s := <-states:
			if holds(s) {
				return
			}
		case <-guard:
			t.Fatalf("waited %v for %s", hangGuard, what)
		}
	}
}

func byMQTT(s forward.State) bool  { return s.Connected && !s.Second }
func byHTTPS(s forward.State) bool { return !s.Connected && s.Second }

// feed appends records at a steady pace until stop is called, which returns the
// last seq of each lane.
func feed(t *testing.T, b *buffer.Buffer) (stop func() [3]uint64) {
	t.Helper()
	quit, done := make(chan struct{}), make(chan [3]uint64)
	go func() {
		var last [3]uint64
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for n := 1; ; n++ {
			lane := buffer.Readings
			switch {
			case n%50 == 0:
				lane = buffer.Alarms
			case n%10 == 0:
				lane = buffer.Events
			}
			p, err := b.Append(lane, binary.BigEndian.AppendUint64(nil, uint64(n)))
			if err != nil {
				t.Error(err)
			}
			last[lane] = p.Seq
			select {
			case <-tick.C:
			case <-quit:
				done <- last
				return
			}
		}
	}()
	return func() [3]uint64 { close(quit); return <-done }
}

func settle(t *testing.T, b *buffer.Buffer, want [3]uint64) {
	t.Helper()
	guard := time.After(hangGuard)
	for lane, seq := range want {
		for b.Cursor("city", buffer.Lane(lane)).Seq < seq {
			select {
			case <-guard:
				t.Fatalf("%v: cursor %d, want %d", buffer.Lane(lane), b.Cursor("city", buffer.Lane(lane)).Seq, seq)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
}

// TestSecondWayOverRealPeers shuts the network to a real broker twice in
// the middle of the traffic, with a real TLS server as second way.
func TestSecondWayOverRealPeers(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("run", func(t *testing.T) {
		c := newCity(t)
		b, states, end := gatewayTo(t, c)
		stop := feed(t, b)
		until(t, states, "MQTT", byMQTT)
		for range 2 {
			<-time.After(200 * time.Millisecond) // of traffic
			c.valve.shut()
			until(t, states, "HTTPS", byHTTPS)
			<-time.After(200 * time.Millisecond)
			c.valve.open()
			until(t, states, "MQTT again", byMQTT)
		}
		want := stop()
		settle(t, b, want)
		end()
		https, doubles, flaws := c.ledger(want)
		if sum := int(want[0] + want[1] + want[2]); len(flaws) > 0 || https < 20 || https > sum-20 {
			t.Errorf("%d of %d by HTTPS; %v", https, sum, flaws)
		}
		t.Logf("%v records, %d messages by HTTPS, %d doubles", want, https, doubles)
	})
	http.DefaultClient.CloseIdleConnections()
	guard := time.After(hangGuard)
	for runtime.NumGoroutine() > before {
		select {
		case <-guard:
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestLyingInletIsSeen is the negative control: an inlet that confirms what it
// throws away makes the ledger incomplete.
func TestLyingInletIsSeen(t *testing.T) {
	c := newCity(t)
	c.lies = true
	c.valve.shut()
	b, states, end := gatewayTo(t, c)
	stop := feed(t, b)
	until(t, states, "HTTPS", byHTTPS)
	c.valve.open()
	until(t, states, "MQTT", byMQTT)
	want := stop()
	settle(t, b, want)
	end()
	if _, _, flaws := c.ledger(want); len(flaws) == 0 {
		t.Error("nothing is missing, although the inlet threw away what it confirmed")
	}
}
