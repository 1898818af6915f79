package configs

import (
	"testing"

	"pgregory.net/rapid"
)

func TestLength(t *testing.T) {
	for text, want := range map[string]string{
		"1cm": "0.01m", "1.8m": "1.8m", "1.50m": "1.50m", "5mm": "0.005m", "0.5mm": "0.0005m", "-3cm": "-0.03m",
		"150cm": "1.50m", "0m": "0m", "12m": "12m", "0.000001mm": "0.000000001m",
	} {
		var l Length
		if err := l.Set(text); err != nil || l.String() != want {
			t.Errorf("Set(%q) = %v, %v, want %s", text, l, err, want)
		}
	}
	for _, text := range []string{"", "m", "1", "1 m", "1.m", ".5m", "01m", "1e3m", "+1m", "--1m", "1km", "1.5.5m", "1,5m", "１m", "0.0000001mm", "9999999999999999999m", "-9223372036854775808m"} {
		if l := (Length{7, 1}); l.Set(text) == nil || l != (Length{7, 1}) {
			t.Errorf("Set(%q) was taken as %v, or changed the value", text, l)
		}
	}
}

func TestLengthCompares(t *testing.T) {
	lengths := []Length{{-9e18, 0}, {-1, 0}, {-1, 9}, {0, 0}, {1, 9}, {140, 2}, {15, 1}, {9e18, 1}, {9e18, 0}}
	for i, a := range lengths {
		for j, b := range lengths {
			if got, want := a.Compare(b), order(int64(i), int64(j)); got != want {
				t.Errorf("%v.Compare(%v) = %d, want %d", a, b, got, want)
			}
		}
	}
	if (Length{150, 2}).Compare(Length{15, 1}) != 0 {
		t.Error("1.50m is not 1.5m")
	}
}

func TestLengthReadsWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Length{rapid.Int64Min(-1<<63+1).Draw(t, "coefficient"), rapid.Uint8Max(maxScale).Draw(t, "scale")}
		var got Length
		if err := got.Set(want.String()); err != nil || got != want {
			t.Fatalf("Set(%q) = %v, %v, want %v", want, got, err, want)
		}
	})
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{"64MB": 64e6, "64MiB": 64 << 20, "1GB": 1e9, "2GiB": 2 << 30, "10kB": 1e4, "1KiB": 1024, "5B": 5, "0B": 0} {
		var b Bytes
		if err := b.Set(text); err != nil || b != want || b.String() != text {
			t.Errorf("Set(%q) = %v, %v, want %d", text, b, err, int64(want))
		}
	}
	for _, text := range []string{"", "64", "MB", "64mb", "64M", "6.4MB", "064MB", "-1MB", "64 MB", "9223372036854775807GB"} {
		if b := Bytes(7); b.Set(text) == nil || b != 7 {
			t.Errorf("Set(%q) was taken as %v, or changed the value", text, b)
		}
	}
}
