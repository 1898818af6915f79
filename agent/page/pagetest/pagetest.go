// Package pagetest holds one view for each state of the page, for tests and for
// looking at the page.
package pagetest

import (
	"sync"
	"time"

	"watchpost/agent/health"
	"watchpost/agent/page"
	"watchpost/agent/record"
	"watchpost/drivers"
)

// State is a view with the banner it must lead to.
type State struct {
	Name   string
	Banner string // the data-state of the banner
	View   page.View
}

// Now is the moment of all views.
func Now() time.Time { return time.Date(2026, 11, 23, 1, 31, 0, 0, time.UTC) }

// States makes all views anew, so a caller may change what it gets.
func States() []State {
	change := func(name, banner string, edit func(*page.View)) State {
		v := calm()
		edit(&v)
		return State{Name: name, Banner: banner, View: v}
	}
	return []State{
		change("ok", "ok", func(*page.View) {}),
		change("alarm", "alarm", alarm),
		change("warning", "alarm", func(v *page.View) {
			alarm(v)
			v.Alarms = v.Alarms[:1]
			v.Alarms[0].Level, v.Alarms[0].State = record.Yellow, record.Acknowledged
		}),
		change("fault", "fault", fault),
		change("forced", "alarm", forced),
		change("held", "notice", held),
		change("misreads", "condition", misreads),
		change("reader", "fault", reader),
		change("stale", "stale", func(v *page.View) { v.Sensors[0].At = ago(4 * time.Minute) }),
		change("uplink", "uplink", uplink),
		change("refused", "uplink", func(v *page.View) {
			uplink(v)
			v.Conditions = conditions(health.UplinkRefused, "city", "CONNACK 5: not authorized")
		}),
		change("store", "condition", func(v *page.View) {
			v.Store.Durable = false
			v.Conditions = conditions(health.StoreNotDurable, "", "write buffer.db: read-only file system")
		}),
		change("clock", "clock", func(v *page.View) {
			v.Clock.Synced = false
			v.Conditions = conditions(health.ClockUnsynced, "", "")
		}),
		change("waiting", "waiting", func(v *page.View) {
			for i, x := range v.Sensors {
				v.Sensors[i] = page.Sensor{ID: x.ID, NameZH: x.NameZH, NameEN: x.NameEN, Place: x.Place, Quantity: x.Quantity, Period: x.Period}
			}
			v.Events = nil
		}),
		change("none", "none", func(v *page.View) { v.Sensors, v.Events, v.Platforms = nil, nil, nil }),
		change("everything", "alarm", func(v *page.View) {
			fault(v)
			alarm(v)
			uplink(v)
			v.Clock.Synced = false
			v.Sensors[3].At = ago(time.Hour)
			v.Sensors[3].Period = time.Minute
		}),
	}
}

func ago(d time.Duration) time.Time { return Now().Add(-d) }

func decimal(n int64, scale uint8) *drivers.Decimal {
	return &drivers.Decimal{Coefficient: n, Scale: scale}
}

func calm() page.View {
	now := Now()
	return page.View{
		Gateway: page.Gateway{ID: "GW-0317", Compound: "锦绣花园", Building: "3栋"},
		Version: "0.1.0", Run: "9f3c51d20a7be644-12", Now: now,
		Sensors: []page.Sensor{{
			ID: "sump-1", NameZH: "地下车库集水井", NameEN: "Garage sump", Place: "B1 东侧",
			Quantity: drivers.Level, Value: decimal(420, 3), Unit: drivers.Metre, Quality: drivers.Good,
			At: ago(12 * time.Second), Since: ago(30 * time.Hour), Period: time.Minute,
		}, {
			ID: "tank-1", NameZH: "消防水箱", NameEN: "Fire water tank", Place: "屋顶",
			Quantity: drivers.Level, Value: decimal(2310, 3), Unit: drivers.Metre, Quality: drivers.Good,
			At: ago(9 * time.Second), Since: ago(30 * time.Hour), Period: time.Minute,
		}, {
			ID: "smoke-2f", NameZH: "烟感 2F", NameEN: "Smoke detector 2F", Place: "2 层走廊",
			Quantity: drivers.Smoke, Value: decimal(0, 0), Unit: drivers.Switch, Quality: drivers.Good,
			At: ago(8 * time.Second), Period: 10 * time.Second,
		}, {
			ID: "door-e", NameZH: "东门门禁", NameEN: "East gate", Place: "东门",
			Quantity: drivers.Door, Value: decimal(0, 0), Unit: drivers.Switch, Quality: drivers.Good,
			At: ago(2 * time.Second), Since: ago(30 * time.Hour), Period: 5 * time.Second,
		}, {
			ID: "door-e", NameZH: "东门门禁", NameEN: "East gate", Place: "东门",
			Quantity: drivers.DoorForced, Value: decimal(0, 0), Unit: drivers.Switch, Quality: drivers.Good,
			At: ago(2 * time.Second), Since: ago(30 * time.Hour), Period: 5 * time.Second,
		}, {
			ID: "door-e", NameZH: "东门门禁", NameEN: "East gate", Place: "东门",
			Quantity: drivers.DoorHeld, Value: decimal(0, 0), Unit: drivers.Switch, Quality: drivers.Good,
			At: ago(2 * time.Second), Since: ago(30 * time.Hour), Period: 5 * time.Second,
		}, {
			ID: "reader-e", NameZH: "东门读卡器", NameEN: "East gate reader", Place: "东门外侧",
			Quantity: drivers.Card, Value: decimal(128, 0), Unit: drivers.Count, Quality: drivers.Good,
			At: ago(3 * time.Second), Since: ago(30 * time.Hour), Period: 5 * time.Second,
		}, {
			ID: "reader-e", NameZH: "东门读卡器", NameEN: "East gate reader", Place: "东门外侧",
			Quantity: drivers.Misread, Value: decimal(0, 0), Unit: drivers.Count, Quality: drivers.Good,
			At: ago(3 * time.Second), Since: ago(30 * time.Hour), Period: 5 * time.Second,
		}},
		Platforms: []page.Platform{{ID: "city", Connected: true, Since: ago(30 * time.Hour)}},
		Store:     page.Store{Durable: true, Bytes: 1_310_720, Cap: 64 << 20, Written: 412_000},
		Events: []page.Event{
			{At: ago(21 * time.Minute), TextZH: "东门门禁关闭", TextEN: "East gate closed"},
			{At: ago(22 * time.Minute), TextZH: "东门门禁打开", TextEN: "East gate opened"},
			{At: ago(22 * time.Minute), TextZH: "东门读卡器：刷卡 3f9a…", TextEN: "East gate reader: card 3f9a…", Private: true},
			{At: ago(30 * time.Hour), TextZH: "网关启动，上次正常结束", TextEN: "Gateway started; the run before ended well"},
		},
		Clock: page.Clock{Synced: true}, CountedSince: ago(7 * time.Hour),
	}
}

func alarm(v *page.View) {
	v.Sensors[0].Value = decimal(1840, 3)
	v.Sensors[0].Quality, v.Sensors[0].Reason = drivers.Uncertain, drivers.OverRange
	v.Alarms = []page.Alarm{{
		ID: "GW-0317/9f3c51d20a7be644-12/1", Sensor: "sump-1", Level: record.Orange, State: record.Raised, Since: ago(6 * time.Minute),
		TextZH: "地下车库集水井 1.840 m，高于警戒 1.800 m", TextEN: "Garage sump 1.840 m, above 1.800 m",
		Where: "3栋 B1-07 水泵房东侧", Duty: "中控室", Phone: "010-8888 6666",
		Todo: health.Text{ZH: "派人到现场看水位和水泵，必要时断电、设挡水板并疏散人员", EN: "Send somebody to look at the water and the pump"},
	}, {
		ID: "GW-0317/9f3c51d20a7be644-11/3", Sensor: "smoke-2f", Level: record.Red, State: record.Cleared, Since: ago(3 * time.Hour),
		TextZH: "烟感 2F 检测到烟雾", TextEN: "Smoke detector 2F saw smoke",
	}}
}

func fault(v *page.View) {
	x := &v.Sensors[1]
	x.LastGood, x.LastGoodAt = x.Value, ago(18*time.Minute)
	x.Value, x.Quality, x.Reason, x.Since = nil, drivers.Fault, drivers.BrokenWire, ago(18*time.Minute)
	v.Conditions = conditions(health.SensorFault, "tank-1", string(drivers.BrokenWire))
}

// Where calm has the door's and the reader's observations.
const (
	isOpen = 3 + iota
	isForced
	isHeld
	cards
	misreadFrames
)

func forced(v *page.View) {
	v.Sensors[isOpen].Value, v.Sensors[isForced].Value = decimal(1, 0), decimal(1, 0)
	v.Alarms = []page.Alarm{{
		ID: "door-e/door_forced", Sensor: "door-e", Level: record.Orange, State: record.Raised, Since: ago(4 * time.Minute),
		TextZH: "东门门禁：门被强行打开", TextEN: "East gate: door forced open",
	}}
	v.Events = append([]page.Event{
		{At: ago(4 * time.Minute), TextZH: "东门门禁：被强行打开", TextEN: "East gate: forced open"},
		{At: ago(4 * time.Minute), TextZH: "东门门禁：打开", TextEN: "East gate: opened"},
	}, v.Events...)
}

// held is a door that stands open too long and of which no alarm was asked.
func held(v *page.View) {
	v.Sensors[isOpen].Value, v.Sensors[isHeld].Value = decimal(1, 0), decimal(1, 0)
	v.Events = append([]page.Event{{At: ago(4 * time.Minute), TextZH: "东门门禁：长时间未关", TextEN: "East gate: held open"}}, v.Events...)
}

func misreads(v *page.View) {
	x := &v.Sensors[cards]
	x.Quality, x.Reason, x.Since = drivers.Uncertain, drivers.ParityErrors, ago(time.Minute)
	v.Sensors[misreadFrames].Value = decimal(7, 0)
	v.Conditions = conditions(health.ReaderMisreads, "reader-e", string(drivers.ParityErrors))
}

func reader(v *page.View) {
	x := &v.Sensors[cards]
	x.LastGood, x.LastGoodAt = x.Value, ago(18*time.Minute)
	x.Value, x.Quality, x.Reason, x.Since = nil, drivers.Fault, drivers.LineStuck, ago(18*time.Minute)
	v.Conditions = conditions(health.SensorFault, "reader-e", string(drivers.LineStuck))
}

func uplink(v *page.View) {
	v.Platforms[0] = page.Platform{
		ID: "city", Since: ago(42 * time.Minute), LastError: "dial tcp 203.0.113.9:8883: i/o timeout",
		Backlog: [3]uint64{1, 12, 1247},
	}
	v.Store.Bytes = 9_400_000
	v.Conditions = append(v.Conditions, conditions(health.UplinkDown, "city", "dial tcp 203.0.113.9:8883: i/o timeout")...)
}

func conditions(code health.Code, subject, detail string) []health.Active {
	for _, c := range health.Conditions() {
		if c.Code == code {
			return []health.Active{{
				Code: code, Severity: c.Severity, Subject: subject, Detail: detail,
				Since: ago(18 * time.Minute), Title: c.Title, Remedy: c.Remedy,
			}}
		}
	}
	return nil
}

// Source is a page.Source that shows what it was given last.
type Source struct {
	mu      sync.Mutex
	view    page.View
	changed chan struct{}
}

// NewSource shows v.
func NewSource(v page.View) *Source { return &Source{view: v, changed: make(chan struct{})} }

// View is what was given last.
func (s *Source) View() page.View {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view
}

// Changed is closed at the next Show.
func (s *Source) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Show replaces the view.
func (s *Source) Show(v page.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view = v
	close(s.changed)
	s.changed = make(chan struct{})
}
