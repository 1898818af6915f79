package sim_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/sim"
	"watchpost/drivers/wiegand"
)

const capture = "testdata/wiegand34-two-reads.edges.csv"

func captured(t *testing.T) []drivers.Edge {
	t.Helper()
	file, err := os.Open(capture)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	edges, err := sim.ReadEdges(file, "d0", "d1")
	if err != nil {
		t.Fatal(err)
	}
	return edges
}

func TestReadEdges(t *testing.T) {
	edges := captured(t)
	// Two frames of 34 pulses, two edges each.
	if len(edges) != 136 || edges[0] != (drivers.Edge{Line: 0, At: 622_400_000, Seqno: 1}) {
		t.Errorf("%d edges, the first is %+v", len(edges), edges[0])
	}
	head := "# source\ntime_ns,line,level\n0,d0,1\n0,d1,1\n"
	for name, text := range map[string]string{
		"no header":    "0,d0,1\n",
		"empty":        head,
		"other line":   head + "5,d2,0\n",
		"other level":  head + "5,d0,2\n",
		"back in time": head + "5,d0,0\n4,d0,1\n",
		"same level":   head + "5,d0,1\n",
		"no number":    head + "x,d0,0\n",
		"negative":     head + "-5,d0,0\n",
		"short":        head + "5,d0\n",
	} {
		if got, err := sim.ReadEdges(strings.NewReader(text), "d0", "d1"); err == nil {
			t.Errorf("%s: accepted as %v", name, got)
		}
	}
}

// entrance is a reader at a gate: simulated lines under a real board and driver.
type entrance struct {
	lines  *sim.Edges
	board  *board.Board
	reader *wiegand.Reader
}

func newEntrance(t *testing.T, formats wiegand.Formats) *entrance {
	t.Helper()
	host := sim.NewBoard()
	g := &entrance{lines: host.Edges("gpiochip0:5", "gpiochip0:6"), board: board.New(host, board.Options{})}
	t.Cleanup(func() {
		if err := g.board.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	var err error
	g.reader, err = wiegand.New(g.board.Edges([]string{"gpiochip0:5", "gpiochip0:6"}, board.EdgeOptions{FallingOnly: true}), wiegand.Opts{Formats: formats})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// during watches for a time while act plays, and returns the tokens and the last
// reading of each quantity.
func (g *entrance) during(t *testing.T, d time.Duration, act func(context.Context)) (tokens string, card, misread drivers.Reading, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	played := make(chan struct{})
	go func() {
		defer close(played)
		act(ctx)
	}()
	err = g.reader.Watch(ctx, func(r drivers.Reading) {
		switch {
		case !r.Token.IsZero():
			tokens += r.Token.Secret() + " "
		case r.Quantity == drivers.Card:
			card = r
		default:
			misread = r
		}
	})
	<-played
	return tokens, card, misread, err
}

// The recording, played back at its own pace through lines, board and driver.
func TestCapturedCards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newEntrance(t, wiegand.UID34)
		edges := captured(t)
		tokens, card, misread, _ := g.during(t, 3*time.Second, func(ctx context.Context) {
			if err := g.lines.Play(ctx, edges); err != nil {
				t.Error(err)
			}
		})
		if tokens != "uid:45320488 uid:45320488 " || card.Value != drivers.Int(2) || misread.Value != drivers.Int(0) {
			t.Errorf("read %s, card %+v, misread %+v", tokens, card, misread)
		}
	})
}

func TestWiegandFaults(t *testing.T) {
	const frame = "00110001100000011111001111"
	send := func(t *testing.T, g *entrance, frame string) func(context.Context) {
		return func(ctx context.Context) {
			<-time.After(time.Second)
			if err := g.lines.Send(ctx, frame, 2*time.Millisecond); err != nil {
				t.Error(err)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		act    func(t *testing.T, g *entrance) func(context.Context)
		tokens string
		want   drivers.Reason
	}{
		{"none", func(t *testing.T, g *entrance) func(context.Context) { return send(t, g, frame) }, "h10301:99/999 ", ""},
		{"lost edge", func(t *testing.T, g *entrance) func(context.Context) {
			return func(ctx context.Context) {
				<-time.After(900 * time.Millisecond)
				for i, bit := range frame {
					if i == 10 {
						g.lines.Lose(1)
					}
					g.lines.Inject(drivers.Edge{Line: int(bit & 1), At: g.lines.Now() + time.Duration(i)*2*time.Millisecond})
				}
			}
		}, "", drivers.Overrun},
		{"stuck line", func(t *testing.T, g *entrance) func(context.Context) {
			return func(context.Context) {
				<-time.After(500 * time.Millisecond)
				g.lines.SetLevel(0, gpio.Low)
			}
		}, "", drivers.LineStuck},
		{"swapped", func(t *testing.T, g *entrance) func(context.Context) {
			return send(t, g, strings.NewReplacer("0", "1", "1", "0").Replace(frame))
		}, "", drivers.SwappedLines},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newEntrance(t, wiegand.H10301)
				tokens, card, _, _ := g.during(t, 4*time.Second, tt.act(t, g))
				if tokens != tt.tokens || card.Reason != tt.want {
					t.Errorf("read %q, card %+v; want %q, %q", tokens, card, tt.tokens, tt.want)
				}
			})
		})
	}
}

func TestWiegandUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newEntrance(t, wiegand.H10301)
		_, _, _, err := g.during(t, 4*time.Second, func(context.Context) {
			<-time.After(time.Second)
			g.lines.Unplug(true)
		})
		if drivers.ReasonOf(err) != drivers.BusDown {
			t.Errorf("unplugged: %v", err)
		}
	})
}
