package gateway_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"watchpost/agent/budget"
	"watchpost/agent/clock"
	"watchpost/agent/gateway"
	"watchpost/configs"
	"watchpost/drivers/sim"
)

// line counts what TCP/IP would carry for a connection: the bytes written by
// both ends, a header of 52 bytes (IPv4, TCP, time stamps) for each segment, and
// the acknowledgements that find no data to ride on within 40 ms or after two
// segments (RFC 1122 section 4.2.3.2). That a kernel counts alike is
// TestLineCountsAsTheKernelDoes.
type line struct {
	mu    sync.Mutex
	bytes float64
	owes  [2]time.Time // since when an end has data it did not acknowledge
}

const (
	headers = 52
	most    = 1448 // bytes in a segment on Ethernet
)

// end is one end of a line.
type end struct {
	net.Conn
	line *line
	side int
}

func (l *line) pipe() (near, far net.Conn) {
	a, b := net.Pipe()
	return &end{a, l, 0}, &end{b, l, 1}
}

func (e *end) Write(p []byte) (int, error) {
	e.line.carry(e.side, len(p))
	return e.Conn.Write(p)
}

func (l *line) carry(from, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.bytes += float64(n)
	if own := l.owes[from]; !own.IsZero() && now.Sub(own) > 40*time.Millisecond {
		l.bytes += headers
	}
	l.owes[from] = time.Time{}
	for ; n > 0; n -= most {
		l.bytes += headers
		if l.owes[1-from].IsZero() {
			l.owes[1-from] = now
			continue
		}
		l.bytes += headers
		l.owes[1-from] = time.Time{}
	}
}

func (l *line) total() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

// lineRun is a configuration at work over a counted line for some simulated
// time, with the real agent, the real client and a real broker.
type lineRun struct {
	platform string // its keys beside the id
	sensors  string
	last     time.Duration // after the first minute, which is not counted
	water    func() physic.Distance
}

const lineConfig = `
version: 1
gateway: {id: GW-0317, compound: 锦绣花园, building: 3栋}
data: %q
page: {listen: off}
platforms: [{id: city, %s}]
sensors:
%s`

// month is what was predicted, and what went over the line, made a month's.
// Opened is what its first minute cost.
func (r lineRun) month(t *testing.T) (predicted budget.Forecast, opened, sent float64) {
	t.Helper()
	data := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var secured *tls.Config
		platform := r.platform
		if strings.Contains(platform, "%s") {
			cert, ca := certified(t)
			secured = &tls.Config{Certificates: []tls.Certificate{cert}}
			platform = fmt.Sprintf(platform, ca)
		}
		cfg, problems := configs.Parse("test.yaml", fmt.Appendf(nil, lineConfig, data, platform, r.sensors), gateway.Catalogue{})
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		var err error
		if predicted, err = gateway.Forecast(cfg); err != nil {
			t.Fatal(err)
		}
		booted := time.Now()
		var counted line
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- gateway.Run(ctx, cfg, gateway.Options{Host: r.board(), Version: "test", Dial: counted.dial(t, secured), Clock: &clock.Source{
				Boot: clock.BootID{1}, SinceBoot: func() time.Duration { return time.Since(booted) + time.Minute },
				Wall: time.Now, Disciplined: func() bool { return true },
			}})
		}()
		begun := 0.0
		for _, wait := range []time.Duration{time.Minute, r.last} {
			begun = counted.total()
			select {
			case err := <-done:
				t.Fatalf("agent ended with %v", err)
			case <-time.After(wait):
			}
		}
		opened, sent = begun, (counted.total()-begun)*30*24/r.last.Hours()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return predicted, opened, sent
}

func (r lineRun) board() *sim.Board {
	board := sim.NewBoard()
	loop := sim.NewCurrentLoop(150*physic.Ohm, 5*physic.Metre, 0, r.water)
	board.I2C("i2c-1").Attach(0x48, sim.NewADS1115(func(int) physic.ElectricPotential { return loop.Voltage() }))
	board.Line("gpiochip0:17").Set(gpio.High)
	board.Line("gpiochip0:27").Set(gpio.Low)
	return board
}

// dial connects to a broker of its own over the line.
func (l *line) dial(t *testing.T, secured *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	broker := mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler)})
	if err := broker.AddHook(new(auth.AllowHook), nil); err != nil {
		t.Error(err)
	}
	if err := broker.Serve(); err != nil {
		t.Error(err)
	}
	t.Cleanup(func() { _ = broker.Close() })
	return func(context.Context, string, string) (net.Conn, error) {
		near, far := l.pipe()
		if secured != nil {
			far = tls.Server(far, secured)
		}
		go func() { _ = broker.EstablishConnection("line", far) }() // ends with the line
		return near, nil
	}
}

func still() physic.Distance { return 500 * physic.MilliMetre }

// wave rises and falls by two centimetres every second.
func wave() physic.Distance {
	return still() + physic.Distance(time.Now().Unix()%2)*20*physic.MilliMetre
}

const (
	together = `
  - {id: pump-pit, driver: ads1115, bus: i2c-1, span: 5m, sample: 30s, report: {change: 1cm}, alarm: {above: 1.5m, clear_below: 1.4m, level: orange}}
  - {id: smoke-b1, driver: contact, line: "gpiochip0:17", measures: smoke, sample: 30s, alarm: {level: red}}
  - {id: door-b1, driver: contact, line: "gpiochip0:27", measures: door, active: open, sample: 30s}
`
	apart = `
  - {id: pump-pit, driver: ads1115, bus: i2c-1, span: 5m, sample: 30s, report: {every: 5m, change: 1cm}}
  - {id: smoke-b1, driver: contact, line: "gpiochip0:17", measures: smoke, sample: 30s, report: {every: 7m}}
  - {id: door-b1, driver: contact, line: "gpiochip0:27", measures: door, active: open, sample: 30s, report: {every: 13m}}
`
	lively = `
  - {id: pump-pit, driver: ads1115, bus: i2c-1, span: 5m, sample: 1s, report: {every: 5m, change: 1cm}}
`
	flooded = `
  - {id: pump-pit, driver: ads1115, bus: i2c-1, span: 5m, sample: 1s, report: {every: 5m}, alarm: {above: 30cm, clear_below: 20cm, level: red}}
`
	inClear   = `server: "tcp://127.0.0.1:1883", allow_plaintext: true`
	encrypted = `server: "tls://127.0.0.1:8883", tls: {ca_file: %s}`
)

// The way the line counts is that of the kernel: real questions and answers over
// loopback, as far apart as readings are.
func TestLineCountsAsTheKernelDoes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answered := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			answered <- err
			return
		}
		defer c.Close()
		question := make([]byte, 400)
		for err == nil {
			if _, err = io.ReadFull(c, question); err == nil {
				_, err = c.Write(question[:4])
			}
		}
		answered <- err
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	before, counted := kernelCount(t, c), line{}
	ticker := time.NewTicker(60 * time.Millisecond)
	defer ticker.Stop()
	for range 10 {
		counted.carry(0, 400)
		if _, err := c.Write(make([]byte, 400)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		counted.carry(1, 4)
		<-ticker.C
	}
	real := kernelCount(t, c) - before
	c.Close()
	if err := <-answered; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	t.Logf("ten exchanges: counted %.0f, the kernel %.0f bytes", counted.total(), real)
	if counted.total() < real*0.8 || counted.total() > real*1.2 {
		t.Errorf("the line counts %.0f bytes, the kernel %.0f", counted.total(), real)
	}
}

// kernelCount is what a connection carried both ways, headers included, as
// TCP_INFO has it.
func kernelCount(t *testing.T, c net.Conn) float64 {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	var failed error
	if err := raw.Control(func(fd uintptr) { info, failed = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	const stamped = 1 // TCPI_OPT_TIMESTAMPS
	head := 40.0
	if info.Options&stamped != 0 {
		head += 12
	}
	return float64(info.Segs_out+info.Segs_in)*head + float64(info.Bytes_sent+info.Bytes_received)
}

// What check says of a month is what goes over the line, by a factor of one and a
// half at most: it is for choosing a report policy and a data plan.
func TestForecastAgreesWithTheLine(t *testing.T) {
	calm := func(f budget.Forecast) float64 { return f.SentPerMonth.Calm }
	busy := func(f budget.Forecast) float64 { return f.SentPerMonth.Most }
	alarmed := func(f budget.Forecast) float64 { return f.SentPerMonth.Calm + 30*24*f.SentPerAlarmHour }
	seen, said := map[string]float64{}, map[string]float64{}
	for _, c := range []struct {
		name      string
		run       lineRun
		predicted func(budget.Forecast) float64
	}{
		{"calm, reports together", lineRun{inClear, together, 90 * time.Minute, still}, calm},
		{"calm, seldom pings", lineRun{inClear + ", keep_alive: 20m", apart, 90 * time.Minute, still}, calm},
		{"calm, TLS", lineRun{encrypted, apart, 90 * time.Minute, still}, calm},
		{"every sample a change, TLS", lineRun{encrypted, lively, 5 * time.Minute, wave}, busy},
		{"in alarm", lineRun{inClear, flooded, 5 * time.Minute, still}, alarmed},
	} {
		f, _, sent := c.run.month(t)
		predicted := c.predicted(f)
		t.Logf("%-28s predicted %6.1f, sent %6.1f MB a month", c.name, predicted/1e6, sent/1e6)
		if !agree(predicted, sent) {
			t.Errorf("%s: predicted %.0f bytes a month, %.0f went over the line", c.name, predicted, sent)
		}
		seen[c.name], said[c.name] = sent, predicted
	}
	// The control: a forecast that forgets the pings is found out.
	if agree(said["calm, seldom pings"], seen["calm, reports together"]) {
		t.Error("a forecast without pings passes")
	}
}

func agree(predicted, sent float64) bool { return predicted >= sent/1.5 && predicted <= sent*1.5 }

// A connection with TLS costs what is said: that is the difference between one
// an hour and one a day where nothing else is sent.
func TestForecastOfAConnection(t *testing.T) {
	for _, platform := range []string{inClear, encrypted} {
		f, opened, _ := lineRun{platform, "", time.Minute, still}.month(t)
		predicted := (f.SentPerMonth.Most - f.SentPerMonth.Calm) / 30 / 23
		t.Logf("a connection: predicted %.0f, sent %.0f bytes, with two events", predicted, opened)
		if !agree(predicted, opened) {
			t.Errorf("predicted %.0f bytes for a connection, %.0f went over the line", predicted, opened)
		}
	}
}
