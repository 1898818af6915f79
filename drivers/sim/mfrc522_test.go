package sim_test

import (
	"context"
	"encoding/csv"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"watchpost/drivers"
	"watchpost/drivers/board"
	"watchpost/drivers/mfrc522"
	"watchpost/drivers/sim"
)

// pollEvery is how often a reader is asked.
const pollEvery = 250 * time.Millisecond

// gate is the real driver on a simulated reader.
type gate struct {
	t      *testing.T
	chip   *sim.MFRC522
	reader *mfrc522.Dev
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{t: t, chip: sim.NewMFRC522()}
	g.reader = newReader(t, g.chip)
	return g
}

func newReader(t *testing.T, conn mfrc522.Conn) *mfrc522.Dev {
	t.Helper()
	reader, err := mfrc522.New(conn, mfrc522.Opts{})
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

// poll is one sample, and the pause after it: the number of a card presented,
// the reason of an error or a doubt, or "-".
func (g *gate) poll() string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 5*time.Second)
	defer cancel()
	start := time.Now()
	readings, err := g.reader.Sample(ctx)
	if took := time.Since(start); took > 400*time.Millisecond {
		g.t.Errorf("a poll took %s, want at most 400 ms", took)
	}
	<-time.After(pollEvery)
	switch {
	case err != nil:
		return string(drivers.ReasonOf(err))
	case !readings[0].Token.IsZero():
		return readings[0].Token.Secret()
	case readings[0].Quality != drivers.Good:
		return string(readings[0].Reason)
	}
	return "-"
}

func (g *gate) want(when string, want ...string) {
	g.t.Helper()
	for i, want := range want {
		if got := g.poll(); got != want {
			g.t.Errorf("%s, poll %d: %s, want %s", when, i+1, got, want)
		}
	}
}

// misread is the count of cards that could not be read.
func (g *gate) misread() int64 {
	g.t.Helper()
	readings, err := g.reader.Sample(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	return readings[1].Value.Coefficient
}

var (
	fourBytes  = []byte{0x3D, 0x99, 0xC7, 0x23}
	sevenBytes = []byte{0x02, 0xA2, 0x00, 0x71, 0xC8, 0x4F, 0x90}
	tenBytes   = []byte{0x04, 1, 2, 3, 4, 5, 6, 7, 8, 9}
)

func TestReaderReadsCards(t *testing.T) {
	for _, tt := range []struct {
		uid  []byte
		want string
	}{
		{fourBytes, "uid:3d99c723"},
		{sevenBytes, "uid:02a20071c84f90"},
		{tenBytes, "uid:04010203040506070809"},
		{[]byte{0x08, 1, 2, 3}, "uid-random:08010203"},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t)
			card := sim.NewCard(tt.uid...)
			g.want("empty field", "-", "-")
			g.chip.Present(card)
			g.want("card", tt.want, "-", "-", "-", "-", "-", "-", "-")
			g.chip.Remove(card)
			g.want("card gone for a moment", "-", "-", "-")
			g.chip.Present(card)
			g.want("card back", "-", "-")
			g.chip.Remove(card)
			g.want("card gone", "-", "-", "-", "-")
			g.chip.Present(card)
			g.want("card again", tt.want, "-")
			if n := g.misread(); n != 0 {
				t.Errorf("%d misread, want 0", n)
			}
		})
	}
}

// The card of a recording, read by another chip: the model says the same bytes,
// and the driver reads the same number.
func TestCardAnswersAsRecorded(t *testing.T) {
	var recorded []string
	f, err := os.Open("../mfrc522/testdata/st25r3916-nfc-a.spi.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := csv.NewReader(f)
	rows.Comment = '#'
	all, err := rows.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range all {
		if mosi, miso := row[1], row[2]; strings.HasPrefix(mosi, "9f") { // FIFO read
			recorded = append(recorded, miso[2:])
		}
	}
	// The recording wakes the card twice, and has no CRCs.
	want := []string{"4200", "4200", "8802a20028", "04", "71c84f9066", "20"}
	if !slices.Equal(recorded, want) {
		t.Fatalf("recorded answers %s, want %s", recorded, want)
	}
	synctest.Test(t, func(t *testing.T) {
		g := newGate(t)
		var said []string
		g.chip.OnAnswer(func(_, answer []byte) []byte {
			if n := len(answer); n > 0 {
				if n == 3 {
					n = 1 // SAK without its CRC
				}
				said = append(said, hex.EncodeToString(answer[:n]))
			}
			return answer
		})
		g.chip.Present(sim.NewCard(sevenBytes...))
		g.want("recorded card", "uid:02a20071c84f90", "-")
		if want := recorded[1:]; len(said) < len(want) || !slices.Equal(said[:len(want)], want) {
			t.Errorf("the model says %s, recorded %s", said, want)
		}
	})
}

// What a poll costs on the bus.
func TestReaderTransfers(t *testing.T) {
	for _, tt := range []struct {
		name string
		uid  []byte
		most int
	}{
		{"empty field", nil, 12}, {"4-byte UID", fourBytes, 45}, {"7-byte UID", sevenBytes, 65}, {"10-byte UID", tenBytes, 85},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t)
			if tt.uid != nil {
				g.chip.Present(sim.NewCard(tt.uid...))
			}
			g.poll()
			setUp := g.chip.Transfers()
			g.poll() // a card that was read rests, and is woken
			start, before := time.Now(), g.chip.Transfers()
			if _, err := g.reader.Sample(t.Context()); err != nil {
				t.Fatal(err)
			}
			n := g.chip.Transfers() - before
			t.Logf("%s: %d SPI transfers in %s of waiting; the first poll %d", tt.name, n, time.Since(start), setUp)
			if n > tt.most {
				t.Errorf("%s: %d transfers, want at most %d", tt.name, n, tt.most)
			}
		})
	}
}

// Behind the board a hanging port costs its deadline and comes back.
func TestReaderBehindTheBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := sim.NewBoard()
		chip := sim.NewMFRC522()
		host.SPI("spidev0.0").Attach(chip)
		b := board.New(host, board.Options{})
		defer func() {
			if err := b.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		reader := newReader(t, b.SPI("spidev0.0", physic.MegaHertz, spi.Mode0))
		release := host.SPI("spidev0.0").Hang()
		if _, err := reader.Sample(t.Context()); drivers.ReasonOf(err) != drivers.Stuck {
			t.Errorf("hanging port: %v, want stuck", err)
		}
		release()
		<-time.After(2 * time.Minute)
		chip.Present(sim.NewCard(fourBytes...))
		readings, err := reader.Sample(t.Context())
		if err != nil || readings[0].Token.Secret() != "uid:3d99c723" {
			t.Errorf("healed: %v, %v", readings, err)
		}
	})
}
