package all_test

import (
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"watchpost/drivers/all"
	"watchpost/drivers/board"
	"watchpost/drivers/sim"
)

const mfrc522Port = "spidev0.0"

// addMFRC522 puts a reader with an empty field on the board.
func addMFRC522(b *sim.Board) *sim.MFRC522 {
	chip := sim.NewMFRC522()
	b.SPI(mfrc522Port).Attach(chip)
	return chip
}

// From the options to a card's number: through the board's SPI port, at the
// speed and in the mode asked for.
func TestMFRC522ReadsACard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := sim.NewBoard()
		chip := addMFRC522(host)
		chip.Present(sim.NewCard(0x02, 0xA2, 0x00, 0x71, 0xC8, 0x4F, 0x90))
		b := board.New(host, board.Options{})
		defer func() {
			if err := b.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		driver, ok := all.Lookup("mfrc522")
		if !ok {
			t.Fatal("mfrc522 is not in the list")
		}
		options := driver.Options().(*all.MFRC522Options)
		options.Port = "/dev/" + mfrc522Port
		if err := options.Speed.Set("4MHz"); err != nil {
			t.Fatal(err)
		}
		sensor, err := driver.Build(b, options, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"uid:02a20071c84f90", ":"} {
			readings, err := sensor.Sampler.Sample(t.Context())
			if err != nil || len(readings) != 2 || readings[0].Token.Secret() != want {
				t.Errorf("poll %d: %v, %v; want token %q", i, readings, err, want)
			}
		}
		if speed, mode := host.SPI(mfrc522Port).Settings(); speed != 4*physic.MegaHertz || mode != spi.Mode0 {
			t.Errorf("port opened at %s in %s, want 4MHz in mode 0", speed, mode)
		}
	})
}

func TestMFRC522Options(t *testing.T) {
	for want, options := range map[string]*all.MFRC522Options{
		"port speed gone": {},
		"speed":           {Port: "spidev0.0", Speed: all.Frequency(11 * physic.MegaHertz), Gone: 1},
		"gone":            {Port: "spidev0.0", Speed: all.Frequency(10 * physic.MegaHertz), Gone: 1001},
		"":                {Port: "SPI0.1", Speed: all.Frequency(100 * physic.KiloHertz), Gone: 1000},
	} {
		got := ""
		for i, p := range options.Validate() {
			if i > 0 {
				got += " "
			}
			got += p.Key
		}
		if got != want {
			t.Errorf("%+v: problems with %q, want %q", options, got, want)
		}
	}
	for _, port := range []string{"spidev1.0", "/dev/spidev1.0", "SPI1.0"} {
		if got := (&all.MFRC522Options{Port: port}).Claims(); len(got) != 1 || got[0] != "spidev1.0" {
			t.Errorf("%s claims %v, want spidev1.0", port, got)
		}
	}
}

func TestFrequency(t *testing.T) {
	for in, want := range map[string]string{
		"1MHz": "1MHz", "0.5MHz": "500kHz", "1.5 kHz": "1500Hz", "10MHz": "10MHz", "0Hz": "0Hz", "100kHz": "100kHz",
	} {
		var f all.Frequency
		if err := f.Set(in); err != nil || f.String() != want {
			t.Errorf("frequency %q = %s, %v; want %s", in, f, err, want)
		}
	}
	for _, in := range []string{"", "1", "MHz", "1mhz", "-1MHz", "0.5Hz", "1e6Hz", "1GHz", "9999999MHz"} {
		var f all.Frequency
		if err := f.Set(in); err == nil {
			t.Errorf("frequency %q accepted as %s", in, f)
		}
	}
}
