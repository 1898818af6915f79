//go:build broker

package outage

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// longForm is how many times as much the long form does; 1 in the short one.
func longForm(t *testing.T) int {
	t.Helper()
	text := os.Getenv("WATCHPOST_OUTAGE_ROUNDS")
	if text == "" {
		return 1
	}
	times, err := strconv.Atoi(text)
	if err != nil || times < 1 {
		t.Fatalf("read WATCHPOST_OUTAGE_ROUNDS: want a number from 1, got %q", text)
	}
	return times
}

// writeFigures keeps what was measured, with the commit it was taken at.
func writeFigures(t *testing.T, file, what, key string, measured any) {
	t.Helper()
	commit, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(map[string]any{
		"what":   what,
		"commit": strings.TrimSpace(string(commit)),
		"date":   time.Now().UTC().Format(time.DateOnly),
		"passed": !t.Failed(),
		key:      measured,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// figures are what the long form writes down. Times are milliseconds.
type figures struct {
	Seconds           int     `json:"seconds"`
	Load              string  `json:"load_average"` // of 1, 5 and 15 minutes at the end, other programs' too
	Alarms            int     `json:"alarms_each"`
	FsyncMS           float64 `json:"fsync_p50_ms"`
	ConfirmedMS       float64 `json:"confirmed_message_p50_ms"`
	Idle              spread  `json:"idle"`
	Draining          spread  `json:"draining"`
	P50Ratio          float64 `json:"draining_to_idle_p50"`
	P99Ratio          float64 `json:"draining_to_idle_p99"`
	Drains            int     `json:"drains"`
	ReadingsPerSecond int     `json:"drain_readings_per_second"`
}

// spread is how times were spread; P50Limits is p50 in times of the slower of
// one fsync and one confirmed message.
type spread struct {
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
	P50Limits float64 `json:"p50_in_fsync_or_round_trip"`
}

func percentiles(sorted []time.Duration, limit time.Duration) spread {
	return spread{
		P50: milliseconds(at(sorted, 50)), P99: milliseconds(at(sorted, 99)), Max: milliseconds(at(sorted, 100)),
		P50Limits: round2(float64(at(sorted, 50)) / float64(limit)),
	}
}

// at is a percentile of times in order.
func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)]
}

func milliseconds(d time.Duration) float64 { return round2(float64(d) / float64(time.Millisecond)) }

func round2(f float64) float64 { return math.Round(f*100) / 100 }

// load is the machine's load average (proc_loadavg(5)).
func load(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}
