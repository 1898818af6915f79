package wiegand

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/drivers"
)

func keys4(at time.Duration, code string) (edges []drivers.Edge) {
	for i, r := range code {
		key := strings.IndexRune("0123456789*#", r)
		edges = append(edges, train(at+time.Duration(i)*400*ms, 2*ms, sendable(uint64(key), 4))...)
	}
	return edges
}

func keys8(at time.Duration, code string) (edges []drivers.Edge) {
	for i, r := range code {
		key := uint64(strings.IndexRune("0123456789*#", r))
		edges = append(edges, train(at+time.Duration(i)*400*ms, 2*ms, sendable(key|(^key&15)<<4, 8))...)
	}
	return edges
}

func TestCodes(t *testing.T) {
	for _, tt := range []struct {
		name, typed string
		want        []string
	}{
		{"ended by #", "1024#", []string{"pin:1024"}},
		{"ended by silence", "77", []string{"pin:77"}},
		{"cleared", "123*45#", []string{"pin:45"}},
		{"empty", "#*#", nil},
		{"two", "1#2#", []string{"pin:1", "pin:2"}},
		{"too long", "12345678901234567#12#", []string{"pin:12"}},
		{"as long as may be", "1234567890123456#", []string{"pin:1234567890123456"}},
	} {
		for _, f := range []Formats{Keypad4, Keypad8} {
			edges := keys4(600*ms, "*"+tt.typed)
			if f == Keypad8 {
				edges = keys8(600*ms, "*"+tt.typed)
			}
			out, _ := run(t, newLines(numbered(edges)...), Opts{Formats: UID34 | f}, 20*time.Second)
			if got := tokens(out); !slices.Equal(got, tt.want) {
				t.Errorf("%s by %s: %q, want %q", tt.name, f, got, tt.want)
			}
		}
	}
}

// A key that could not be read spoils its code: what is left would be another.
func TestCodeWithAKeyMissing(t *testing.T) {
	spike := func(at time.Duration) []drivers.Edge { return train(at, 2*ms, "01") }
	for name, tt := range map[string]struct {
		edges []drivers.Edge
		want  []string
	}{
		"in the middle":    {numbered(keys4(time.Second, "12"), spike(1800*ms), keys4(2200*ms, "4#")), nil},
		"at the start":     {numbered(spike(800*ms), keys4(1200*ms, "24#")), nil},
		"at the end":       {numbered(keys4(time.Second, "12"), spike(1800*ms)), nil},
		"cleared":          {numbered(keys4(time.Second, "1"), spike(1400*ms), keys4(1800*ms, "*24#")), []string{"pin:24"}},
		"long before":      {numbered(spike(500*ms), keys4(6*time.Second, "24#")), []string{"pin:24"}},
		"the one after":    {numbered(keys4(time.Second, "1"), spike(1400*ms), keys4(1800*ms, "2#34#")), []string{"pin:34"}},
		"noise and then #": {numbered(spike(500*ms), keys4(time.Second, "#7#")), []string{"pin:7"}},
	} {
		edges := numbered(keys4(300*ms, "*"), tt.edges)
		out, _ := run(t, newLines(edges...), Opts{Formats: Keypad4}, 20*time.Second)
		if got := tokens(out); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// Keys that nobody heard make another code of the rest: those typed before Watch
// began, and while a line was stuck.
func TestCodeBegunUnheard(t *testing.T) {
	for name, tt := range map[string]struct {
		edges   []drivers.Edge
		stuck   time.Duration // when, for 3 s; 0 for never
		want    []string
		misread int64 // codes refused
	}{
		"nothing":             {nil, 0, nil, 0},
		"first key under way": {keys4(20*ms, "1234#"), 0, nil, 1},
		"keys before":         {keys4(400*ms, "34#56#"), 0, []string{"pin:56"}, 1},
		"ended by silence":    {slices.Concat(keys4(400*ms, "34"), keys4(8*time.Second, "56#")), 0, []string{"pin:56"}, 1},
		"cleared":             {keys4(400*ms, "3*56#"), 0, []string{"pin:56"}, 0},
		"pause":               {keys4(6*time.Second, "56#"), 0, []string{"pin:56"}, 0},
		"stuck line":          {slices.Concat(keys4(6*time.Second, "12"), keys4(11*time.Second, "34#56#")), 7 * time.Second, []string{"pin:56"}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLines(numbered(tt.edges)...)
			if tt.stuck > 0 {
				go func() {
					_ = drivers.Sleep(t.Context(), tt.stuck) // the test outlasts it
					l.set(1, gpio.Low)
					_ = drivers.Sleep(t.Context(), 3*time.Second)
					l.set(1, gpio.High)
				}()
			}
			out, _ := watchFor(t, l, Opts{Formats: Keypad4}, 20*time.Second)
			misread := last(out, drivers.Misread).Value
			if got := tokens(out); !slices.Equal(got, tt.want) || misread != drivers.Int(tt.misread) {
				t.Errorf("%s: %q and %s refused, want %q and %d", name, got, misread, tt.want, tt.misread)
			}
		})
	}
}

// A reader with keypad: the code stands between two cards, and waits for #.
func TestReaderWithKeypad(t *testing.T) {
	edges := numbered(keys4(300*ms, "*"), train(500*ms, 2*ms, card34), keys4(1000*ms, "19"), train(2200*ms, 2*ms, card34), keys4(2600*ms, "8#"))
	out, _ := run(t, newLines(edges...), Opts{Formats: UID34 | Keypad4, Reversed: true}, 10*time.Second)
	if got, want := tokens(out), []string{"uid:88043245", "uid:88043245", "pin:198"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := last(out, drivers.Card); got.Value != drivers.Int(3) || got.Quality != drivers.Good {
		t.Errorf("card %+v", got)
	}
}

// Once a key was read, one code that would be a key on exchanged lines is noise
// on the right ones.
func TestKeyOnExchangedLines(t *testing.T) {
	odd := train(3*time.Second, 2*ms, "1111") // 0, exchanged
	for _, tt := range []struct {
		edges []drivers.Edge
		want  drivers.Reason
	}{
		{numbered(odd), drivers.SwappedLines},
		{numbered(keys4(time.Second, "1"), odd), drivers.ParityErrors},
	} {
		out, _ := run(t, newLines(tt.edges...), Opts{Formats: Keypad4}, 5*time.Second)
		if got := last(out, drivers.Card); got.Reason != tt.want {
			t.Errorf("card %+v, want %s", got, tt.want)
		}
	}
}
