//go:build broker

package outage

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/sys/unix"
)

// mosquitto is Debian's broker as a child of the test.
type mosquitto struct {
	t      *testing.T
	config string
	port   int
	cmd    *exec.Cmd
}

func newMosquitto(t *testing.T) *mosquitto { return newMosquittoWith(t, "") }

// newMosquittoWith has more lines in its configuration.
func newMosquittoWith(t *testing.T, more string) *mosquitto {
	t.Helper()
	dir := t.TempDir()
	// The broker gives up root for a user of its own, which must be able to write.
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	m := &mosquitto{t: t, port: freePort(t), config: filepath.Join(dir, "mosquitto.conf")}
	config := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location %s/\n"+
		"max_queued_messages 0\nmax_inflight_messages 0\nuser root\n%s", m.port, dir, more)
	if err := os.WriteFile(m.config, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(m.stop)
	return m
}

func (m *mosquitto) address() string { return fmt.Sprintf("127.0.0.1:%d", m.port) }

// start waits until the broker answers.
func (m *mosquitto) start() {
	m.t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/mosquitto"); err != nil {
			m.t.Fatalf("find mosquitto: %v; install Debian's package mosquitto", err)
		}
	}
	m.cmd = exec.Command(path, "-c", m.config)
	m.cmd.Stderr = os.Stderr
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		conn, err := net.DialTimeout("tcp", m.address(), time.Second)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("mosquitto does not answer on %s: %v", m.address(), err)
		}
		pause(20 * time.Millisecond)
	}
}

// stop ends the broker in order; it saves what it holds.
func (m *mosquitto) stop() {
	if m.cmd == nil {
		return
	}
	ended := make(chan struct{})
	go func() {
		m.cmd.Wait()
		close(ended)
	}()
	for stopped := false; !stopped; {
		m.cmd.Process.Signal(syscall.SIGTERM) // again: one that comes before its main loop is lost
		select {
		case <-ended:
			stopped = true
		case <-time.After(5 * time.Second):
		}
	}
	m.cmd = nil
}

// arrival is one record as the subscriber got it.
type arrival struct {
	lane   string
	run    string
	seq    uint64
	prev   *position // of the message; for later readings of a message the one before
	obs    uint64
	sensor string
	value  *json.Number
	kind   string
	state  string
	first  bool // an event that only says what the state is
	event  json.RawMessage
}

type position struct {
	Run string `json:"run"`
	Seq uint64 `json:"seq"`
}

// platform is the city's side: a subscriber with a session the broker keeps.
type platform struct {
	t       *testing.T
	address string
	tls     *tls.Config // nil: in clear

	mu       sync.Mutex
	arrivals []arrival
	states   []bool // online, in the order they came
	marked   bool
}

// subscribe receives until ctx ends, through every outage of the broker.
func (p *platform) subscribe(ctx context.Context, ready chan<- struct{}) {
	var once sync.Once
	for ctx.Err() == nil {
		lost := make(chan struct{})
		scheme := "tcp://"
		if p.tls != nil {
			scheme = "tls://"
		}
		options := mqtt.NewClientOptions().AddBroker(scheme + p.address).SetTLSConfig(p.tls).SetClientID("city").
			SetCleanSession(false).SetAutoReconnect(false).SetConnectRetry(false).SetProtocolVersion(4).
			SetKeepAlive(5 * time.Second).SetDefaultPublishHandler(p.receive).
			SetConnectionLostHandler(func(mqtt.Client, error) { close(lost) })
		client := mqtt.NewClient(options)
		if token := client.Connect(); token.WaitTimeout(30*time.Second) && token.Error() == nil {
			sub := client.Subscribe("watchpost/v1/#", 1, p.receive)
			if sub.WaitTimeout(30*time.Second) && sub.Error() == nil {
				once.Do(func() { close(ready) })
				select {
				case <-lost:
				case <-ctx.Done():
				}
			}
		}
		client.Disconnect(100)
		pause(50 * time.Millisecond)
	}
}

func (p *platform) receive(_ mqtt.Client, m mqtt.Message) {
	class := m.Topic()[strings.LastIndex(m.Topic(), "/")+1:]
	var body struct {
		Run      string          `json:"run"`
		Seq      uint64          `json:"seq"`
		Prev     *position       `json:"prev"`
		Obs      uint64          `json:"obs"`
		Sensor   string          `json:"sensor"`
		Kind     string          `json:"kind"`
		State    string          `json:"state"`
		First    bool            `json:"first"`
		Online   *bool           `json:"online"`
		Start    json.RawMessage `json:"start"`
		Readings []struct {
			Seq    uint64       `json:"seq"`
			Obs    uint64       `json:"obs"`
			Sensor string       `json:"sensor"`
			Value  *json.Number `json:"value"`
		} `json:"readings"`
	}
	if err := json.Unmarshal(m.Payload(), &body); err != nil {
		p.t.Errorf("payload on %s: %v", m.Topic(), err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch class {
	case "alarms", "events":
		p.arrivals = append(p.arrivals, arrival{lane: class, run: body.Run, seq: body.Seq, prev: body.Prev, obs: body.Obs,
			sensor: body.Sensor, kind: body.Kind, state: body.State, first: body.First, event: body.Start})
	case "readings":
		prev := body.Prev
		for _, r := range body.Readings {
			p.arrivals = append(p.arrivals, arrival{lane: class, run: body.Run, seq: r.Seq, prev: prev, obs: r.Obs, sensor: r.Sensor, value: r.Value})
			prev = &position{body.Run, r.Seq}
		}
	case "mark":
		p.marked = true
	case "state":
		p.states = append(p.states, body.Online != nil && *body.Online)
	}
}

func (p *platform) all() []arrival {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]arrival(nil), p.arrivals...)
}

func (p *platform) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.arrivals)
}

func (p *platform) isMarked() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.marked
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// sinceBoot is CLOCK_BOOTTIME in ns: one clock for test and agent.
func sinceBoot() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0
	}
	return now.Nano()
}

// pause lets real processes run for a while.
func pause(d time.Duration) { <-time.After(d) }
