package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"watchpost/agent/gateway"
	"watchpost/configs"
	"watchpost/drivers/all"
)

const rightConfiguration = `version: 1
gateway: {id: GW-1}
output: {line: gpiochip0:22}
sensors:
  - {id: pump-pit, driver: ads1115, bus: i2c-1, span: 5m, report: {change: 1cm}, alarm: {above: 1.5m, clear_below: 1.4m, level: orange}}
  - {id: smoke, driver: contact, line: /dev/gpiochip0:17, measures: smoke, sample: 90m, report: {every: 2h}}
`

func TestCheckRight(t *testing.T) {
	path := write(t, "watchpost.yaml", rightConfiguration)
	for lang, want := range map[string]string{
		"zh": `配置正确：网关 GW-1，2 个传感器，0 个平台
编号      驱动     接在             采样   上报
pump-pit  ads1115  i2c-1@0x48/AIN0  1s     每 5m，变化 0.01m，报警时每 1s
smoke     contact  gpiochip0:17     1h30m  每 2h
注意：输出不会接通：没有报警达到级别 red
注意：没有平台：数据只留在网关上
`,
		"en": `configuration is right: gateway GW-1, sensors: 2, platforms: 0
id        driver   on               sample  report
pump-pit  ads1115  i2c-1@0x48/AIN0  1s      every 5m, change 0.01m, in alarm every 1s
smoke     contact  gpiochip0:17     1h30m   every 2h
note: the output is never switched on: no alarm reaches level red
note: no platform: what is read stays on the gateway
`,
	} {
		got := watchpost(t, "check", "--lang", lang, path)
		// What else is said of a right configuration comes after the sensors.
		if got.code != 0 || got.err != "" || !strings.HasPrefix(got.out, want) {
			t.Errorf("%s: got %+v, want %s", lang, got, want)
		}
	}
}

// What is right and may not be meant is said: a door that cannot be forced, an
// alarm that would report less often, and the costs of a gateway by itself.
func TestCheckRemarks(t *testing.T) {
	path := write(t, "watchpost.yaml", `version: 1
gateway: {id: GW-1}
sensors:
  - {id: back, driver: door, line: gpiochip0:17, alarm: {level: red}, sample: 5s}
  - {id: front, driver: door, line: gpiochip0:18, rex: gpiochip0:19, alarm: {level: red}, report: {every: 5m, in_alarm: 10m}}
`)
	got := watchpost(t, "check", "--lang", "en", path)
	for _, want := range []string{
		"every 5m, in alarm every 5s\n", "every 5m\n",
		"note: back is in alarm only while held open", "note: front: report.in_alarm is longer than every",
		"0 B a month: without a platform",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("printed %s, want %q", got.out, want)
		}
	}
	if strings.Contains(got.out, "front is in alarm only") || strings.Contains(got.out, "offline") || got.code != 0 {
		t.Errorf("printed %s, code %d", got.out, got.code)
	}
}

func TestCheckFindsEveryMistake(t *testing.T) {
	path := write(t, "watchpost.yaml", strings.ReplaceAll(rightConfiguration, "GW-1", "网关1")+`  - {id: smoke, driver: contact, line: gpiochip0:17, measures: smoke, password: hunter2}
`)
	zh := path + `:2:15: gateway.id: "网关1" 不能用；正确写法：1 至 64 个字母、数字、_ 和 -，以字母或数字开头
` + path + `:7:10: sensors[2].id: 编号 "smoke" 重复；正确写法：另取一个；第 6 行已经用了它
` + path + `:7:40: sensors[2].line: 传感器 "smoke" 使用 gpiochip0:17，而第 6 行的传感器 "smoke" 已在使用；正确写法：每个只给一个传感器用
` + path + `:7:71: sensors[2].password: 没有这个键；正确写法：id、name、place、driver、sample、report、alarm、line、measures、active、pull、debounce 之一
`
	got := watchpost(t, "check", "--lang", "zh", path)
	end := "watchpost: error: " + path + " 有 4 处错误\nwatchpost: hint: 改正上面列出的各行\n"
	if got.code != 2 || got.out != zh || got.err != end {
		t.Errorf("got %+v, want %s%s", got, zh, end)
	}
	got = watchpost(t, "check", path) // the tests' environment is English
	if got.code != 2 || strings.Count(got.out, "; expected ") != 4 || got.err != "watchpost: error: mistakes in "+path+": 4\nwatchpost: hint: correct the lines named above\n" {
		t.Errorf("got %+v", got)
	}
}

func TestCheckUnreadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	for lang, want := range map[string]string{
		"zh": "watchpost: error: 没有文件 " + path + "\nwatchpost: hint: 用法：watchpost check 文件\n",
		"en": "watchpost: error: read configuration " + path + ": no such file or directory\nwatchpost: hint: usage: watchpost check FILE\n",
	} {
		if got := watchpost(t, "check", "--lang", lang, path); got != (outcome{1, "", want}) {
			t.Errorf("%s: got %+v, want %s", lang, got, want)
		}
	}
	if got := watchpost(t, "check", "--lang", "fr", path); got.code != 2 {
		t.Errorf("a language there is not: %+v", got)
	}
}

func TestCheckHelpStatesTheCodes(t *testing.T) {
	if got := watchpost(t, "check", "--help"); got.code != 0 || !strings.Contains(got.out, "Exit codes: 0 the configuration is right; 1 the file cannot") {
		t.Errorf("got %+v", got)
	}
}

// What the drivers share and claim reaches the check.
func TestCheckFindsPortsUsedTwice(t *testing.T) {
	path := write(t, "watchpost.yaml", `version: 1
gateway: {id: GW-1}
output: {line: gpiochip0:5}
sensors:
  - {id: a, driver: modbus, port: ttyS1, unit: 1, register: 0, register_unit: cm}
  - {id: b, driver: modbus, port: /dev/ttyS1, unit: 2, register: 0, register_unit: cm, baud: 19200}
  - {id: c, driver: a02yyuw, port: ttyS1, height: 3m}
  - {id: d, driver: modbus, port: ttyS1, unit: 1, register: 0, register_unit: cm}
  - {id: e, driver: wiegand, d0: gpiochip0:5, d1: gpiochip0:6, alarm: {level: red}, report: {change: 1cm}}
`)
	got := watchpost(t, "check", path)
	lines := strings.Split(got.out, "\n")
	want := []string{
		`:3:16: output.line: the output uses gpiochip0:5, which sensor "e" on line 9`,
		`:6:35: sensors[1].port: sensor "b" uses ttyS1 as modbus 19200 8N1, yet sensor "a" on line 5 uses it as modbus 9600 8N1`,
		`:7:36: sensors[2].port: sensor "c" needs ttyS1 alone, yet sensor "a" on line 5`,
		`:8:10: sensors[3]: sensor "d" uses ttyS1@1/holding/0, which sensor "a" on line 5`,
		`:9:72: sensors[4].alarm: this sensor raises no alarm`,
		`:9:102: sensors[4].report.change: this sensor has no length`,
		``,
	}
	if len(lines) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want[:6] {
		if !strings.HasPrefix(lines[i], path+want[i]) {
			t.Errorf("got %s\nwant %s", lines[i], want[i])
		}
	}
}

// A driver's wants are told in Chinese too: each is either neutral or "zh|en".
func TestDriversSpeakBothLanguages(t *testing.T) {
	for _, d := range all.Drivers() {
		zero := configs.Keys(gateway.Catalogue{}, d.Name)
		for _, k := range zero {
			if k.Doc.Zh == k.Doc.En {
				t.Errorf("%s.%s: doc in one language", d.Name, k.Name)
			}
		}
		options := d.Options().(all.Options)
		for _, p := range options.Validate() {
			if english(p.Want) {
				t.Errorf("%s.%s: want %q has no Chinese", d.Name, p.Key, p.Want)
			}
		}
	}
	for text, want := range map[string]bool{"0x48 … 0x4b": false, "auto, trigger": false, "一条线|a line": false, "1 to 9": true, "at most 5": true} {
		if english(text) != want {
			t.Errorf("%q: taken for English: %v", text, !want)
		}
	}
}

// english reports whether a want is a sentence in English alone.
func english(want string) bool {
	if strings.Contains(want, "|") {
		return false
	}
	for _, word := range strings.Fields(strings.ToLower(want)) {
		switch strings.Trim(word, ",:\"") {
		case "to", "or", "and", "a", "an", "the", "at", "most", "least", "more", "less", "than", "such", "as", "of", "in", "for":
			return true
		}
	}
	return false
}

// TestWantsInTheSource looks at every want that the drivers' source has, since
// Validate on one set of options shows only some.
func TestWantsInTheSource(t *testing.T) {
	files, err := filepath.Glob("../drivers/all/*.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("drivers: %v, %v", files, err)
	}
	found := 0
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.Split(src, []byte("\n")) {
			text, ok := wantIn(string(line))
			if !ok || strings.HasSuffix(file, "_test.go") {
				continue
			}
			found++
			if english(strings.Join(literal.FindAllString(text, -1), " ")) {
				t.Errorf("%s:%d: want %s has no Chinese", file, i+1, text)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d wants found", found)
	}
}

// literal is a string in source.
var literal = regexp.MustCompile(`"[^"]*"`)

// wantIn is the second argument of add(key, want, got), or the field Want.
func wantIn(line string) (string, bool) {
	line = strings.TrimSpace(line)
	if rest, ok := strings.CutPrefix(line, "add("); ok {
		_, rest, ok = strings.Cut(rest, ", ")
		return rest, ok
	}
	_, rest, ok := strings.Cut(line, "Want: ")
	return rest, ok
}

// The whole corpus of the loader is in configs; here are the real drivers.
func TestCheckWithTheRealDrivers(t *testing.T) {
	for _, lang := range []string{"zh", "en"} {
		got := watchpost(t, "check", "--lang", lang, filepath.Join("testdata", "mistakes.yaml"))
		golden := filepath.Join("testdata", "mistakes."+lang+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(got.out), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got.code != 2 || got.out != string(want) {
			t.Errorf("code %d, said\n%swant\n%s", got.code, got.out, want)
		}
		if strings.Contains(got.out+got.err, "hunter2") {
			t.Error("a password was printed")
		}
	}
}
