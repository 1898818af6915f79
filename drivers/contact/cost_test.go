package contact

import (
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

// restLine is a line that stays high.
type restLine struct{}

func (restLine) Level() (gpio.Level, error)              { return gpio.High, nil }
func (restLine) WaitForEdge(time.Duration) (bool, error) { return false, nil }

// BenchmarkReading is one look at a contact whose state Watch has confirmed.
func BenchmarkReading(b *testing.B) {
	c, err := New(restLine{}, Opts{Quantity: drivers.Door})
	if err != nil {
		b.Fatal(err)
	}
	c.confirm(active)
	b.ReportAllocs()
	for b.Loop() {
		if got, err := c.Sample(b.Context()); err != nil || len(got) != 1 {
			b.Fatal(got, err)
		}
	}
}
