package page_test

import (
	"errors"
	"strings"
	"testing"

	"watchpost/agent/page"
	"watchpost/agent/page/pagetest"
)

func TestMetrics(t *testing.T) {
	v := state("everything").View
	v.Sensors[0].ID = "a\"}\\\nb{"
	source := pagetest.NewSource(v)
	counts := func() page.Counts {
		return page.Counts{Readings: 900, Appended: [3]uint64{1, 2, 3}, Commits: 4, BytesWritten: 5, Messages: map[string]uint64{"city": 6}}
	}
	h := newPage(t, page.Options{Source: source, Metrics: page.Metrics(source, counts)}).Handler()
	got := get(h, "/metrics").Body.String()
	for _, want := range []string{
		`watchpost_sensor_reads_total 900`,
		`watchpost_buffer_appended_total{lane="alarms"} 1`,
		`watchpost_buffer_appended_total{lane="readings"} 3`,
		`watchpost_buffer_commits_total 4`,
		`watchpost_buffer_written_bytes_total 5`,
		`watchpost_uplink_messages_total{platform="city"} 6`,
		`watchpost_uplink_connected{platform="city",via="mqtt"} 0`,
		`watchpost_buffer_records{platform="city",lane="readings"} 1247`,
		`watchpost_health{code="uplink_down",severity="warning",subject="city"} 1`,
		`watchpost_alarms_active{level="orange"} 1`,
		`watchpost_alarms_active{level="red"} 0`, // that one cleared
		`watchpost_clock_synced 0`,
		`watchpost_sensor_state{sensor="tank-1",quantity="level",state="fault"} 1`,
		`watchpost_sensor_value{sensor="a\"}\\\nb{",quantity="level",unit="m"} 1.84`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(got, `watchpost_sensor_value{sensor="tank-1"`) {
		t.Error("a fault has a value")
	}
	if strings.Contains(got, "reader-e") && !strings.Contains(got, `watchpost_sensor_state{sensor="reader-e",quantity="card",state="good"} 1`) ||
		strings.Contains(got, `_value{sensor="reader-e"`) || strings.Contains(got, `_seconds{sensor="reader-e"`) {
		t.Error("the metrics tell more of a card reader than that it works")
	}
	source.Show(state("none").View)
	if again := get(h, "/metrics").Body.String(); strings.Contains(again, "tank-1") {
		t.Error("a sensor that is gone lives on in the metrics")
	}
}

type probe struct{ live, ready error }

func (p probe) Live() error  { return p.live }
func (p probe) Ready() error { return p.ready }

func TestProbes(t *testing.T) {
	source := pagetest.NewSource(state("uplink").View)
	for _, c := range []struct {
		probe       page.Probe
		live, ready int
	}{
		{nil, 200, 200},
		{probe{}, 200, 200}, // although the uplink is down
		{probe{ready: errors.New("no sensor sampled for 30s")}, 200, 503},
		{probe{live: errors.New("main loop stands"), ready: errors.New("same")}, 503, 503},
	} {
		h := newPage(t, page.Options{Source: source, Probe: c.probe}).Handler()
		if live, ready := get(h, "/livez").Code, get(h, "/readyz").Code; live != c.live || ready != c.ready {
			t.Errorf("%+v: livez %d readyz %d, want %d and %d", c.probe, live, ready, c.live, c.ready)
		}
	}
}
