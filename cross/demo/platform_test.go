//go:build demo

package demo

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// cardNumber is the number of one of the story's cards, as the driver has it.
var cardNumber = regexp.MustCompile(`\b21/(31337|2718)\b`)

// position names a record within a lane.
type position struct {
	Run string `json:"run"`
	Seq uint64 `json:"seq"`
}

// arrival is one record as the subscriber got it.
type arrival struct {
	lane   string
	at     position
	prev   *position // for later readings of a message: the one before
	sensor string
	kind   string
	level  string
	state  string
	value  *json.Number
	card   string // pseudonym
	visit  int    // how often the subscriber had connected
}

// platform is a subscriber at the demo's broker that comes back at once when the
// broker does.
type platform struct {
	t       *testing.T
	address string

	mu       sync.Mutex
	arrivals []arrival
	visits   int
	late     bool // the gateway was at a fresh broker first: messages may be missed
}

// subscribe receives until the test ends.
func subscribe(t *testing.T, address string) *platform {
	t.Helper()
	p := &platform{t: t, address: address}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			p.visit(ctx)
			pause(2 * time.Millisecond)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return p
}

// visit is one connection, from its beginning to its end.
func (p *platform) visit(ctx context.Context) {
	lost := make(chan struct{})
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + p.address).SetClientID("onlooker").
		SetAutoReconnect(false).SetConnectRetry(false).SetProtocolVersion(4).SetConnectTimeout(hang).
		SetConnectionLostHandler(func(mqtt.Client, error) { close(lost) }))
	if token := client.Connect(); !token.WaitTimeout(hang) || token.Error() != nil {
		return
	}
	defer client.Disconnect(50)
	p.mu.Lock()
	p.visits++
	p.mu.Unlock()
	token := client.Subscribe("watchpost/v1/#", 1, p.receive)
	if !token.WaitTimeout(hang) || token.Error() != nil {
		return
	}
	select {
	case <-lost:
	case <-ctx.Done():
	}
}

func (p *platform) receive(_ mqtt.Client, m mqtt.Message) {
	var body struct {
		position
		Prev   *position    `json:"prev"`
		Sensor string       `json:"sensor"`
		Kind   string       `json:"kind"`
		Level  string       `json:"level"`
		State  string       `json:"state"`
		Value  *json.Number `json:"value"`
		Card   struct {
			Pseudonym string `json:"pseudonym"`
		} `json:"card"`
		Readings []struct {
			Seq    uint64       `json:"seq"`
			Sensor string       `json:"sensor"`
			Value  *json.Number `json:"value"`
		} `json:"readings"`
	}
	class := m.Topic()[strings.LastIndex(m.Topic(), "/")+1:]
	if err := json.Unmarshal(m.Payload(), &body); err != nil {
		p.t.Errorf("payload on %s: %v", m.Topic(), err)
		return
	}
	if number := cardNumber.Find(m.Payload()); number != nil {
		p.t.Errorf("payload on %s has the number of a card, %s", m.Topic(), number)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch class {
	case "alarms", "events":
		p.arrivals = append(p.arrivals, arrival{lane: class, at: body.position, prev: body.Prev,
			sensor: body.Sensor, kind: body.Kind, level: body.Level, state: body.State, card: body.Card.Pseudonym, visit: p.visits})
	case "readings":
		prev := body.Prev
		for _, r := range body.Readings {
			at := position{body.Run, r.Seq}
			p.arrivals = append(p.arrivals, arrival{lane: class, at: at, prev: prev, sensor: r.Sensor, value: r.Value, visit: p.visits})
			prev = &at
		}
	case "state":
		// The demo's broker begins empty. A statement it had kept was made before
		// this subscriber came.
		p.late = p.late || m.Retained()
	}
}

func (p *platform) seen() (all []arrival, late bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]arrival(nil), p.arrivals...), p.late
}
