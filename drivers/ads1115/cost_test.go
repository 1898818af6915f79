package ads1115

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkReading is one conversion at the fastest rate, most of which is
// waiting for the chip: the processor's time stands beside it.
func BenchmarkReading(b *testing.B) {
	d, err := New(newChip(), AddrGND, Opts{})
	if err != nil {
		b.Fatal(err)
	}
	before := processorTime(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Voltage(b.Context(), AIN0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
