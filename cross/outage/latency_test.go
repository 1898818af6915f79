//go:build broker

package outage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	latencyRounds  = 40 // alarms measured idle, and again while readings drain
	latencyBacklog = 200_000
	latencyRest    = 27 * time.Millisecond // between steps, so that none waits for the one before
	debounce       = 5 * time.Millisecond  // as configured below; it is the detector's time, not ours
)

// TestSmokeToBroker measures how long a smoke contact takes to the far side of a
// real broker, idle and while a backlog drains, against what the same run needs
// for one fsync and one confirmed message. Times are printed; what is judged is
// that every alarm arrives, once and in order, and every reading of the backlog.
// The long form writes the figures down.
func TestSmokeToBroker(t *testing.T) {
	begun := time.Now()
	rounds := latencyRounds * longForm(t)
	broker := newMosquitto(t)
	sync, trip := fsyncTime(t), roundTrip(t, broker)
	limit := max(at(sync, 50), at(trip, 50))
	t.Logf("this machine: fsync p50 %v, confirmed message p50 %v", at(sync, 50), at(trip, 50))

	idle, _ := smokeToBroker(t, broker, "IDLE", 0, rounds)
	var busy []time.Duration
	var rates []float64
	for drain := 0; len(busy) < rounds; drain++ {
		if drain == rounds { // no alarm fell into some of them
			t.Fatalf("%d drains held %d of %d alarms", drain, len(busy), rounds)
		}
		times, rate := smokeToBroker(t, broker, fmt.Sprintf("BUSY%d", drain), latencyBacklog, rounds-len(busy))
		busy, rates = append(busy, times...), append(rates, rate)
	}
	slices.Sort(idle)
	slices.Sort(busy)
	slices.Sort(rates)
	f := figures{
		Alarms: rounds, Load: load(t), Idle: percentiles(idle, limit), Draining: percentiles(busy, limit),
		FsyncMS: milliseconds(at(sync, 50)), ConfirmedMS: milliseconds(at(trip, 50)),
		Drains: len(rates), ReadingsPerSecond: int(rates[len(rates)/2]),
	}
	f.P50Ratio, f.P99Ratio = round2(f.Draining.P50/f.Idle.P50), round2(f.Draining.P99/f.Idle.P99)
	for name, p := range map[string]spread{"idle": f.Idle, "draining": f.Draining} {
		t.Logf("%-8s contact to broker, ms, without the debounce of %v: p50 %.2f (%.1f times the slower of the two), p99 %.2f, max %.2f",
			name, debounce, p.P50, p.P50Limits, p.P99, p.Max)
	}
	t.Logf("draining to idle: p50 %.1f times, p99 %.1f times; %d drains of %d readings, median %d readings/s",
		f.P50Ratio, f.P99Ratio, f.Drains, latencyBacklog, f.ReadingsPerSecond)
	if file := os.Getenv("WATCHPOST_MEASURED_LATENCY"); file != "" {
		f.Seconds = int(time.Since(begun).Seconds())
		writeFigures(t, file, "make test-broker-long: smoke contact to a subscriber behind Mosquitto, idle and while readings drain", "figures", f)
	}
}

// smokeToBroker lets a contact act again and again, with a backlog only while it
// drains, and returns how long each alarm took and how many readings a second
// the backlog drained.
func smokeToBroker(t *testing.T, broker *mosquitto, id string, backlog, rounds int) (times []time.Duration, rate float64) {
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
	// Two subscribers: with one, the broker would hold an alarm back until the
	// readings before it are acknowledged, and that would be measured.
	heard := make(chan string, rounds)
	alarms := connected(t, broker, "alarms-"+id)
	defer alarms.Disconnect(100)
	wait(t, alarms.Subscribe("watchpost/v1/GW-"+id+"/alarms", 1, func(_ mqtt.Client, m mqtt.Message) { heard <- string(m.Payload()) }))
	drain := &drain{more: make(chan struct{}, 1)}
	readings := connected(t, broker, "readings-"+id)
	defer readings.Disconnect(100)
	wait(t, readings.Subscribe("watchpost/v1/GW-"+id+"/readings", 1, func(_ mqtt.Client, m mqtt.Message) { drain.take(m.Payload()) }))

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
	drain.await(t)
	for len(times) < rounds {
		if backlog > 0 && !drain.goesOn(backlog) {
			break
		}
		for _, step := range []struct {
			level gpio.Level
			state record.AlarmState
		}{{gpio.Low, record.Raised}, {gpio.High, record.Cleared}} {
			acted := time.Now()
			smoke.Set(step.level)
			select {
			case alarm := <-heard:
				if step.state == record.Raised {
					times = append(times, max(0, time.Since(acted)-debounce))
				}
				if !strings.Contains(alarm, fmt.Sprintf(`"state":%q`, step.state)) {
					t.Errorf("%s: want an alarm that is %s, got %s", id, step.state, alarm)
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("%s: no alarm at the broker", id)
			}
			pause(latencyRest)
		}
	}
	for drain.goesOn(backlog) {
		drain.await(t)
	}
	select {
	case extra := <-heard:
		t.Errorf("%s: an alarm nobody caused: %s", id, extra)
	default:
	}
	return times, drain.rate()
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
