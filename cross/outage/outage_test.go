//go:build broker

// Package outage plays the worst day of a gateway against Debian's Mosquitto:
// 200 readings a second, the broker gone for 20 seconds and the agent killed
// twice in the middle, and then compares what a subscriber received with a
// ledger of what the simulated chips handed out.
package outage

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"watchpost/agent/record"
	"watchpost/buffer"
)

// The day, in seconds from its start.
const (
	brokerDown   = 5 * time.Second
	firstKill    = 11 * time.Second
	secondKill   = 19 * time.Second
	brokerUp     = 25 * time.Second
	contactsRest = 33 * time.Second
	deadFor      = 500 * time.Millisecond
	changeEvery  = 700 * time.Millisecond
	commitEvery  = 2 * time.Second
	// hold is how long before a kill a contact is left alone, so that the ledger
	// knows what the agent must have seen.
	hold = time.Second
	// wake is what a new life gets before a contact moves: its first state, and
	// what it finds in its notes, must be what the ledger thinks.
	wake = 3 * time.Second
)

// TestOutageWithKills plays the day once; the long form plays it again and again
// with the kills at other moments and writes down what it measured.
func TestOutageWithKills(t *testing.T) {
	rounds := longForm(t)
	var measured []result
	for round := range rounds {
		t.Run(fmt.Sprintf("round %d", round+1), func(t *testing.T) {
			// The first round is always the same; the seed of the others is their
			// number.
			kills := []time.Duration{firstKill, secondKill}
			if round > 0 {
				random := rand.New(rand.NewPCG(uint64(round), 0))
				kills[0] = brokerDown + time.Second + time.Duration(random.Int64N(int64(6*time.Second)))
				kills[1] = kills[0] + 4*time.Second + time.Duration(random.Int64N(int64(4*time.Second)))
			}
			measured = append(measured, play(t, kills))
		})
	}
	if name := os.Getenv("WATCHPOST_MEASURED"); name != "" {
		writeFigures(t, name, "make test-broker-long: Mosquitto down 20 s, agent killed twice with SIGKILL, 200 readings/s", "rounds", measured)
	}
}

// play is one day.
func play(t *testing.T, kills []time.Duration) result {
	broker := newMosquitto(t)
	city := &platform{t: t, address: broker.address()}
	ctx, cancel := context.WithCancel(t.Context())
	ready := make(chan struct{})
	var subscriber sync.WaitGroup
	subscriber.Go(func() { city.subscribe(ctx, ready) })
	defer subscriber.Wait()
	defer cancel()
	<-ready

	dir := t.TempDir()
	a := &agent{t: t, config: writeConfig(t, dir, broker.address()), ledger: filepath.Join(dir, "ledger"), door: "closed", smoke: "normal"}
	start := time.Now()
	at := func(d time.Duration) { pause(time.Until(start.Add(d))) }
	a.start()

	a.changeUntil(start.Add(brokerDown))
	t.Logf("%5.1f s  broker down", time.Since(start).Seconds())
	broker.stop()
	for _, kill := range kills {
		a.changeUntil(start.Add(kill - hold))
		at(kill)
		a.kill()
		t.Logf("%5.1f s  agent killed", time.Since(start).Seconds())
		pause(deadFor)
		a.start()
	}
	a.changeUntil(start.Add(brokerUp))
	broker.start()
	t.Logf("%5.1f s  broker up", time.Since(start).Seconds())
	a.changeUntil(start.Add(contactsRest))
	caughtUp(t, city)
	t.Logf("%5.1f s  caught up: %d records", time.Since(start).Seconds(), city.count())
	a.end()
	quiet(t, broker, city)

	j := judge{
		t: t, ledger: readLedger(t, a.ledger), contacts: a.changes, kills: a.kills,
		arrivals: city.all(), held: held(t, filepath.Join(dir, "data")),
	}
	j.contactsAreComplete()
	j.readingsAreTrueAndBounded()
	j.orderAndPrev()
	j.runsAreAnnounced(3)
	return j.result
}

// result is what one day measured.
type result struct {
	Contacts          int     `json:"contact_changes"`
	ReadingsSampled   int     `json:"readings_sampled"`
	ReadingsArrived   int     `json:"readings_arrived"`
	ReadingsKept      int     `json:"readings_kept_for_next_run"`
	Doubles           int     `json:"doubles"`
	ReadingsLost      []int64 `json:"readings_lost_per_kill"`
	OldestLostMS      []int64 `json:"oldest_lost_ms_before_kill"`
	StatedBoundMS     int64   `json:"stated_bound_ms"`
	AlarmsEventsLost  int     `json:"alarms_and_events_lost"`
	UnexplainedGaps   int     `json:"unexplained_gaps"`
	OutOfOrder        int     `json:"out_of_order"`
	UnknownPrevCounts int     `json:"prev_never_arrived"`
}

// look is longer than readings wait for company, perLook what is sampled then.
const (
	look    = 2 * time.Second
	perLook = levelSensors * 10 * 2
)

// caughtUp waits until records arrive no faster than they are sampled.
func caughtUp(t *testing.T, city *platform) {
	t.Helper()
	guard := time.Now().Add(5 * time.Minute)
	last := city.count()
	for steady := 0; steady < 2; {
		pause(look)
		n := city.count()
		if n > last && n-last < perLook*3/2 {
			steady++
		} else {
			steady = 0
		}
		last = n
		if time.Now().After(guard) {
			t.Fatalf("the backlog was not sent in time: %d records arrived", n)
		}
	}
}

// quiet waits until all that the broker has of the agent is here: a mark that is
// published after the agent's end comes behind it.
func quiet(t *testing.T, broker *mosquitto, city *platform) {
	t.Helper()
	client := connected(t, broker, "mark")
	defer client.Disconnect(100)
	wait(t, client.Publish("watchpost/v1/GW-TEST/mark", 1, false, "{}"))
	for guard := time.Now().Add(2 * time.Minute); !city.isMarked(); pause(20 * time.Millisecond) {
		if time.Now().After(guard) {
			t.Fatalf("the mark did not come, only %d records", city.count())
		}
	}
}

// held reads what the ended agent kept for its next run.
func held(t *testing.T, dir string) (readings []record.Reading) {
	t.Helper()
	b, err := buffer.Open(buffer.Options{Dir: dir, Platforms: []string{"city"}})
	if err != nil {
		t.Fatal(err)
	}
	<-b.Ready()
	after := b.Cursor("city", buffer.Readings)
	for {
		entries, err := b.Next("city", buffer.Readings, after, 1000, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			r, err := record.DecodeReading(e.Record)
			if err != nil {
				t.Fatal(err)
			}
			readings = append(readings, r)
			after = e.Position
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return readings
}

// agent is the process under test and what was done to its contacts.
type agent struct {
	t              *testing.T
	config, ledger string
	door, smoke    string
	lives          int
	cmd            *exec.Cmd
	orders         io.WriteCloser
	changes        []change
	kills          []int64 // since boot, ns
}

// change is one contact moved by the test.
type change struct{ sensor, state string }

func (a *agent) start() {
	a.t.Helper()
	a.cmd = exec.Command(os.Args[0])
	a.cmd.Env = append(os.Environ(), envConfig+"="+a.config, envLedger+"="+a.ledger,
		envFirst+"="+strconv.Itoa(a.lives*5000), envDoor+"="+a.door, envSmoke+"="+a.smoke)
	a.cmd.Stderr = os.Stderr
	var err error
	if a.orders, err = a.cmd.StdinPipe(); err != nil {
		a.t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { a.cmd.Process.Kill() })
	a.lives++
	pause(wake)
}

func (a *agent) kill() {
	a.kills = append(a.kills, sinceBoot())
	a.cmd.Process.Kill()
	a.cmd.Wait()
}

func (a *agent) end() {
	a.cmd.Process.Signal(syscall.SIGTERM)
	if err := a.cmd.Wait(); err != nil {
		a.t.Errorf("agent ended with %v", err)
	}
}

// changeUntil moves door and smoke contact in turn.
func (a *agent) changeUntil(end time.Time) {
	for time.Until(end) > changeEvery {
		if len(a.changes)%3 == 2 {
			a.smoke = map[string]string{"normal": "alarm", "alarm": "normal"}[a.smoke]
			a.order(change{"smoke", a.smoke})
		} else {
			a.door = map[string]string{"closed": "open", "open": "closed"}[a.door]
			a.order(change{"door", a.door})
		}
		pause(changeEvery)
	}
	pause(time.Until(end))
}

func (a *agent) order(c change) {
	a.t.Helper()
	if _, err := fmt.Fprintf(a.orders, "%s %s\n", c.sensor, c.state); err != nil {
		a.t.Fatal(err)
	}
	a.changes = append(a.changes, c)
}

// sample is one conversion of the ledger.
type sample struct {
	at   int64 // since boot, ns
	sent bool
}

func readLedger(t *testing.T, name string) map[string]map[int]*sample {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	ledger := map[string]map[int]*sample{}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var sensor string
		var mm int
		var at int64
		if _, err := fmt.Sscanf(line, "%s %d %d", &sensor, &mm, &at); err != nil {
			t.Fatalf("ledger line %d %q: %v", i+1, line, err)
		}
		if ledger[sensor] == nil {
			ledger[sensor] = map[int]*sample{}
		}
		if ledger[sensor][mm] != nil {
			t.Fatalf("ledger line %d: %s had %d mm before", i+1, sensor, mm)
		}
		ledger[sensor][mm] = &sample{at: at}
	}
	return ledger
}

func writeConfig(t *testing.T, dir, broker string) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\ngateway: {id: GW-TEST}\ndata: %s\nbuffer: {commit_every: %v}\npage: {listen: \"off\"}\n", filepath.Join(dir, "data"), commitEvery)
	fmt.Fprintf(&b, "platforms:\n  - {id: city, server: \"tcp://%s\", allow_plaintext: true}\nsensors:\n", broker)
	for n := range levelSensors {
		chip := n / 4
		fmt.Fprintf(&b, "  - {id: %s, driver: ads1115, bus: %s, address: 0x%x, input: AIN%d, span: 19200mm, sample: 100ms, report: {every: 100ms}}\n",
			sensorName(n), busName(chip), 0x48+chip%4, n%4)
	}
	fmt.Fprintf(&b, "  - {id: door, driver: contact, line: \"%s\", measures: door, active: open, sample: 1s, report: {every: 1m}}\n", doorLine)
	fmt.Fprintf(&b, "  - {id: smoke, driver: contact, line: \"%s\", measures: smoke, sample: 1s, report: {every: 1m}, alarm: {level: red, latch: false}}\n", smokeLine)
	name := filepath.Join(dir, "watchpost.yaml")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
