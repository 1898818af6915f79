package configs

import (
	_ "embed" // the small configuration
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t *testing.T, name string, src []byte) *Config {
	t.Helper()
	cfg, problems := Parse(name, src, parts{})
	if err := problems.Err(); err != nil {
		t.Fatalf("Parse:\n%v", err)
	}
	return cfg
}

// small is a configuration with only the drivers the tests' catalogue has. What
// the demonstration's own says to the real drivers is looked at by the agent.
//
//go:embed testdata/small.yaml
var small string

func TestSmall(t *testing.T) {
	got := mustParse(t, "small.yaml", []byte(small))
	want := &Config{
		Version:   1,
		Gateway:   Gateway{ID: "GW-SMALL", Compound: "锦绣花园", Building: "3栋"},
		Data:      "/var/lib/watchpost",
		Buffer:    Buffer{CommitEvery: 10 * time.Second, MaxBytes: 64_000_000},
		Page:      Page{Listen: "127.0.0.1:8080"},
		Platforms: []Platform{{ID: "city", Server: "tcp://127.0.0.1:1883", AllowPlaintext: true, ClientID: "watchpost-GW-SMALL", Root: "watchpost/v1", KeepAlive: 30 * time.Second}},
		Sensors: []Sensor{{
			ID: "pump-pit", Name: Name{Zh: "地下车库集水井", En: "Pump pit"}, Place: Place{Room: "B1-07", At: "水泵房"}, Driver: "ads1115",
			Options: &levelOptions{Bus: "i2c-1", Address: 0x48, Input: "AIN0", Shunt: 150, Span: 5e9},
			Sample:  200 * time.Millisecond,
			Report:  Report{Every: time.Second, Change: &Length{1, 2}, InAlarm: time.Second},
			Alarm:   &Alarm{Above: &Length{15, 1}, ClearBelow: &Length{14, 1}, Level: Orange, FaultAfter: 2 * time.Minute, FaultLevel: "yellow"},
		}, {
			ID: "smoke", Name: Name{Zh: "地下车库烟感", En: "Smoke detector"}, Place: Place{At: "地下车库入口"}, Driver: "contact",
			Options: &contactOptions{Line: "gpiochip0:17", Measures: "smoke", Active: "closed"},
			Sample:  200 * time.Millisecond,
			Report:  Report{Every: time.Second, InAlarm: time.Second},
			Alarm:   &Alarm{Level: Red, FaultAfter: 2 * time.Minute, FaultLevel: "yellow"},
		}, {
			ID: "door", Name: Name{Zh: "水泵房门", En: "Pump room door"}, Place: Place{At: "水泵房"}, Driver: "contact",
			Options: &contactOptions{Line: "gpiochip0:27", Measures: "door", Active: "open"},
			Sample:  200 * time.Millisecond,
			Report:  Report{Every: time.Second, InAlarm: time.Second},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("small (-want +got):\n%s", diff)
	}
}
