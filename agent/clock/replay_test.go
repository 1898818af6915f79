package clock_test

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"watchpost/agent/clock"
)

// loggerClock is the clock column of a field logger that fell back to the year
// 2000 again and again.
func loggerClock(t *testing.T) []int64 {
	t.Helper()
	f, err := os.Open("testdata/ultrasonic-wl0006-clock.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var seconds []int64
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		n, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seconds = append(seconds, n)
	}
	return seconds
}

var floor2025 = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// whenReally says when each row was really taken: a good clock is right, and
// rows between two good ones lie evenly between them; six minutes apart at the
// ends.
func whenReally(rows []int64) []time.Time {
	good := func(i int) bool { return i >= 0 && i < len(rows) && rows[i] >= floor2025.Unix() }
	real := make([]time.Time, len(rows))
	for i := 0; i < len(rows); i++ {
		if good(i) {
			real[i] = time.Unix(rows[i], 0).UTC()
			continue
		}
		from, to := i-1, i
		for to < len(rows) && !good(to) {
			to++
		}
		apart := 6 * time.Minute
		switch {
		case from < 0:
			for j := range to {
				real[j] = time.Unix(rows[to], 0).UTC().Add(-time.Duration(to-j) * apart)
			}
		default:
			if good(to) {
				apart = time.Duration(rows[to]-rows[from]) * time.Second / time.Duration(to-from)
			}
			for j := i; j < to; j++ {
				real[j] = real[from].Add(time.Duration(j-from) * apart)
			}
		}
		i = to - 1
	}
	return real
}

// replay is a gateway with the logger's wall clock, which a kernel calls
// disciplined all the time: only the floor tells the year 2000. NewBoot says
// where a boot begins; ppm is the crystal's error.
func replay(t *testing.T, ppm float64, newBoot func(rows []int64, i int) bool) (taken []moment, table *clock.Table) {
	t.Helper()
	rows := loggerClock(t)
	real := whenReally(rows)
	table = clock.NewTable()
	boot, began := clock.BootID{1}, real[0].Add(-10*time.Second)
	for i, wall := range rows {
		if newBoot(rows, i) {
			boot[1], boot[2] = byte(i>>8), byte(i)
			began = real[i].Add(-10 * time.Second)
		}
		since := real[i].Sub(began)
		stamp := clock.New(clock.Source{
			Boot:        boot,
			SinceBoot:   func() time.Duration { return since + time.Duration(float64(since)*ppm/1e6) },
			Wall:        func() time.Time { return time.Unix(wall, 0) },
			Disciplined: func() bool { return true },
		}, floor2025).Now()
		table.Learn(stamp)
		taken = append(taken, moment{stamp, real[i]})
	}
	return taken, table
}

func TestReplayOfALoggersClock(t *testing.T) {
	taken, table := replay(t, 50, func([]int64, int) bool { return false })
	var unsynced, fallen, backwards, order, early int
	var worst time.Duration
	for i, m := range taken {
		if !m.stamp.Synced {
			unsynced++
		}
		if m.stamp.Wall.Unix() == 946684810 {
			fallen++
		}
		if i > 0 && m.stamp.Wall.Before(taken[i-1].stamp.Wall) {
			backwards++
		}
		s, _ := table.Correct(m.stamp)
		if !s.Synced || s.Wall.Before(floor2025) {
			early++
		}
		if i > 0 {
			before, _ := table.Correct(taken[i-1].stamp)
			if s.Offset <= before.Offset || s.Wall.Before(before.Wall) {
				order++
			}
		}
		worst = max(worst, s.Wall.Sub(m.utc).Abs())
	}
	t.Logf("%d stamps, %d unsynced, %d fell back, %d times backwards; corrected: %d order errors, %d before 2025, at most %v wrong",
		len(taken), unsynced, fallen, backwards, order, early, worst)
	if len(taken) != 5947 || unsynced != 691 || fallen != 363 || backwards != 50 {
		t.Errorf("%d stamps, %d unsynced, %d fell back, %d times backwards", len(taken), unsynced, fallen, backwards)
	}
	// outside the first and last good clock the crystal is all there is: 4 h at
	// 50 ppm
	if order != 0 || early != 0 || worst > time.Second {
		t.Errorf("%d order errors, %d before 2025, at most %v wrong", order, early, worst)
	}
}

// The same clock when each fall is the start of a boot: a boot that was never
// synced stays unsynced, and no time that is sent as right lies before 2025.
func TestReplayWithABootForEachFall(t *testing.T) {
	taken, table := replay(t, 50, func(rows []int64, i int) bool {
		return i > 0 && rows[i] < floor2025.Unix() && rows[i] <= rows[i-1]
	})
	synced := map[clock.BootID]bool{}
	for _, f := range table.Fixes() {
		synced[f.Boot] = true
	}
	var corrected, lost int
	for _, m := range taken {
		s, changed := table.Correct(m.stamp)
		// a boot has one fix after days of none: the crystal's bound is added
		bound, _ := table.Uncertainty(m.stamp)
		switch {
		case s.Synced && (s.Wall.Before(floor2025) || s.Wall.Sub(m.utc).Abs() > time.Second+bound):
			t.Errorf("taken %v, sent as %v", m.utc, s)
		case changed:
			corrected++
		case !s.Synced && synced[s.Boot]:
			t.Errorf("taken %v of a boot with a fix, sent unsynced", m.utc)
		case !s.Synced:
			lost++
		}
	}
	t.Logf("%d boots with a fix; of 691 stamps %d corrected, %d of boots never synced", len(synced), corrected, lost)
	if corrected+lost != 691 || corrected == 0 || lost == 0 {
		t.Errorf("%d corrected, %d left unsynced, want 691 together", corrected, lost)
	}
}
