package board_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/board/ptytest"
)

func TestSerialRequestAndAnswer(t *testing.T) {
	w := newWire(t)
	defer w.close(t)
	w.open(t)
	w.serve(func(request []byte) [][]byte {
		half := len(request) / 2
		return [][]byte{request[:half], request[half:]}
	})
	for _, request := range []string{"one request", "and another"} {
		answer, err := w.port.Transact(within(t, guard), time.Millisecond, []byte(request), whole(len(request)))
		if err != nil || string(answer) != request {
			t.Errorf("got %q, %v; want %q", answer, err, request)
		}
	}
	ctx := within(t, 100*time.Millisecond)
	answer, err := w.port.Transact(ctx, 0, []byte("half"), whole(5))
	wantReason(t, err, drivers.BadAnswer)
	if string(answer) != "half" {
		t.Errorf("an incomplete answer gave %q, want what came", answer)
	}
	wrong := errors.New("checksum")
	answer, err = w.port.Transact(within(t, guard), 0, []byte("x"), func([]byte) (bool, error) { return false, wrong })
	if !errors.Is(err, wrong) || drivers.ReasonOf(err) != drivers.BadAnswer || string(answer) != "x" {
		t.Errorf("got %q, %v; want x and the caller's own error", answer, err)
	}
}

func TestSerialNoAnswer(t *testing.T) {
	w := newWire(t)
	defer w.close(t)
	answer, err := w.port.Transact(within(t, 50*time.Millisecond), 0, []byte("anybody?"), whole(1))
	wantReason(t, err, drivers.NoAnswer)
	if len(answer) != 0 {
		t.Errorf("silence gave % x", answer)
	}
	if len(w.reports) != 0 {
		t.Errorf("a silent peer took the port down: %s", <-w.reports)
	}
}

func TestSerialDropsWhatIsStale(t *testing.T) {
	w := newWire(t)
	defer w.close(t)
	w.open(t)
	if _, err := w.pty.Master.Write(bytes.Repeat([]byte("late answer"), 100)); err != nil {
		t.Fatal(err)
	}
	w.serve(func([]byte) [][]byte { return [][]byte{[]byte("fresh")} })
	answer, err := w.port.Transact(within(t, guard), 5*time.Millisecond, []byte("?"), whole(5))
	if err != nil || string(answer) != "fresh" {
		t.Errorf("got %q, %v; want fresh", answer, err)
	}
}

func TestSerialKeepsQuiet(t *testing.T) {
	const quiet = 60 * time.Millisecond
	w := newWire(t)
	defer w.close(t)
	w.open(t)
	asked := make(chan time.Time, 10)
	w.serve(func([]byte) [][]byte {
		asked <- time.Now()
		return [][]byte{[]byte("k")}
	})
	for range 2 {
		if _, err := w.port.Transact(within(t, guard), quiet, []byte("?"), whole(1)); err != nil {
			t.Fatal(err)
		}
	}
	if gap := (<-asked).Sub(<-asked).Abs(); gap < quiet {
		t.Errorf("requests came %s apart, want at least %s of silence", gap, quiet)
	}
}

func TestSerialBabbleEndsAtTheDeadline(t *testing.T) {
	w := newWire(t)
	defer w.close(t)
	w.open(t)
	ctx, stop := context.WithCancel(t.Context())
	babbled := make(chan struct{})
	master := w.pty.Master
	go func() {
		defer close(babbled)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			<-tick.C
			if _, err := master.Write([]byte("bla ")); err != nil {
				return
			}
		}
	}()
	start := time.Now()
	answer, err := w.port.Transact(within(t, 100*time.Millisecond), 0, []byte("?"), whole(1<<20))
	wantReason(t, err, drivers.BadAnswer)
	if took := time.Since(start); took > guard {
		t.Errorf("a babbling peer held the port for %s", took)
	}
	if len(answer) == 0 {
		t.Error("what came is not handed back")
	}
	stop()
	<-babbled
	w.serve(func([]byte) [][]byte { return [][]byte{[]byte("k")} })
	if _, err := w.port.Transact(within(t, guard), 20*time.Millisecond, []byte("?"), whole(1)); err != nil {
		t.Errorf("after the babble: %v", err)
	}
	if len(w.reports) != 0 {
		t.Errorf("babble took the port down: %s", <-w.reports)
	}
}

func TestSerialEndlessAnswerIsCut(t *testing.T) {
	w := newWire(t)
	defer w.close(t)
	w.open(t)
	w.serve(func([]byte) [][]byte { return [][]byte{make([]byte, 8192)} })
	answer, err := w.port.Transact(within(t, guard), 0, []byte("?"), whole(1<<20))
	wantReason(t, err, drivers.BadAnswer)
	if len(answer) > 4096+256 {
		t.Errorf("an answer without end gave %d bytes", len(answer))
	}
}

func TestSerialPulledOutAndPutBack(t *testing.T) {
	w := newWire(t)
	defer w.close(t)
	w.open(t)
	failed := make(chan error)
	go func() {
		_, err := w.port.Transact(within(t, guard), 0, []byte("?"), whole(1))
		failed <- err
	}()
	p := make([]byte, 1)
	for { // the request is out: the port is being read
		if n, err := w.pty.Master.Read(p); err == nil && n == 1 {
			break
		}
	}
	start := time.Now()
	if err := w.pty.Close(); err != nil {
		t.Fatal(err)
	}
	err := <-failed
	wantReason(t, err, drivers.BusDown)
	if took := time.Since(start); took > guard/2 {
		t.Errorf("a port pulled out was noticed after %s", took)
	}
	t.Logf("pulled out, after %s: %v", time.Since(start), err)
	if got := <-w.reports; got != "down bus_down" {
		t.Errorf("report %q, want down bus_down", got)
	}
	_, err = w.port.Transact(within(t, guard), 0, []byte("?"), whole(1))
	if err == nil {
		t.Error("a port that is gone answered")
	}

	w.plug(t)
	w.serve(func([]byte) [][]byte { return [][]byte{[]byte("k")} })
	w.retry(t)
	if got := <-w.reports; got != "up" {
		t.Errorf("report %q, want up", got)
	}
}

// retry asks until the port answers.
func (w *wire) retry(t *testing.T) {
	t.Helper()
	ctx := within(t, guard)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := w.port.Transact(ctx, 0, []byte("?"), whole(1))
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the port was put back and not found: %v", err)
		case <-tick.C:
		}
	}
}

func TestSerialListen(t *testing.T) {
	w := newWire(t)
	defer w.close(t)
	ctx, cancel := context.WithCancel(within(t, guard))
	var heard []byte
	silences := 0
	err := w.port.Listen(ctx, func(p []byte) {
		heard = append(heard, p...)
		switch {
		case p == nil && silences == 0: // the port is open
			silences++
			if _, err := w.pty.Master.Write([]byte("frame")); err != nil {
				t.Error(err)
			}
		case p == nil:
			silences++
		}
		if silences == 3 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || string(heard) != "frame" {
		t.Errorf("heard %q, ended with %v; want frame and its context's end", heard, err)
	}
	// It may listen again, and hears of a port that is pulled out.
	err = w.port.Listen(within(t, guard), func(p []byte) {
		if p == nil {
			_ = w.pty.Close() // the second time it is closed already
		}
	})
	wantReason(t, err, drivers.BusDown)
	if got := <-w.reports; got != "down bus_down" {
		t.Errorf("report %q, want down bus_down", got)
	}
}

func TestSerialHasOneUse(t *testing.T) {
	w := newWire(t)
	defer w.close(t)
	ctx, cancel := context.WithCancel(within(t, guard))
	err := w.port.Listen(ctx, func([]byte) {
		wantReason(t, w.port.Listen(ctx, func([]byte) {}), drivers.BadWiring)
		_, err := w.port.Transact(ctx, 0, nil, whole(1))
		wantReason(t, err, drivers.BadWiring)
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// What listens now and then, between two failures, keeps the port.
	_, err = w.port.Transact(within(t, guard), 0, nil, whole(1))
	wantReason(t, err, drivers.BadWiring)

	other := line9600
	other.Parity = board.ParityEven
	_, err = w.board.Serial(w.link, other).Transact(within(t, guard), 0, nil, whole(1))
	wantReason(t, err, drivers.BadWiring)
	if !strings.Contains(err.Error(), "9600 8E1") || !strings.Contains(err.Error(), "9600 8N1") {
		t.Errorf("%q does not name both modes", err)
	}
}

func TestSerialOpensOnce(t *testing.T) {
	w := newWire(t)
	defer w.close(t)
	w.open(t)
	// Another name of the same port: the kernel knows.
	port := w.board.Serial(w.pty.Path, line9600)
	_, err := port.Transact(within(t, guard), 0, nil, whole(1))
	wantReason(t, err, drivers.BadWiring)
	t.Log(err)
}

func TestSerialThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	pty, err := ptytest.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pty.Close() }()
	rs485 := line9600
	rs485.RS485 = true
	for _, tt := range []struct {
		name   string
		mode   board.SerialMode
		reason drivers.Reason
		text   string
	}{
		{filepath.Join(dir, "nothing"), line9600, drivers.Missing, "no such file"},
		{plain, line9600, drivers.BadWiring, "not a serial port"},
		{pty.Path, rs485, drivers.BadWiring, "RS-485"},
		{pty.Path, board.SerialMode{Baud: 9600}, drivers.BadWiring, "not possible"},
	} {
		b := board.New(board.Periph(nil), board.Options{})
		_, err := b.Serial(tt.name, tt.mode).Transact(within(t, guard), 0, nil, whole(1))
		wantReason(t, err, tt.reason)
		if err != nil && !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%q does not say %q", err, tt.text)
		}
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestSerialLeavesNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	files := openFiles(t)
	for range 5 {
		w := newWire(t)
		served := w.serve(func(request []byte) [][]byte { return [][]byte{request} })
		if _, err := w.port.Transact(within(t, guard), 0, []byte("?"), whole(1)); err != nil {
			t.Error(err)
		}
		w.close(t)
		<-served
	}
	pty, err := ptytest.Open()
	if err != nil {
		t.Fatal(err)
	}
	rs485 := line9600
	rs485.RS485 = true
	for range 5 { // opens halfway, and not at all
		if port, err := board.Periph(nil).OpenSerial(pty.Path, rs485); err == nil {
			t.Error("a pseudo-terminal took RS-485 mode")
			_ = port.Close() // the test has failed already
		}
	}
	if err := pty.Close(); err != nil {
		t.Error(err)
	}
	// A goroutine that has said it ended may still be counted for a moment.
	hung := time.After(guard)
	for after := runtime.NumGoroutine(); after > before; after = runtime.NumGoroutine() {
		select {
		case <-hung:
			t.Fatalf("%d goroutines before, %d after", before, after)
		case <-time.After(time.Millisecond):
		}
	}
	if after := openFiles(t); after > files {
		t.Errorf("%d open files before, %d after", files, after)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestSerialCloseDuringUse(t *testing.T) {
	w := newWire(t)
	failed := make(chan error)
	go func() {
		_, err := w.port.Transact(within(t, 100*guard), 0, []byte("?"), whole(1))
		failed <- err
	}()
	p := make([]byte, 1)
	for {
		if n, err := w.pty.Master.Read(p); err == nil && n == 1 {
			break
		}
	}
	w.close(t)
	if err := <-failed; !errors.Is(err, board.ErrClosed) {
		t.Errorf("got %v, want that the board is closed", err)
	}
}
