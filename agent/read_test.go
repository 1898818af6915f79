package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"watchpost/agent/gateway"
	"watchpost/configs"
	"watchpost/drivers"
	"watchpost/drivers/sim"
)

// readRig is a board with a level transmitter and two contacts, and the
// configuration for it.
type readRig struct {
	board *sim.Board
	loop  *sim.CurrentLoop
	cfg   *configs.Config
}

func newReadRig(t *testing.T, listen string) *readRig {
	t.Helper()
	r := &readRig{board: sim.NewBoard()}
	r.loop = sim.NewCurrentLoop(150*physic.Ohm, 5*physic.Metre, 0, func() physic.Distance { return 1840 * physic.MilliMetre })
	r.board.I2C("i2c-1").Attach(0x48, sim.NewADS1115(func(int) physic.ElectricPotential { return r.loop.Voltage() }))
	r.board.Line("gpiochip0:17").Set(gpio.High)
	r.board.Line("gpiochip0:27").Set(gpio.Low)
	text := fmt.Sprintf(`
version: 1
gateway: {id: GW-READ}
data: %q
page: {listen: %q}
sensors:
  - {id: pit, driver: ads1115, bus: i2c-1, span: 5m, sample: 50ms}
  - {id: smoke, driver: contact, line: "gpiochip0:17", measures: smoke, sample: 1s}
  - {id: door, driver: contact, line: "gpiochip0:27", measures: door, active: open, sample: 1s}
`, t.TempDir(), listen)
	cfg, problems := configs.Parse("test.yaml", []byte(text), gateway.Catalogue{})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	r.cfg = cfg
	return r
}

func (r *readRig) plan(t *testing.T, sensors ...string) []gateway.Observed {
	t.Helper()
	plan, err := readPlan(r.cfg, sensors, configs.English)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func rowOf(t *testing.T, rows []readout, sensor string) readout {
	t.Helper()
	i := slices.IndexFunc(rows, func(r readout) bool { return r.Sensor == sensor })
	if i < 0 {
		t.Fatalf("no row of %s in %+v", sensor, rows)
	}
	return rows[i]
}

func TestReadHardware(t *testing.T) {
	r := newReadRig(t, "off")
	rows, err := hardware{cfg: r.cfg, host: r.board}.once(t.Context(), r.plan(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 || rows[0].Sensor != "pit" || rows[1].Sensor != "smoke" || rows[2].Sensor != "door" || faults(rows) != 0 {
		t.Errorf("rows %+v, want the three sensors in the order of the file", rows)
	}
	pit := rowOf(t, rows, "pit")
	if pit.Value == nil || pit.Value.String() != "1.840" || pit.Raw == nil || pit.RawUnit != drivers.Milliampere || pit.Raw.String() != "9.888" {
		t.Errorf("pit %+v, want 1.840 m from 9.888 mA", pit)
	}
	var out bytes.Buffer
	if err := (printer{to: &out, lang: configs.English}).print(rows); err != nil {
		t.Fatal(err)
	}
	want := "pit    level  1.840 m  9.888 mA  good\nsmoke  smoke  normal   1         good\ndoor   door   closed   0         good\n"
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", &out, want)
	}
}

func TestReadFaultIsNoValue(t *testing.T) {
	r := newReadRig(t, "off")
	r.loop.BreakWire()
	rows, err := hardware{cfg: r.cfg, host: r.board, sensors: []string{"pit"}}.once(t.Context(), r.plan(t, "pit"))
	if err != nil {
		t.Fatal(err)
	}
	pit := rowOf(t, rows, "pit")
	if len(rows) != 1 || pit.Value != nil || pit.Reason != drivers.BrokenWire || pit.Raw == nil {
		t.Errorf("rows %+v, want a broken wire without a value, with the current it was told by", rows)
	}
	var people, programs bytes.Buffer
	for _, err := range []error{
		(printer{to: &people, lang: configs.Chinese}).print(rows), (printer{to: &programs, json: true}).print(rows),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(people.String(), "故障") || !strings.Contains(people.String(), "信号线断开") || !strings.Contains(people.String(), "→") {
		t.Errorf("printed %s", &people)
	}
	var object map[string]any
	if err := json.Unmarshal(programs.Bytes(), &object); err != nil {
		t.Fatal(err)
	}
	if value, there := object["value"]; !there || value != nil || object["reason"] != "broken_wire" {
		t.Errorf("printed %s, want value null", &programs)
	}
}

// A sensor that says nothing at all within the wait is stuck, and the others
// are printed.
func TestReadSilentSensor(t *testing.T) {
	plan := []gateway.Observed{{Sensor: "a", Quantity: drivers.Level}, {Sensor: "b", Quantity: drivers.Level}}
	one := drivers.Int(1)
	rows := inOrder(plan, map[gateway.Observed]readout{plan[1]: {Sensor: "b", Quantity: drivers.Level, Value: &one, Quality: "good"}}, "hardware")
	if len(rows) != 2 || rows[0].Reason != drivers.Stuck || rows[0].Value != nil || rows[0].Advice == nil || rows[1].Value == nil {
		t.Errorf("rows %+v", rows)
	}
}

// Behind dead ones on a bus a sensor may be called stuck before its turn came.
func TestReadWaitsForTheTurn(t *testing.T) {
	a, b := gateway.Observed{Sensor: "a", Quantity: drivers.Level}, gateway.Observed{Sensor: "b", Quantity: drivers.Level}
	plan, one := []gateway.Observed{a, b}, drivers.Int(1)
	seen := map[gateway.Observed]readout{a: {Reason: drivers.NoAnswer}}
	for _, c := range []struct {
		b    readout
		want bool
	}{{readout{Reason: drivers.Stuck}, false}, {readout{Reason: drivers.BrokenWire}, true}, {readout{Value: &one}, true}} {
		seen[b] = c.b
		if got := settled(plan, seen); got != c.want {
			t.Errorf("with %+v settled is %v", c.b, got)
		}
	}
	if settled(plan, map[gateway.Observed]readout{a: {Value: &one}}) {
		t.Error("settled without b")
	}
}

// While the agent runs it has the lines for itself: it is asked.
func TestReadAsksTheRunningAgent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := newReadRig(t, l.Addr().String())
	if _, running := findAgent(t.Context(), choiceOf(r.cfg, "off")); running {
		t.Error("an agent was found where there is no page")
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- gateway.Run(ctx, r.cfg, gateway.Options{Host: r.board, Page: l}) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("agent ended with %v", err)
		}
	}()
	agent, running := findAgent(t.Context(), r.cfg)
	if !running {
		t.Fatal("the running agent was not found")
	}
	watching, enough := context.WithTimeout(t.Context(), 30*time.Second)
	defer enough()
	var pit readout
	err = agent.watch(watching, r.plan(t, "pit"), func(row readout) error {
		if pit = row; row.Value != nil {
			enough()
		}
		return nil
	})
	if err != nil || pit.Value == nil || pit.Value.String() != "1.840" || pit.RawUnit != drivers.Milliampere || pit.Source != "agent" {
		t.Errorf("the agent says %+v (%v)", pit, err)
	}
	// Configured after the agent began: that is said, and not that it is stuck.
	changed := *r.cfg
	changed.Sensors = append(slices.Clone(changed.Sensors), changed.Sensors[0])
	changed.Sensors[3].ID = "later"
	plan, err := readPlan(&changed, nil, configs.English)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := agent.once(t.Context(), plan)
	if later := rowOf(t, rows, "later"); err != nil || later.Value != nil || later.Reason != "" || later.Says == nil || !strings.Contains(later.Advice.EN, "restart") {
		t.Errorf("of a sensor the agent does not have: %+v (%v)", later, err)
	}
	stranger := *r.cfg
	stranger.Gateway.ID = "GW-OTHER"
	if _, running := findAgent(t.Context(), &stranger); running {
		t.Error("another gateway's agent was taken for this one")
	}
}

// Another program at the page's address is no agent: one that never answers, one
// without an end, and one that points elsewhere.
func TestReadFindsNoAgentInStrangers(t *testing.T) {
	agents := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		agents++
		_, _ = io.WriteString(w, `{"gateway": {"id": "GW-READ"}}`)
	}))
	defer elsewhere.Close()
	for name, handler := range map[string]http.HandlerFunc{
		"silent":    func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"garbage":   func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"redirects": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"gateway": {"id": "GW-READ"}, "version": "`)
			for range askMost/(64<<10) + 1 {
				if _, err := w.Write(bytes.Repeat([]byte{'a'}, 64<<10)); err != nil {
					return
				}
			}
			_, _ = io.WriteString(w, `"}`)
		},
	} {
		server := httptest.NewServer(handler)
		r := newReadRig(t, strings.TrimPrefix(server.URL, "http://"))
		if _, running := findAgent(t.Context(), r.cfg); running {
			t.Errorf("%s: taken for the agent", name)
		}
		server.Close()
	}
	if agents != 0 {
		t.Error("a redirect was followed")
	}
}

// A value that the agent calls old is not printed as one of now.
func TestReadSaysOld(t *testing.T) {
	one := drivers.Int(1)
	var out bytes.Buffer
	row := readout{Sensor: "pit", Quantity: drivers.Level, Value: &one, Unit: drivers.Metre, Quality: "good", Stale: true, Source: "agent"}
	if err := (printer{to: &out, lang: configs.Chinese}).print([]readout{row}); err != nil || !strings.Contains(out.String(), "旧值") {
		t.Errorf("printed %q (%v)", &out, err)
	}
}

func choiceOf(cfg *configs.Config, listen string) *configs.Config {
	other := *cfg
	other.Page.Listen = listen
	return &other
}

func TestReadUnknownSensor(t *testing.T) {
	path := write(t, "watchpost.yaml", rightConfiguration)
	got := watchpost(t, "read", "--config", path, "pump-pi")
	if got.code != 2 || got.out != "" || !strings.Contains(got.err, `"pump-pi"`) || !strings.Contains(got.err, "pump-pit, smoke") {
		t.Errorf("got %+v", got)
	}
}

// What read says is in the language it was asked for.
func TestReadSpeaksTheChosenLanguage(t *testing.T) {
	path := write(t, "watchpost.yaml", rightConfiguration)
	broken := write(t, "broken.yaml", strings.ReplaceAll(rightConfiguration, "GW-1", "网关1"))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--config", path, "pump-pi"}, "配置中没有传感器"},
		{[]string{"--config", broken}, "正确写法"},
		{[]string{"--config", path + ".gone"}, "没有文件"},
	} {
		got := watchpost(t, append([]string{"read", "--lang", "zh"}, c.args...)...)
		if got.code != 2 || !strings.Contains(got.err, c.want) {
			t.Errorf("%q: %+v, want %s", c.args, got, c.want)
		}
	}
}

func TestReadWithoutHardware(t *testing.T) {
	path := write(t, "watchpost.yaml", rightConfiguration)
	got := watchpost(t, "read", "--lang", "en", "--config", path, "pump-pit")
	if got.code != 1 || !strings.Contains(got.out, "pump-pit  level  -") || !strings.Contains(got.out, "missing") {
		t.Errorf("got %+v", got)
	}
}

func TestCheckLive(t *testing.T) {
	path := write(t, "watchpost.yaml", rightConfiguration)
	got := watchpost(t, "check", "--live", "--lang", "en", path)
	if got.code != 1 || !strings.Contains(got.out, "readings ") || !strings.Contains(got.out, "pump-pit  level  -") {
		t.Errorf("got %+v, want a right configuration and sensors that are not there", got)
	}
}

// Files that the agent could not use are found while the installer is there, and
// what is in them is not shown.
func TestCheckLiveReadsTheFilesOfSecrets(t *testing.T) {
	key, password := write(t, "site.key", "hunter2"), write(t, "city.password", "hunter2\n")
	text := fmt.Sprintf(`version: 1
gateway: {id: GW-1}
page: {listen: "off"}
cards: {key_file: %s}
platforms: [{id: city, server: "tcp://127.0.0.1:1883", allow_plaintext: true, username: u, password_file: %s}]
`, key, password)
	got := watchpost(t, "check", "--live", "--lang", "en", write(t, "watchpost.yaml", text))
	if got.code != 1 || !strings.Contains(got.out, "file that cannot be used: read site key "+key) || strings.Contains(got.out, password) {
		t.Errorf("got %+v, want the key file refused and the password file taken", got)
	}
	if strings.Contains(got.out+got.err, "hunter2") {
		t.Errorf("a secret is shown: %+v", got)
	}
	if got := watchpost(t, "check", "--live", write(t, "watchpost.yaml", strings.Replace(text, "cards: {key_file: "+key+"}\n", "", 1))); got.code != 0 {
		t.Errorf("without the key file: %+v", got)
	}
}

// The files of TLS are looked at too, each set of them once.
func TestCheckLiveReadsTheFilesOfTLS(t *testing.T) {
	ca, token := write(t, "ca.pem", "hunter2"), write(t, "city.token", "hunter2\n")
	text := fmt.Sprintf(`version: 1
gateway: {id: GW-1}
page: {listen: "off"}
platforms:
  - {id: city, server: "tls://127.0.0.1:8883", tls: {ca_file: %[1]s}, fallback: {url: "https://127.0.0.1/", token_file: %[2]s, tls: {ca_file: %[1]s}}}
`, ca, token)
	got := watchpost(t, "check", "--live", "--lang", "en", write(t, "watchpost.yaml", text))
	if got.code != 1 || strings.Count(got.out, "file that cannot be used: "+ca+": no certificate in it") != 1 || strings.Contains(got.out, token) {
		t.Errorf("got %+v, want the CA file refused once and the token file taken", got)
	}
	got = watchpost(t, "check", "--live", "--lang", "en", write(t, "watchpost.yaml", strings.Replace(text, token, ca+"2", 1)))
	if !strings.Contains(got.out, "read secret file "+ca+"2") {
		t.Errorf("got %+v, want the token file missed", got)
	}
	if got := watchpost(t, "check", "--live", write(t, "watchpost.yaml", strings.ReplaceAll(text, "ca_file: "+ca, ""))); got.code != 0 {
		t.Errorf("with the system's roots: %+v", got)
	}
}

func TestCheckRemarksOnPlaintext(t *testing.T) {
	for server, clear := range map[string]bool{
		"tcp://city.example:1883": true, "tcp://192.0.2.1:1883": true, "tcp://127.0.0.1:1883": false, "tcp://[::1]:1883": false, "tls://city.example:8883": false,
	} {
		allow := strings.HasPrefix(server, "tcp")
		text := fmt.Sprintf("version: 1\ngateway: {id: GW-1}\nplatforms: [{id: city, server: %q, allow_plaintext: %t}]\n", server, allow)
		got := watchpost(t, "check", "--lang", "en", write(t, "watchpost.yaml", text))
		if said := strings.Contains(got.out, "note: city: what goes there is not encrypted"); said != clear || got.code != 0 {
			t.Errorf("%s: said %t: %+v", server, said, got)
		}
	}
}

func TestTableLinesUpChinese(t *testing.T) {
	var out bytes.Buffer
	if err := table(&out, [][]string{{"水位", "a"}, {"x", "b"}, {"a line of its own that widens nothing"}}); err != nil {
		t.Fatal(err)
	}
	if want := "水位  a\nx     b\na line of its own that widens nothing\n"; out.String() != want {
		t.Errorf("printed\n%swant\n%s", &out, want)
	}
}

func TestSizesForPeople(t *testing.T) {
	for n, want := range map[float64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 12_288: "12 kB", 9_960_000: "10.0 MB", 305e6: "305 MB", 3.34e9: "3.3 GB"} {
		if got := size(n); got != want {
			t.Errorf("%v bytes are %q, want %q", n, got, want)
		}
	}
	for n, want := range map[float64]string{0.5: "12 hours", 1.5: "1.5 days", 24: "24 days", 4000: "over ten years"} {
		if got := days(configs.English)(n); got != want {
			t.Errorf("%v days are %q, want %q", n, got, want)
		}
	}
	if got := count(259_200) + " " + count(999) + " " + count(0); got != "259,200 999 0" {
		t.Errorf("counts %s", got)
	}
}
