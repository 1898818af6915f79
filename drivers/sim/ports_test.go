package sim_test

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/drivers/board"
	"watchpost/drivers/sim"
)

var mode = board.SerialMode{Baud: 9600, DataBits: 8, Parity: board.ParityNone, StopBits: 1}

func openPort(t *testing.T, b *sim.Board, name string) board.HostSerial {
	t.Helper()
	port, err := b.OpenSerial(name, mode)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// wantRead reads once and says what came and when.
func wantRead(t *testing.T, port board.HostSerial, timeout time.Duration, want string, after time.Duration) {
	t.Helper()
	p, start := make([]byte, 16), time.Now()
	n, err := port.Read(p, timeout)
	if err != nil || string(p[:n]) != want || time.Since(start) != after {
		t.Errorf("read %q, %v after %s; want %q after %s", p[:n], err, time.Since(start), want, after)
	}
}

func TestSerialPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.NewBoard()
		far := b.Serial("/dev/ttyS1")
		far.Attach(func(request []byte) []sim.Piece {
			return []sim.Piece{{After: 30 * time.Millisecond, Bytes: request[:1]}, {After: 20 * time.Millisecond, Bytes: request[1:]}}
		})
		port := openPort(t, b, "ttyS1")
		if _, err := b.OpenSerial("ttyS1", mode); err == nil {
			t.Error("a port was opened twice")
		}
		if n, err := port.Write([]byte("abc")); n != 3 || err != nil {
			t.Errorf("write = %d, %v", n, err)
		}
		wantRead(t, port, 0, "", 0)
		wantRead(t, port, 10*time.Millisecond, "", 10*time.Millisecond)
		wantRead(t, port, time.Second, "a", 20*time.Millisecond)
		if err := port.Discard(); err != nil { // drops what came, not what comes
			t.Error(err)
		}
		wantRead(t, port, 20*time.Millisecond, "bc", 20*time.Millisecond)
		wantRead(t, port, time.Minute, "", time.Minute)
		if written := far.Written(); len(written) != 1 || string(written[0]) != "abc" || far.Mode() != mode {
			t.Errorf("written %q in %s", written, far.Mode())
		}
		far.Send(bytes.Repeat([]byte("x"), 20)) // more than fits in one read
		wantRead(t, port, time.Second, "xxxxxxxxxxxxxxxx", 0)
		wantRead(t, port, time.Second, "xxxx", 0)
	})
}

func TestSerialFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := sim.NewBoard()
		far := b.Serial("ttyS1")
		far.Attach(func(request []byte) []sim.Piece { return sim.Answer(request) })
		port := openPort(t, b, "ttyS1")
		say := func() {
			if _, err := port.Write([]byte("abc")); err != nil {
				t.Error(err)
			}
		}
		far.Inject(sim.Silence)
		say()
		wantRead(t, port, time.Second, "", time.Second)
		far.Inject(sim.Garbage)
		say()
		p := make([]byte, 16)
		if n, err := port.Read(p, time.Second); n != 3 || err != nil || string(p[:n]) == "abc" {
			t.Errorf("garbage is %q, %v", p[:n], err)
		}
		far.Inject(sim.NoSerialFault)
		say()
		wantRead(t, port, time.Second, "abc", 0)

		pulled := make(chan error)
		go func() {
			_, err := port.Read(make([]byte, 1), time.Hour)
			pulled <- err
		}()
		synctest.Wait()
		far.Unplug()
		if err := <-pulled; !errors.Is(err, sim.ErrSerial) {
			t.Errorf("a read of a port pulled out ended with %v", err)
		}
		if _, err := b.OpenSerial("ttyS1", mode); err == nil {
			t.Error("a port pulled out was opened")
		}
		far.Plug()
		if _, err := port.Write([]byte("?")); !errors.Is(err, os.ErrClosed) {
			t.Errorf("the old handle of a port put back gives %v", err)
		}
		port = openPort(t, b, "ttyS1")
		say()
		wantRead(t, port, time.Second, "abc", 0)
		if err := port.Close(); err != nil {
			t.Error(err)
		}
		if err := port.Discard(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("a closed port gives %v", err)
		}
	})
}

func TestPortsThatAreNotThere(t *testing.T) {
	b := sim.NewBoard()
	if _, err := b.OpenSerial("ttyS1", mode); err == nil {
		t.Error("opened a serial port nobody made")
	}
	if _, err := b.OpenSPI("spidev0.0", 1e12, 0); err == nil {
		t.Error("opened an SPI port nobody made")
	}
	if _, err := b.OpenOutput("gpiochip0:1", false); err == nil {
		t.Error("opened an output nobody made")
	}
}

// counter is a chip that counts up.
type counter struct{ n byte }

func (c *counter) Tx(_, r []byte) error {
	for i := range r {
		c.n++
		r[i] = c.n
	}
	return nil
}

func TestSPIChip(t *testing.T) {
	b := sim.NewBoard()
	real := b.SPI("SPI0.0")
	port, err := b.OpenSPI("spidev0.0", 1e12, 0)
	if err != nil {
		t.Fatal(err)
	}
	in := []byte{7, 7}
	if err := port.Tx([]byte{1, 2}, in); err != nil || in[0] != 0 || in[1] != 0 {
		t.Errorf("without a chip: % x, %v; want zeros", in, err)
	}
	real.Attach(&counter{})
	if err := port.Tx([]byte{1, 2}, in); err != nil || in[0] != 1 || in[1] != 2 {
		t.Errorf("Tx read % x, %v", in, err)
	}
	if err := port.Tx([]byte{1}, in); err == nil {
		t.Error("two lengths in one transaction were accepted")
	}
	real.Fail(sim.ErrTimeout)
	if err := port.Tx(nil, in); !errors.Is(err, sim.ErrTimeout) {
		t.Errorf("got %v, want the fault", err)
	}
	real.Fail(nil)
	if err := port.Close(); err != nil {
		t.Error(err)
	}
	if err := port.Tx(nil, in); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed port gives %v", err)
	}
}

func TestOutputRemembers(t *testing.T) {
	b := sim.NewBoard()
	siren, lamp := b.Output("/dev/gpiochip0:1"), b.Output("gpiochip0:2")
	var ports []board.HostOutput
	for _, name := range []string{"gpiochip0:1", "gpiochip0:2"} {
		port, err := b.OpenOutput(name, name == "gpiochip0:2")
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, port)
	}
	if siren.On() || siren.High() || lamp.On() || !lamp.High() {
		t.Error("an output is on when it is requested")
	}
	if _, err := b.OpenOutput("gpiochip0:1", false); err == nil {
		t.Error("an output was requested twice")
	}
	for i, on := range []bool{true, true, false} {
		if err := ports[i%2].Set(on); err != nil {
			t.Error(err)
		}
	}
	if siren.On() || !lamp.On() || lamp.High() {
		t.Errorf("siren on %t, lamp on %t, lamp high %t", siren.On(), lamp.On(), lamp.High())
	}
	for _, tt := range []struct {
		out   *sim.Output
		order []int64
	}{{siren, []int64{1, 3}}, {lamp, []int64{2}}} {
		history := tt.out.History()
		if len(history) != len(tt.order) {
			t.Fatalf("history %v", history)
		}
		for i, s := range history {
			if s.Order != tt.order[i] {
				t.Errorf("setting %d has order %d, want %d", i, s.Order, tt.order[i])
			}
		}
	}
	lamp.Fail(errors.New("input/output error"))
	if err := ports[1].Set(true); err == nil || lamp.On() {
		t.Errorf("a line that is gone: %v, on %t", err, lamp.On())
	}
	if err := ports[0].Close(); err != nil {
		t.Error(err)
	}
	if err := ports[0].Set(true); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a closed output gives %v", err)
	}
}
