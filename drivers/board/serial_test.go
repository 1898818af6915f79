package board_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"watchpost/drivers"
	"watchpost/drivers/sim"

	"watchpost/drivers/board"
)

var line9600 = board.SerialMode{Baud: 9600, DataBits: 8, Parity: board.ParityNone, StopBits: 1}

// ask asks for an answer of n bytes within d.
func ask(t *testing.T, port *board.Serial, d, quiet time.Duration, request string, n int) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return port.Transact(ctx, quiet, []byte(request), func(answer []byte) (bool, error) { return len(answer) >= n, nil })
}

func TestLineThatIsNeverSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		far, port := r.host.Serial("ttyS1"), r.board.Serial("/dev/ttyS1", line9600)
		_, _ = ask(t, port, time.Millisecond, 0, "", 1) // opens it
		ctx, stop := context.WithCancel(t.Context())
		var babble sync.WaitGroup
		babble.Go(func() {
			for ctx.Err() == nil {
				far.Send([]byte("bla"))
				pass(3 * time.Millisecond)
			}
		})
		start := time.Now()
		_, err := ask(t, port, 300*time.Millisecond, 4*time.Millisecond, "?", 1)
		wantReason(t, err, drivers.BadAnswer)
		if err == nil || !strings.Contains(err.Error(), "never silent") {
			t.Errorf("got %v, want a line that is never silent", err)
		}
		if took := time.Since(start); took != 300*time.Millisecond {
			t.Errorf("it took %s, want its 300ms", took)
		}
		if n := len(far.Written()); n != 0 {
			t.Errorf("%d requests were sent into the babble", n)
		}
		// Pauses of 3 ms are silence enough for who asks for 2.
		if _, err := ask(t, port, 300*time.Millisecond, 2*time.Millisecond, "?", 1); err != nil {
			t.Errorf("with pauses that are long enough: %v", err)
		}
		stop()
		babble.Wait()
		r.wantReports(t)
	})
}

// The silence counts from the end of what was sent and from what was received.
func TestQuietIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		far, port := r.host.Serial("ttyS1"), r.board.Serial("ttyS1", line9600)
		var asked []time.Time
		far.Attach(func([]byte) []sim.Piece {
			asked = append(asked, time.Now())
			return []sim.Piece{{After: 50 * time.Millisecond, Bytes: []byte("a")}, {After: 5 * time.Millisecond, Bytes: []byte("b")}}
		})
		for range 3 {
			if answer, err := ask(t, port, time.Second, 20*time.Millisecond, "?", 2); err != nil || string(answer) != "ab" {
				t.Fatalf("got %q, %v; want ab", answer, err)
			}
		}
		for i := 1; i < len(asked); i++ {
			if gap := asked[i].Sub(asked[i-1]); gap != 75*time.Millisecond {
				t.Errorf("request %d came %s after the one before, want 75ms", i, gap)
			}
		}
		// Without an answer: the request's own 10 bits take 1.04 ms.
		far.Attach(func([]byte) []sim.Piece { asked = append(asked, time.Now()); return nil })
		asked = nil
		for range 2 {
			_, err := ask(t, port, 10*time.Millisecond, 9500*time.Microsecond, "?", 1)
			_ = err // the first has no answer; the second may not have had its silence
		}
		if len(asked) != 1 {
			t.Fatalf("%d requests within 20 ms, want 1: 9.5 ms of silence after 1.04 ms of request are over 10 ms", len(asked))
		}
	})
}

// What lies in the port is dropped however much it is and however short the
// silence.
func TestStaleBytesAreDroppedWithoutSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		far, port := r.host.Serial("ttyS1"), r.board.Serial("ttyS1", line9600)
		far.Attach(func([]byte) []sim.Piece { return sim.Answer([]byte("fresh")) })
		for range 2 {
			if answer, err := ask(t, port, time.Second, 0, "?", 5); err != nil || string(answer) != "fresh" {
				t.Errorf("got %d bytes, %v; want fresh", len(answer), err)
			}
			far.Send(make([]byte, 1100))
		}
	})
}

func TestLateAnswerMeetsNoOtherRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		far, port := r.host.Serial("ttyS1"), r.board.Serial("ttyS1", line9600)
		far.Attach(func(request []byte) []sim.Piece {
			after := time.Millisecond
			if string(request) == "slow" {
				after = 150 * time.Millisecond
			}
			return []sim.Piece{{After: after, Bytes: request}}
		})
		_, err := ask(t, port, 100*time.Millisecond, 4*time.Millisecond, "slow", 4)
		wantReason(t, err, drivers.NoAnswer)
		pass(100 * time.Millisecond)
		if answer, err := ask(t, port, 100*time.Millisecond, 4*time.Millisecond, "fast", 4); err != nil || string(answer) != "fast" {
			t.Errorf("got %q, %v; want fast", answer, err)
		}
	})
}

// 31 of 32 devices on one line say nothing, say garbage or answer by halves: the
// one that lives gets every answer, none of them somebody else's.
func TestOneLivingAmongManyOnALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		far, port := r.host.Serial("ttyS1"), r.board.Serial("ttyS1", line9600)
		far.Attach(func(request []byte) []sim.Piece {
			switch address := request[0]; {
			case address == 32:
				return sim.Answer([]byte{32, 1, 2})
			case address%3 == 0:
				return nil
			case address%3 == 1:
				return sim.Answer([]byte{0xEE, 0xEE, 0xEE, 0xEE})
			default:
				return sim.Answer([]byte{address})
			}
		})
		ctx, stop := context.WithCancel(t.Context())
		var others sync.WaitGroup
		for address := byte(1); address < 32; address++ {
			others.Go(func() {
				for ctx.Err() == nil {
					one, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
					_, _ = port.Transact(one, 4*time.Millisecond, []byte{address}, exactly(address)) // fails by design
					cancel()
					pass(2 * time.Second)
				}
			})
		}
		for i := range 50 {
			one, cancel := context.WithTimeout(ctx, time.Second)
			answer, err := port.Transact(one, 4*time.Millisecond, []byte{32}, exactly(32))
			cancel()
			if err != nil || string(answer) != "\x20\x01\x02" {
				t.Fatalf("answer %d: % x, %v", i, answer, err)
			}
			pass(200 * time.Millisecond)
		}
		stop()
		others.Wait()
		r.wantReports(t)
	})
}

// exactly is complete for answers of three bytes that begin with address.
func exactly(address byte) func([]byte) (bool, error) {
	return func(answer []byte) (bool, error) {
		if answer[0] != address {
			return false, errors.New("not mine")
		}
		return len(answer) == 3, nil
	}
}

// A driver that panics while it looks at an answer fails like one that returns
// an error: the port serves the others on.
func TestPanicOfADriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		far, port := r.host.Serial("ttyS1"), r.board.Serial("ttyS1", line9600)
		far.Attach(func([]byte) []sim.Piece { return []sim.Piece{{Bytes: []byte("a")}} })
		_, err := port.Transact(t.Context(), 0, []byte("?"), func(answer []byte) (bool, error) { return answer[1] == 0, nil })
		wantReason(t, err, drivers.Broken)
		if err == nil || !strings.Contains(err.Error(), "out of range") {
			t.Errorf("got %v, want the panic's text", err)
		}
		if answer, err := ask(t, port, time.Second, 0, "?", 1); err != nil || string(answer) != "a" {
			t.Errorf("the next one: %q, %v", answer, err)
		}
	})
}

// A port that is gone is looked for at least every 10 s, however long it is gone,
// and a Listen that is repeated finds it again.
func TestPortIsLookedForOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		far, port := r.host.Serial("ttyUSB0"), r.board.Serial("ttyUSB0", line9600)
		heard := make(chan []byte, 100)
		ctx, stop := context.WithCancel(t.Context())
		var listener sync.WaitGroup
		listener.Go(func() {
			for ctx.Err() == nil {
				err := port.Listen(ctx, func(p []byte) {
					if p != nil {
						heard <- p
					}
				})
				if err == nil {
					t.Error("Listen ended without an error")
				}
				pass(100 * time.Millisecond)
			}
		})
		pass(time.Second)
		var reports []string
		for i := range 6 { // at any moment of the wait
			far.Unplug()
			pass(30*time.Minute + time.Duration(i)*10*time.Second)
			far.Plug()
			pass(10*time.Second + 200*time.Millisecond)
			far.Send([]byte("here"))
			pass(time.Millisecond)
			select {
			case got := <-heard:
				if string(got) != "here" {
					t.Errorf("heard %q, want here", got)
				}
			default:
				t.Fatalf("round %d: the port was not found within 10 s", i)
			}
			pass(100 * time.Millisecond)
			reports = append(reports, "ttyUSB0 bus_down", "ttyUSB0 up")
		}
		r.wantReports(t, reports...)
		stop()
		listener.Wait()
	})
}

// Who waits for a turn leaves at the end of its context, and what it asked for
// is never sent.
func TestTurnEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		far, port := r.host.Serial("ttyS1"), r.board.Serial("ttyS1", line9600)
		var first sync.WaitGroup
		first.Go(func() {
			_, err := ask(t, port, time.Second, 0, "long", 1)
			wantReason(t, err, drivers.NoAnswer)
		})
		synctest.Wait()
		start := time.Now()
		_, err := ask(t, port, 300*time.Millisecond, 0, "short", 1)
		wantReason(t, err, drivers.Stuck)
		if took := time.Since(start); took != 300*time.Millisecond {
			t.Errorf("left after %s, want 300ms", took)
		}
		first.Wait()
		synctest.Wait()
		if written := far.Written(); len(written) != 1 || string(written[0]) != "long" {
			t.Errorf("sent %q, want only the first request", written)
		}
	})
}

// Who is given up in the middle of an exchange leaves within a slice of reading.
func TestExchangeEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		r.host.Serial("ttyS1") // says nothing
		port := r.board.Serial("ttyS1", line9600)
		for _, quiet := range []time.Duration{0, 10 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			timer := time.AfterFunc(250*time.Millisecond, cancel)
			start := time.Now()
			_, err := port.Transact(ctx, quiet, []byte("?"), func([]byte) (bool, error) { return false, nil })
			if took := time.Since(start); err == nil || took > 400*time.Millisecond {
				t.Errorf("quiet %s: left after %s with %v, want 250 to 350ms", quiet, took, err)
			}
			if quiet == 0 && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the context's end", err)
			}
			timer.Stop()
			cancel()
		}
	})
}

// stuckPort is a host whose serial ports hang in the kernel until released.
type stuckPort struct {
	*sim.Board
	release chan struct{}
}

func (s stuckPort) OpenSerial(string, board.SerialMode) (board.HostSerial, error) { return s, nil }

func (s stuckPort) Read(p []byte, timeout time.Duration) (int, error) {
	if timeout > 0 {
		<-s.release
		return copy(p, "late"), nil
	}
	return 0, nil
}

func (s stuckPort) Write(p []byte) (int, error) { return len(p), nil }
func (s stuckPort) Discard() error              { return nil }
func (s stuckPort) Close() error                { return nil }

// A call that hangs in the kernel is left to itself: its caller is told, the port
// is down, and what comes late reaches nobody.
func TestSerialStuckInTheKernel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := stuckPort{Board: sim.NewBoard(), release: make(chan struct{})}
		b := board.New(host, board.Options{Jitter: func() float64 { return 0 }})
		port := b.Serial("ttyS1", line9600)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start, left := time.Now(), false
		answer, err := port.Transact(ctx, 0, []byte("?"), func([]byte) (bool, error) {
			if left {
				t.Error("complete was called after its caller had gone")
			}
			return true, nil
		})
		left = true
		wantReason(t, err, drivers.Stuck)
		if took := time.Since(start); took != 1300*time.Millisecond || len(answer) != 0 {
			t.Errorf("told after %s with %q, want after the deadline and 1s more", took, answer)
		}
		_, err = ask(t, port, time.Second, 0, "?", 1)
		wantReason(t, err, drivers.BusDown)
		close(host.release)
		synctest.Wait()
		if string(answer) != "" {
			t.Errorf("a late answer reached its caller: %q", answer)
		}
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
