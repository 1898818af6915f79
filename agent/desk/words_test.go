package main

import (
	"encoding/json"
	"strings"
	"testing"

	"watchpost/drivers/sim"
)

func TestEventWords(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{`{"kind":"card","sensor":"reader","name":{"zh":"东门","en":"East gate"},"card":{"pseudonym":"3f9a0c77d1e2","format":"h10301"}}`, "东门：刷卡 3f9a… / East gate: card 3f9a…"},
		{`{"kind":"card","sensor":"reader","card":{"format":"h10301"}}`, "reader：刷卡 ? / reader: card ?"},
		{`{"kind":"door","sensor":"d","state":"forced"}`, "d：被强行打开 / d: forced open"},
		{`{"kind":"door","sensor":"d","state":"held"}`, "d：长时间未关 / d: held open"},
		{`{"kind":"door","sensor":"d","state":"closed","first":true}`, "d：开始监测时是关闭的 / d: closed when watching began"},
		{`{"kind":"door","sensor":"d","state":"ajar"}`, "d：ajar / d: ajar"},
		{`{"kind":"smoke","sensor":"s","name":{"zh":"烟感"},"state":"alarm"}`, "烟感：触点报警 / 烟感: contact in alarm"},
		{`{"kind":"time","time_fix":{"step_ms":-61400}}`, "时钟已校准，调整 -1m1s / clock set, moved by -1m1s"},
		{`{"kind":"run","start":{"ended":"unknown"}}`, "网关启动 / gateway started"},
		{`{"kind":"loss","loss":{"lane":"readings","count":7}}`, "放弃 7 条记录 / 7 records given up (readings)"},
		{`{"kind":"audit"}`, "audit / audit"},
	} {
		var p payload
		if err := json.Unmarshal([]byte(tt.body), &p); err != nil {
			t.Fatal(err)
		}
		if got := p.words(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.body, got, tt.want)
		}
	}
}

// A line that is drawn over must not be wider than the terminal.
func TestStatusFits(t *testing.T) {
	for _, tt := range []struct {
		line    string
		columns int
		want    string
	}{
		{"abc", 80, "abc"}, {"abcdef", 4, "abc"}, {"水位 1", 80, "水位 1"}, {"水位 1", 6, "水位 "}, {"水位 1", 4, "水"}, {"水", 1, ""},
	} {
		if got := fit(tt.line, tt.columns); got != tt.want {
			t.Errorf("%q in %d columns: %q, want %q", tt.line, tt.columns, got, tt.want)
		}
	}
}

// Each sensor is in the status line once, whatever it observes.
func TestStatusLine(t *testing.T) {
	var view pageView
	if err := json.Unmarshal([]byte(`{"platforms":[{"connected":true,"backlog":{"events":2}}],"sensors":[
		{"id":"pit","name":{"zh":"集水井"},"quantity":"level","unit":"m","value":1.5,"quality":"good"},
		{"id":"door","name":{"zh":"门"},"quantity":"door","value":1,"quality":"good"},
		{"id":"door","name":{"zh":"门"},"quantity":"door_forced","value":1,"quality":"good"},
		{"id":"door","name":{"zh":"门"},"quantity":"door_held","value":0,"quality":"good"},
		{"id":"reader","name":{"zh":"读卡器"},"quantity":"card","value":3,"quality":"good"},
		{"id":"reader","name":{"zh":"读卡器"},"quantity":"misread","value":2,"quality":"good"},
		{"id":"back","name":{"zh":"后门"},"quantity":"door","value":null,"quality":"fault","reason":"bus_down"},
		{"id":"back","name":{"zh":"后门"},"quantity":"door_held","value":null,"quality":"fault","reason":"bus_down"},
		{"id":"tank","name":{"zh":"水箱"},"quantity":"level","value":null,"quality":"none"}]}`), &view); err != nil {
		t.Fatal(err)
	}
	want := "● 上行 up 待传 backlog 2 │ 已收 received 0 │ 集水井 1.500 m │ 门 打开 open 强行打开 forced │ 读卡器 刷卡 cards 3 误读 misread 2 │ 后门 ✕ bus_down │ 水箱 …"
	if got := new(terminal).describe(view); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// Only changes of the siren are told, and of no other output.
func TestSirenIsHeard(t *testing.T) {
	demo, err := sim.NewDemo()
	if err != nil {
		t.Fatal(err)
	}
	demo.Board.Output("gpiochip0:21")
	var heard []string
	host := audible{demo.Board, func(on bool) { heard = append(heard, sirenWords(on)) }}
	for _, name := range []string{"gpiochip0:21", sim.DemoSirenLine} {
		output, err := host.OpenOutput(name, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, on := range []bool{false, true, true, false, false} {
			if err := output.Set(on); err != nil {
				t.Error(err)
			}
		}
	}
	if got := strings.Join(heard, "; "); got != sirenWords(true)+"; "+sirenWords(false) {
		t.Errorf("heard %q", got)
	}
	if len(demo.Siren.History()) != 5 {
		t.Errorf("the siren's line was set %d times, want 5", len(demo.Siren.History()))
	}
}
