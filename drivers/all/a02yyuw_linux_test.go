package all_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"watchpost/drivers"
	"watchpost/drivers/all"
	"watchpost/drivers/board"
	"watchpost/drivers/board/ptytest"
	"watchpost/drivers/sim"
)

// distanceFrame is what an A02YYUW sends.
func distanceFrame(mm uint16) []byte {
	hi, lo := byte(mm>>8), byte(mm)
	return []byte{0xFF, hi, lo, 0xFF + hi + lo}
}

func ultrasonic(t *testing.T, b *board.Board, change func(*all.A02YYUWOptions)) all.Sensor {
	t.Helper()
	driver, ok := all.Lookup("a02yyuw")
	if !ok {
		t.Fatal("not on the list")
	}
	options := driver.Options().(*all.A02YYUWOptions)
	options.Port, options.Height = "/dev/ttyS1", all.Length(2_500_000_000)
	change(options)
	if problems := options.Validate(); len(problems) > 0 {
		t.Fatalf("problems %v", problems)
	}
	sensor, err := driver.Build(b, options, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return sensor
}

func level(mm, distance int64) drivers.Reading {
	return drivers.NewGood(drivers.Level, drivers.Decimal{Coefficient: mm, Scale: 3}, drivers.Metre).WithRaw(drivers.Int(distance), drivers.Millimetre)
}

// The sensor pulled out and put back, through the board, on the simulated port.
func TestA02YYUWUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := sim.NewBoard()
		port := host.Serial("ttyS1")
		b := board.New(host, board.Options{BackoffMin: 10 * time.Millisecond, Jitter: func() float64 { return 0 }})
		sensor := ultrasonic(t, b, func(*all.A02YYUWOptions) {})
		ctx, cancel := context.WithCancel(t.Context())
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					port.Send(distanceFrame(1953))
				case <-ctx.Done():
					return
				}
			}
		}()
		readings := 0
		watch := func(d time.Duration) error {
			ctx, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			return sensor.Watcher.Watch(ctx, func(r drivers.Reading) {
				readings++
				if diff := cmp.Diff(level(547, 1953), r); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
		if err := watch(3500 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) || readings != 3 {
			t.Errorf("%d readings in 3.5 s, %v", readings, err)
		}
		port.Unplug()
		if err := watch(5 * time.Second); err == nil || errors.Is(err, context.DeadlineExceeded) || readings != 3 {
			t.Errorf("unplugged: %d readings, %v", readings, err)
		}
		port.Plug()
		for until := time.Now().Add(10 * time.Second); readings == 3 && time.Now().Before(until); {
			<-time.After(100 * time.Millisecond)
			_ = watch(2500 * time.Millisecond) // fails until the board looks again
		}
		if readings == 3 {
			t.Error("no reading within 10 s of being plugged in again")
		}
		cancel()
		<-sent
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestJSNSR04TTriggered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := sim.NewBoard()
		host.Serial("ttyS1").Attach(func(request []byte) []sim.Piece {
			if string(request) != "\x55" {
				t.Errorf("asked with % X", request)
			}
			return []sim.Piece{{After: 40 * time.Millisecond, Bytes: distanceFrame(1500)}}
		})
		b := board.New(host, board.Options{})
		sensor := ultrasonic(t, b, func(o *all.A02YYUWOptions) { o.Model, o.Mode = "jsn-sr04t", "trigger" })
		if sensor.Watcher != nil {
			t.Error("a sensor that is asked has a watcher")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		got, err := sensor.Sampler.Sample(ctx)
		if diff := cmp.Diff([]drivers.Reading{level(1000, 1500)}, got); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
		if mode := host.Serial("ttyS1").Mode().String(); mode != "9600 8N1" {
			t.Errorf("opened at %s", mode)
		}
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// A real port of the kernel, with the sensor unplugged and plugged in again.
func TestA02YYUWOnAPTY(t *testing.T) {
	t.Parallel()
	const guard = 30 * time.Second // 10 times what it takes
	link := filepath.Join(t.TempDir(), "adapter")
	plug := func() *ptytest.PTY {
		pty, err := ptytest.Open()
		if err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(link) // there is none the first time
		if err := os.Symlink(pty.Path, link); err != nil {
			t.Fatal(err)
		}
		return pty
	}
	pty := plug()
	b := board.New(board.Periph(nil), board.Options{BackoffMin: 10 * time.Millisecond})
	sensor := ultrasonic(t, b, func(o *all.A02YYUWOptions) { o.Port, o.Median = link, 3 })
	ctx, cancel := context.WithTimeout(t.Context(), guard)
	defer cancel()
	speak := func(pty *ptytest.PTY, bytes []byte) (stop func()) {
		quit, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-quit:
					return
				case <-tick.C:
					_, _ = pty.Master.Write(bytes) // fails once it is unplugged
				}
			}
		}()
		return func() { close(quit); <-done }
	}
	sample := func(want drivers.Reading) {
		t.Helper()
		var got []drivers.Reading
		var err error
		for got == nil && ctx.Err() == nil {
			got, err = sensor.Sampler.Sample(ctx) // errors until the port is open again
		}
		if diff := cmp.Diff([]drivers.Reading{want}, got); diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	}
	stop := speak(pty, distanceFrame(1953))
	sample(level(547, 1953))
	stop()
	_ = pty.Close()
	if got, err := sensor.Sampler.Sample(ctx); err == nil {
		t.Errorf("unplugged: got %v", got)
	}
	pty = plug()
	stop = speak(pty, distanceFrame(2500))
	sample(level(0, 2500))
	stop()
	stop = speak(pty, []byte{0x80, 0xF8, 0x00, 0x78}) // another speed
	for r := level(0, 2500); r.HasValue() && ctx.Err() == nil; {
		got, err := sensor.Sampler.Sample(ctx)
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		if r = got[0]; !r.HasValue() && r.Reason != drivers.BadAnswer {
			t.Errorf("garbage: %+v", r)
		}
	}
	stop()
	if err := b.Close(ctx); err != nil {
		t.Error(err)
	}
	_ = pty.Close()
}
