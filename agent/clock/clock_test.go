package clock_test

import (
	"testing"
	"time"

	"watchpost/agent/clock"
)

func TestNowKeepsBootOffsetAndBelief(t *testing.T) {
	build := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	boot := clock.BootID{1, 2, 3}
	for _, tc := range []struct {
		name        string
		wall        time.Time
		disciplined bool
		want        bool
	}{
		{"1970, nobody set it", time.Unix(12, 0), false, false},
		{"1970, yet the kernel says synced", time.Unix(12, 0), true, false},
		{"after the floor, undisciplined", build.Add(time.Hour), false, false},
		{"after the floor, disciplined", build.Add(time.Hour), true, true},
		{"exactly the floor", build, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := clock.New(clock.Source{
				Boot:        boot,
				SinceBoot:   func() time.Duration { return 42 * time.Second },
				Wall:        func() time.Time { return tc.wall },
				Disciplined: func() bool { return tc.disciplined },
			}, build)
			got := c.Now()
			if got.Synced != tc.want {
				t.Errorf("synced = %v, want %v", got.Synced, tc.want)
			}
			if got.Boot != boot || got.Offset != 42*time.Second || !got.Wall.Equal(tc.wall) {
				t.Errorf("stamp = %+v", got)
			}
			if got.Wall.Location() != time.UTC {
				t.Errorf("wall time in %v, want UTC", got.Wall.Location())
			}
		})
	}
}

func TestSystemRunsForwards(t *testing.T) {
	source, err := clock.System()
	if err != nil {
		t.Fatal(err)
	}
	if source.Boot == (clock.BootID{}) {
		t.Error("boot id is zero")
	}
	c := clock.New(source, time.Time{})
	before := c.Now()
	for range 1000 {
		now := c.Now()
		if now.Offset < before.Offset {
			t.Fatalf("offset went from %v back to %v", before.Offset, now.Offset)
		}
		before = now
	}
}

func TestParseBootID(t *testing.T) {
	id, err := clock.ParseBootID("0f3f7a2c-58c5-4f0e-8d0b-2b8a6f0c9e11\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := id.String(), "0f3f7a2c58c54f0e8d0b2b8a6f0c9e11"; got != want {
		t.Errorf("boot id = %s, want %s", got, want)
	}
	for _, bad := range []string{"", "0f3f", "zz3f7a2c-58c5-4f0e-8d0b-2b8a6f0c9e11"} {
		if _, err := clock.ParseBootID(bad); err == nil {
			t.Errorf("parse boot id %q: no error", bad)
		}
	}
}
