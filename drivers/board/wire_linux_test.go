package board_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/board/ptytest"
)

// guard is what nothing here may take; the longest honest wait is 1.2 s.
const guard = 20 * time.Second

// wire is a board on the real host with one pseudo-terminal behind a symlink,
// as udev makes them for adapters.
type wire struct {
	pty     *ptytest.PTY
	link    string
	board   *board.Board
	port    *board.Serial
	reports chan string
}

func newWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{link: filepath.Join(t.TempDir(), "usb-adapter"), reports: make(chan string, 100)}
	w.plug(t)
	w.board = board.New(board.Periph(nil), board.Options{
		BackoffMin: 10 * time.Millisecond,
		Jitter:     func() float64 { return 0 },
		Report: func(device string, err error) {
			word := "up"
			if err != nil {
				word = "down " + string(drivers.ReasonOf(err))
			}
			w.reports <- word
		},
	})
	w.port = w.board.Serial(w.link, line9600)
	return w
}

// plug puts a new pseudo-terminal behind the symlink.
func (w *wire) plug(t *testing.T) {
	t.Helper()
	pty, err := ptytest.Open()
	if err != nil {
		t.Fatal(err)
	}
	w.pty = pty
	_ = os.Remove(w.link) // there is none the first time
	if err := os.Symlink(pty.Path, w.link); err != nil {
		t.Fatal(err)
	}
}

func (w *wire) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	if err := w.board.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
	_ = w.pty.Close() // closed already where a test pulls it out
}

// serve answers the requests that come, each with the pieces answer gives.
func (w *wire) serve(answer func(request []byte) [][]byte) (done chan struct{}) {
	done = make(chan struct{})
	master := w.pty.Master
	go func() {
		defer close(done)
		p := make([]byte, 256)
		for {
			n, err := master.Read(p)
			if err != nil {
				if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
					return
				}
				continue // EIO until the port is open
			}
			for _, piece := range answer(p[:n]) {
				if _, err := master.Write(piece); err != nil {
					return
				}
			}
		}
	}()
	return done
}

func (w *wire) open(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := w.port.Transact(ctx, 0, nil, whole(1))
	wantReason(t, err, drivers.NoAnswer)
}

// whole is a complete that wants n bytes.
func whole(n int) func([]byte) (bool, error) {
	return func(answer []byte) (bool, error) { return len(answer) >= n, nil }
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
