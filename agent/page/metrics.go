package page

import (
	"io"
	"runtime"
	"strings"

	"github.com/VictoriaMetrics/metrics"

	"watchpost/agent/record"
	"watchpost/drivers"
)

// Counts are the running totals of this run that a View does not carry.
type Counts struct {
	Readings     uint64            // samples taken, faults among them
	Appended     [3]uint64         // records handed to the store, by record.Lane
	Commits      uint64            // of the store to flash
	BytesWritten uint64            // to flash
	Messages     map[string]uint64 // confirmed, by platform
}

// Metrics writes the Prometheus text of a view and of counts; it goes into
// Options.Metrics. Each scrape builds a set of its own, so nothing outlives the
// sensor or platform it speaks of. counts may be nil.
func Metrics(source Source, counts func() Counts) func(io.Writer) {
	return func(w io.Writer) {
		set := metrics.NewSet()
		viewMetrics(set, source.View())
		if counts != nil {
			countMetrics(set, counts())
		}
		set.WritePrometheus(w)
	}
}

func countMetrics(set *metrics.Set, c Counts) {
	count := func(n uint64, name string, labels ...string) {
		set.GetOrCreateCounter(series(name, labels...)).Set(n)
	}
	count(c.Readings, "watchpost_sensor_reads_total")
	count(c.Commits, "watchpost_buffer_commits_total")
	count(c.BytesWritten, "watchpost_buffer_written_bytes_total")
	for _, lane := range record.Lanes() {
		count(c.Appended[lane], "watchpost_buffer_appended_total", "lane", lane.String())
	}
	for platform, n := range c.Messages {
		count(n, "watchpost_uplink_messages_total", "platform", platform)
	}
}

func viewMetrics(set *metrics.Set, v View) {
	gauge := func(value float64, name string, labels ...string) {
		set.GetOrCreateGauge(series(name, labels...), nil).Set(value)
	}
	gauge(1, "watchpost_build_info", "version", v.Version, "goversion", runtime.Version())
	gauge(truth(v.Clock.Synced), "watchpost_clock_synced")
	gauge(truth(v.Store.Durable), "watchpost_buffer_durable")
	gauge(float64(v.Store.Bytes), "watchpost_buffer_bytes")
	gauge(float64(v.Store.Cap), "watchpost_buffer_capacity_bytes")
	for _, p := range v.Platforms {
		gauge(truth(p.Connected && p.Via != ViaHTTPS), "watchpost_uplink_connected", "platform", p.ID, "via", ViaMQTT)
		if p.Fallback {
			gauge(truth(p.Connected && p.Via == ViaHTTPS), "watchpost_uplink_connected", "platform", p.ID, "via", ViaHTTPS)
		}
		for _, lane := range record.Lanes() {
			gauge(float64(p.Backlog[lane]), "watchpost_buffer_records", "platform", p.ID, "lane", lane.String())
		}
	}
	for _, c := range v.Conditions {
		gauge(1, "watchpost_health", "code", string(c.Code), "severity", c.Severity.String(), "subject", c.Subject)
	}
	for _, level := range []record.Severity{record.Blue, record.Yellow, record.Orange, record.Red} {
		n := 0
		for _, a := range v.Alarms {
			if a.Level == level && a.State != record.Cleared {
				n++
			}
		}
		gauge(float64(n), "watchpost_alarms_active", "level", level.String())
	}
	for _, x := range v.Sensors {
		for _, q := range []drivers.Quality{drivers.Good, drivers.Uncertain, drivers.Fault} {
			gauge(truth(x.Quality == q), "watchpost_sensor_state", "sensor", x.ID, "quantity", string(x.Quantity), "state", q.String())
		}
		if private(x.Quantity) {
			continue // whoever may scrape need not know when people pass
		}
		if x.Value != nil && (x.Quality == drivers.Good || x.Quality == drivers.Uncertain) {
			gauge(x.Value.Float(), "watchpost_sensor_value", "sensor", x.ID, "quantity", string(x.Quantity), "unit", string(x.Unit))
		}
		if !x.At.IsZero() {
			gauge(float64(x.At.UnixMilli())/1000, "watchpost_sensor_last_sample_timestamp_seconds", "sensor", x.ID, "quantity", string(x.Quantity))
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// series is a metric's name with its labels, given as key, value, key, value,
// escaped as Prometheus' text format wants it.
func series(name string, labels ...string) string {
	if len(labels) < 2 {
		return name
	}
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	var parts []string
	for i := 0; i+1 < len(labels); i += 2 {
		parts = append(parts, labels[i]+`="`+escape.Replace(labels[i+1])+`"`)
	}
	return name + "{" + strings.Join(parts, ",") + "}"
}
