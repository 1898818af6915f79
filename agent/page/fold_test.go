package page_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"watchpost/agent/page"
	"watchpost/agent/page/pagetest"
	"watchpost/drivers"
)

// shape is the first shape of a row, which goes with its tone.
var shape = regexp.MustCompile(`svg class="i (\w+)"`)

// In calm, the places of what door and reader observe.
const door, forced, held, cards, misread = 3, 4, 5, 6, 7

func TestOneRowForEachSensor(t *testing.T) {
	zero, one, seven := drivers.Int(0), drivers.Int(1), drivers.Int(7)
	fault := func(x *page.Sensor) { x.Value, x.Quality, x.Reason = nil, drivers.Fault, drivers.BusDown }
	for _, tt := range []struct {
		name, sensor string
		change       func(v *page.View)
		tone         string
		says, hides  string
	}{
		{"calm door", "东门门禁", func(*page.View) {}, "ok", "关闭", "强行"},
		{"open door", "东门门禁", func(v *page.View) { v.Sensors[door].Value = &one }, "ok", "打开", "强行"},
		{"forced, no alarm asked for", "东门门禁", func(v *page.View) { v.Sensors[door].Value, v.Sensors[forced].Value = &one, &one }, "warn", "强行打开", "正常"},
		{"held, no alarm asked for", "东门门禁", func(v *page.View) { v.Sensors[door].Value, v.Sensors[held].Value = &one, &one }, "warn", "开门超时", "正常"},
		{"forced in alarm", "东门门禁", func(v *page.View) { *v = state("forced").View }, "danger", "强行打开", "正常"},
		{"one of three is a fault", "东门门禁", func(v *page.View) { fault(&v.Sensors[held]) }, "fault", "故障", "正常"},
		{"a fault before forced", "东门门禁", func(v *page.View) { v.Sensors[forced].Value = &one; fault(&v.Sensors[held]) }, "fault", "故障", "正常"},
		{"one of three is stale", "东门门禁", func(v *page.View) { v.Sensors[forced].At = v.Now.Add(-time.Hour) }, "stale", "已过时", "正常"},
		{"calm reader", "东门读卡器", func(*page.View) {}, "ok", "启动以来累计<", "误读"},
		{"one card", "东门读卡器", func(v *page.View) { v.Sensors[cards].Value = &one }, "ok", "1<small> 次刷卡", "误读"},
		{"misreads", "东门读卡器", func(v *page.View) { v.Sensors[misread].Value = &seven }, "ok", "误读 7 次", "存疑"},
		{"misreads now", "东门读卡器", func(v *page.View) { *v = state("misreads").View }, "warn", "存疑", "正常"},
		{"stuck reader", "东门读卡器", func(v *page.View) { *v = state("reader").View }, "fault", "故障", "正常"},
		{"misreads unknown", "东门读卡器", func(v *page.View) { fault(&v.Sensors[misread]) }, "fault", "故障", "正常"},
		{"smoke, no alarm asked for", "烟感 2F", func(v *page.View) { v.Sensors[2].Value = &one }, "warn", "有烟", "正常"},
		{"no misreads", "东门读卡器", func(v *page.View) { v.Sensors[misread].Value = &zero }, "ok", "启动以来累计<", "误读"},
	} {
		v := state("ok").View
		tt.change(&v)
		h := inside(t, page.Options{Source: pagetest.NewSource(v)})
		html := get(h, "/").Body.String()
		row := sensorRow(t, html, tt.sensor)
		if m := shape.FindStringSubmatch(row); m == nil || m[1] != tt.tone || !strings.Contains(row, tt.says) || strings.Contains(row, tt.hides) {
			t.Errorf("%s: want the tone %s, %q and no %q in %s", tt.name, tt.tone, tt.says, tt.hides, row)
		}
		if n := strings.Count(html, `<li class="row sensor`); n != 5 {
			t.Errorf("%s: %d rows for 5 sensors", tt.name, n)
		}
		if tt.tone != "ok" && strings.Contains(html, `data-state="ok"`) {
			t.Errorf("%s: the banner says that all is well", tt.name)
		}
		if api := get(h, "/api/v1/view").Body.String(); strings.Count(api, `"quantity": `) != 8 {
			t.Errorf("%s: the JSON does not have one row for each observation", tt.name)
		}
	}
}

// A sensor that cannot be read at all is counted once.
func TestASensorIsCountedOnce(t *testing.T) {
	v := state("ok").View
	for i := door; i <= held; i++ {
		v.Sensors[i].Value, v.Sensors[i].Quality, v.Sensors[i].Reason = nil, drivers.Fault, drivers.BusDown
	}
	if html := get(handler(t, v), "/").Body.String(); !strings.Contains(html, ">东门门禁读不到数据<") {
		t.Error("the banner does not name one sensor")
	}
	v = state("ok").View
	for i := door; i <= misread; i++ {
		v.Sensors[i].At = v.Now.Add(-time.Hour)
	}
	if html := get(handler(t, v), "/").Body.String(); !strings.Contains(html, ">2 个传感器的数据已过时：东门门禁、东门读卡器<") {
		t.Error("the banner does not name two sensors")
	}
}

// What the page shows of a card is the mark in its event, never more.
func TestStatesShowNoCard(t *testing.T) {
	number := regexp.MustCompile(`刷卡 ?[0-9a-f]{5}|card [0-9a-f]{5}`)
	for _, s := range pagetest.States() {
		for _, path := range []string{"/?lang=zh", "/?lang=en", "/api/v1/view"} {
			if found := number.FindString(get(handler(t, s.View), path).Body.String()); found != "" {
				t.Errorf("%s %s: %q", s.Name, path, found)
			}
		}
	}
	if !number.MatchString("刷卡 3f9a1") {
		t.Error("the check sees nothing")
	}
}
