//go:build broker

package outage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"

	"watchpost/agent/clock"
	"watchpost/agent/gateway"
	"watchpost/agent/record"
	"watchpost/buffer"
	"watchpost/configs"
	"watchpost/drivers"
	"watchpost/drivers/sim"
)

const (
	latencyRounds  = 20
	latencyBacklog = 200_000
	debounce       = 5 * time.Millisecond // as configured below; it is the detector's time, not ours
)

// TestSmokeToBroker measures how long a smoke contact takes to the far side of a
// real broker, idle and while a backlog drains, against what the same run needs
// for one fsync and one confirmed message. Times are printed; what is judged is
// that every alarm arrives, once.
func TestSmokeToBroker(t *testing.T) {
	broker := newMosquitto(t)
	sync, trip := fsyncTime(t), roundTrip(t, broker)
	limit := max(middle(sync), middle(trip))
	t.Logf("this machine: fsync p50 %v, confirmed message p50 %v", middle(sync), middle(trip))
	idle := smokeToBroker(t, broker, "IDLE", 0)
	busy := smokeToBroker(t, broker, "BUSY", latencyBacklog)
	for name, times := range map[string][]time.Duration{"idle": idle, "draining": busy} {
		t.Logf("%-8s contact to broker without the debounce of %v: p50 %v (%.1f times the slower of the two), worst %v",
			name, debounce, middle(times), float64(middle(times))/float64(limit), times[len(times)-1])
	}
	t.Logf("worst while %d readings drain: %.1f times the worst when idle", latencyBacklog, float64(busy[len(busy)-1])/float64(idle[len(idle)-1]))
}

func middle(sorted []time.Duration) time.Duration { return sorted[len(sorted)/2] }

// smokeToBroker lets a contact act again and again and returns how long each
// alarm took, sorted.
func smokeToBroker(t *testing.T, broker *mosquitto, id string, backlog int) (times []time.Duration) {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir, backlog)
	board := sim.NewBoard()
	smoke := board.Line(smokeLine)
	smoke.Set(gpio.High)
	cfg, problems := configs.Parse("latency.yaml", fmt.Appendf(nil, `
version: 1
gateway: {id: GW-%s}
data: %q
page: {listen: "off"}
platforms: [{id: city, server: "tcp://%s", allow_plaintext: true}]
sensors: [{id: smoke, driver: contact, line: %q, measures: smoke, debounce: %s, sample: 1s, alarm: {level: red, latch: false}}]
`, id, dir, broker.address(), smokeLine, debounce), gateway.Catalogue{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, latencyRounds)
	listener := connected(t, broker, "listener-"+id)
	defer listener.Disconnect(100)
	wait(t, listener.Subscribe("watchpost/v1/GW-"+id+"/alarms", 1, func(_ mqtt.Client, m mqtt.Message) { heard <- string(m.Payload()) }))
	readings := make(chan struct{}, 1)
	wait(t, listener.Subscribe("watchpost/v1/GW-"+id+"/readings", 0, func(mqtt.Client, mqtt.Message) {
		select {
		case readings <- struct{}{}:
		default:
		}
	}))

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- gateway.Run(ctx, cfg, gateway.Options{Host: board, Reconnect: time.Second})
	}()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("agent ended with %v", err)
		}
	}()
	next := func(what string, from <-chan struct{}) {
		t.Helper()
		select {
		case <-from:
		case <-time.After(60 * time.Second):
			t.Fatalf("waited for %s", what)
		}
	}
	next("the first readings", readings)
	for range latencyRounds {
		if backlog > 0 {
			next("readings to drain meanwhile", readings)
		}
		for _, level := range []gpio.Level{gpio.Low, gpio.High} { // raised, cleared
			acted := time.Now()
			smoke.Set(level)
			select {
			case <-heard:
			case <-time.After(30 * time.Second):
				t.Fatalf("%s: no alarm at the broker", id)
			}
			if level == gpio.Low {
				times = append(times, max(0, time.Since(acted)-debounce))
			}
		}
	}
	select {
	case extra := <-heard:
		t.Errorf("%s: an alarm nobody caused: %s", id, extra)
	default:
	}
	slices.Sort(times)
	return times
}

// fill leaves n readings in a store, as a long outage does.
func fill(t *testing.T, dir string, n int) {
	t.Helper()
	if n == 0 {
		return
	}
	store, err := buffer.Open(buffer.Options{Dir: dir, Platforms: []string{"city"}, CommitEvery: 100 * time.Millisecond, MaxBytes: 64 << 20,
		Doctor: buffer.InProcess{}, EncodeLoss: func(buffer.Loss) []byte { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	<-store.Ready()
	for i := range n {
		r := record.Reading{Sensor: "pit", Obs: uint64(i), At: clock.Stamp{Boot: clock.BootID{1}, Offset: time.Duration(i) * time.Second},
			Reading: drivers.NewGood(drivers.Level, drivers.Decimal{Coefficient: int64(i % 5000), Scale: 3}, drivers.Metre)}
		if _, err := store.Append(buffer.Readings, record.EncodeReading(r)); err != nil {
			t.Fatal(err)
		}
		for i%1000 == 0 && store.Stats().Pending > 5000 {
			pause(time.Millisecond)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

func connected(t *testing.T, broker *mosquitto, id string) mqtt.Client {
	t.Helper()
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + broker.address()).SetClientID(id).SetAutoReconnect(false))
	wait(t, client.Connect())
	return client
}

func wait(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(30*time.Second) || token.Error() != nil {
		t.Fatalf("broker: %v", token.Error())
	}
}

// roundTrip is how long the broker takes to confirm a message.
func roundTrip(t *testing.T, broker *mosquitto) (times []time.Duration) {
	t.Helper()
	client := connected(t, broker, "trip")
	defer client.Disconnect(100)
	for range 50 {
		start := time.Now()
		wait(t, client.Publish("trip", 1, false, make([]byte, 400)))
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times
}

// fsyncTime is how long a small write takes to be durable.
func fsyncTime(t *testing.T) (times []time.Duration) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "probe"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	page := make([]byte, 4096)
	for range 50 {
		start := time.Now()
		if _, err := file.WriteAt(page, 0); err != nil {
			t.Fatal(err)
		}
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	return times
}
