package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"watchpost/agent/clock"
	"watchpost/agent/gateway"
	"watchpost/agent/watchdog"
	"watchpost/configs"
	"watchpost/drivers/sim"
)

// hangGuard ends a test that waits for what never comes.
const hangGuard = 30 * time.Second

// rig is one data directory and one simulated board through several runs.
type rig struct {
	t      *testing.T
	data   string
	board  *sim.Board
	loop   *sim.CurrentLoop
	water  *setting
	smoke  *sim.Line
	door   *sim.Line
	city   *city         // nil: no platform
	clock  *clock.Source // nil: the system's
	config string        // rigConfig, or one with its holes

	manager *watchdog.Manager // nil: none
}

// setting is a level that the test sets and the model reads.
type setting struct{ level chan physic.Distance }

func newSetting(d physic.Distance) *setting {
	s := &setting{level: make(chan physic.Distance, 1)}
	s.level <- d
	return s
}

func (s *setting) get() physic.Distance {
	d := <-s.level
	s.level <- d
	return d
}

func (s *setting) set(d physic.Distance) {
	<-s.level
	s.level <- d
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, config: rigConfig, data: t.TempDir(), board: sim.NewBoard(), water: newSetting(500 * physic.MilliMetre)}
	r.loop = sim.NewCurrentLoop(150*physic.Ohm, 5*physic.Metre, 0, r.water.get)
	adc := sim.NewADS1115(func(int) physic.ElectricPotential { return r.loop.Voltage() })
	r.board.I2C("i2c-1").Attach(0x48, adc)
	r.smoke, r.door = r.board.Line("gpiochip0:17"), r.board.Line("gpiochip0:27")
	r.smoke.Set(gpio.High)
	r.door.Set(gpio.Low)
	return r
}

const rigConfig = `
version: 1
gateway: {id: GW-TEST}
data: %q
buffer: {commit_every: 1s}
page: {listen: %q}
platforms: [%s]
sensors:
  - {id: pit, name: {zh: 集水井, en: Pit}, driver: ads1115, bus: i2c-1, span: 5m, sample: 50ms, report: {every: 100ms}, alarm: {above: 1.5m, clear_below: 1.4m, level: orange}}
  - {id: smoke, driver: contact, line: "gpiochip0:17", measures: smoke, sample: 1s, alarm: {level: red}}
  - {id: door, driver: contact, line: "gpiochip0:27", measures: door, active: open, sample: 1s}
`

// life is one run of the agent.
type life struct {
	t    *testing.T
	base string
	stop context.CancelFunc
	done chan error
}

func (r *rig) start() *life {
	r.t.Helper()
	address := freeAddress(r.t)
	platform := ""
	if r.city != nil {
		platform = fmt.Sprintf("{id: city, server: \"tcp://%s\", allow_plaintext: true}", r.city.address)
	}
	cfg, problems := configs.Parse("test.yaml", fmt.Appendf(nil, r.config, r.data, address, platform), gateway.Catalogue{})
	if err := problems.Err(); err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	life := &life{t: r.t, base: "http://" + address, stop: stop, done: make(chan error, 1)}
	go func() {
		life.done <- gateway.Run(ctx, cfg, gateway.Options{Host: r.board, Version: "test", Reconnect: time.Second, Clock: r.clock, Manager: r.manager, Language: configs.Chinese})
	}()
	return life
}

// end stops the agent in order.
func (l *life) end() {
	l.t.Helper()
	l.stop()
	select {
	case err := <-l.done:
		if err != nil {
			l.t.Errorf("agent ended with %v", err)
		}
	case <-time.After(hangGuard):
		l.t.Fatal("agent does not end")
	}
}

// view is the part of the page's JSON the tests look at.
type view struct {
	Sensors []struct {
		ID      string       `json:"id"`
		Value   *json.Number `json:"value"`
		Quality string       `json:"quality"`
		Reason  string       `json:"reason"`
	} `json:"sensors"`
	Alarms []struct {
		Sensor string `json:"sensor"`
		State  string `json:"state"`
	} `json:"alarms"`
	Conditions []struct {
		Code    string `json:"code"`
		Subject string `json:"subject"`
	} `json:"conditions"`
	Events []struct {
		Text map[string]string `json:"text"`
	} `json:"events"`
	Platforms []struct {
		Connected bool              `json:"connected"`
		LastError string            `json:"last_error"`
		Via       string            `json:"via"`
		Backlog   map[string]uint64 `json:"backlog"`
	} `json:"platforms"`
}

func (v view) quality(sensor string) string {
	for _, s := range v.Sensors {
		if s.ID == sensor {
			return s.Quality + " " + s.Reason
		}
	}
	return ""
}

func (v view) condition(code string) bool {
	for _, c := range v.Conditions {
		if c.Code == code {
			return true
		}
	}
	return false
}

// until looks at the page until the condition holds.
func (l *life) until(what string, holds func(view) bool) view {
	l.t.Helper()
	guard := time.After(hangGuard)
	var v view
	for {
		if body, status := l.get("/api/v1/view"); status == http.StatusOK {
			v = view{}
			if err := json.Unmarshal([]byte(body), &v); err != nil {
				l.t.Fatalf("view %s: %v", body, err)
			}
			if holds(v) {
				return v
			}
		}
		select {
		case err := <-l.done:
			l.t.Fatalf("waiting for %s: agent ended with %v", what, err)
		case <-guard:
			l.t.Fatalf("waited %v for %s; the page says %+v", hangGuard, what, v)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (l *life) get(path string) (body string, status int) {
	res, err := http.Get(l.base + path)
	if err != nil {
		return "", 0
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return "", 0
	}
	return string(text), res.StatusCode
}

func allGood(v view) bool {
	return v.quality("pit") == "good " && v.quality("smoke") == "good " && v.quality("door") == "good "
}

func TestRunsWithoutAnyPlatformAndEndsClean(t *testing.T) {
	before := runtime.NumGoroutine()
	l := newRig(t).start()
	l.until("good readings of all sensors", allGood)
	for _, path := range []string{"/livez", "/readyz", "/metrics", "/", "/?lang=en"} {
		if body, status := l.get(path); status != http.StatusOK {
			t.Errorf("%s answers %d: %s", path, status, body)
		}
	}
	l.end()
	http.DefaultClient.CloseIdleConnections()
	guard := time.After(hangGuard)
	for runtime.NumGoroutine() > before {
		select {
		case <-guard:
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestFaultIsNeverAValue(t *testing.T) {
	r := newRig(t)
	l := r.start()
	defer l.end()
	l.until("good readings", allGood)
	r.loop.BreakWire()
	v := l.until("the broken wire", func(v view) bool { return v.quality("pit") == "fault broken_wire" })
	for _, s := range v.Sensors {
		if s.ID == "pit" && s.Value != nil {
			t.Errorf("the page shows %s for a broken wire", s.Value)
		}
	}
	if v.quality("smoke") != "good " {
		t.Errorf("the smoke contact is %s because the level sensor's wire broke", v.quality("smoke"))
	}
	l.until("the condition", func(v view) bool { return v.condition("sensor_fault") })
	r.loop.Mend()
	l.until("the wire mended", func(v view) bool { return allGood(v) && !v.condition("sensor_fault") })
}

func TestAlarmAndDoorSurviveARestart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	l := r.start()
	l.until("good readings", allGood)
	r.water.set(1800 * physic.MilliMetre)
	l.until("the alarm", func(v view) bool { return len(v.Alarms) == 1 && v.Alarms[0].Sensor == "pit" })
	l.end()

	r.door.Set(gpio.High) // opened while the gateway is off
	r.loop.BreakWire()    // and nobody can say where the water is
	l = r.start()
	v := l.until("the fault", func(v view) bool { return strings.HasPrefix(v.quality("pit"), "fault") })
	if len(v.Alarms) != 1 || v.Alarms[0].Sensor != "pit" {
		t.Errorf("alarms after a restart: %+v, want the one of the pit", v.Alarms)
	}
	l.until("the door's event", func(v view) bool {
		for _, e := range v.Events {
			if strings.Contains(e.Text["en"], "door: opened") {
				return true
			}
		}
		return false
	})
	r.loop.Mend()
	r.water.set(500 * physic.MilliMetre)
	l.until("the alarm cleared", func(v view) bool { return len(v.Alarms) == 0 })
	l.end()
}

func TestDamagedStoreIsSetAside(t *testing.T) {
	r := newRig(t)
	l := r.start()
	l.until("good readings", allGood)
	l.end()
	if err := os.WriteFile(filepath.Join(r.data, "buffer.db"), []byte(strings.Repeat("garbage ", 4096)), 0o600); err != nil {
		t.Fatal(err)
	}
	l = r.start()
	defer l.end()
	v := l.until("good readings on a new store", func(v view) bool { return allGood(v) && v.condition("store_quarantined") })
	if v.condition("store_not_durable") {
		t.Errorf("conditions %+v: the new store is not at work", v.Conditions)
	}
	if found, err := filepath.Glob(filepath.Join(r.data, "buffer.db.corrupt-*")); err != nil || len(found) != 1 {
		t.Errorf("files set aside: %v, %v", found, err)
	}
}

func TestTakenAddressIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg, problems := configs.Parse("test.yaml", fmt.Appendf(nil, rigConfig, t.TempDir(), l.Addr().String(), ""), gateway.Catalogue{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	err = gateway.Run(t.Context(), cfg, gateway.Options{Host: sim.NewBoard()})
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("error %v, want one that names %s", err, l.Addr())
	}
}

// TestMissingHardware: a board without the bus, the chip and the lines.
func TestMissingHardware(t *testing.T) {
	r := newRig(t)
	r.board = sim.NewBoard()
	l := r.start()
	defer l.end()
	v := l.until("faults of all sensors", func(v view) bool {
		return len(v.Sensors) == 3 && strings.HasPrefix(v.quality("pit"), "fault")
	})
	for _, s := range v.Sensors {
		if s.ID == "pit" && s.Value != nil {
			t.Errorf("a sensor that is not there shows %s", s.Value)
		}
	}
}
