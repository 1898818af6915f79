package browser

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// situation is a state that the real agent is in, and what a person must see then.
type situation struct {
	name, banner string   // of showpage, and the banner's state
	path         string   // empty: the status page
	zh, en       []string // words that must be there
	never        []string // and words that must not
	check        string   // an expression that is true then; empty: none
	spoil        string   // what makes it false: the check's control
}

// situations are all but the one of a page that was left alone.
func situations() []situation {
	return []situation{{
		name: "normal", banner: "ok",
		zh:    []string{"一切正常", "6 个传感器", "0.620 m", "无烟", "已连接", "待上传", "按现速可存", "存储正常", "已校准", "0.1.0"},
		en:    []string{"All is well", "6 sensors", "0.620 m", "No smoke", "Connected", "Waiting to be sent", "at this rate", "Storage at work", "Set", "0.1.0"},
		check: `document.querySelectorAll('.row.alarm, .row.note, .other').length === 0 && document.querySelectorAll('.row.sensor.ok').length === 6`,
		spoil: `document.querySelector('.row.sensor').className = 'row sensor stale'`,
	}, {
		name: "warning", banner: "alarm",
		zh:    []string{"1 个报警：小区门前道路水位 0.37 m，高于警戒 0.3 m", "黄色", "地点：3栋 东门外", "现在：设警示牌", "电话：中控室", "010-8888 6666", "我知道了"},
		en:    []string{"1 alarm: Street outside: level 0.37 m, above 0.3 m", "Yellow", "Where:", "Now:", "Call:", "010-8888 6666", "Acknowledge"},
		check: `document.querySelector('.banner').classList.contains('warn') && ` + threeLines,
		spoil: `document.querySelector('.row.alarm .todo').remove()`,
	}, {
		name: "flood", banner: "alarm",
		zh:    []string{"2 个报警：地下车库集水井水位 1.6", "橙色", "先断水泵房电源，再派人设挡水板", "3栋 B1-07 水泵房东侧"},
		en:    []string{"2 alarms: Pump pit: level 1.6", "Orange", "Cut the power of the pump room"},
		check: threeLines,
		spoil: `document.querySelectorAll('.row.alarm')[1].querySelector('.call').style.display = 'none'`,
	}, {
		name: "smoke", banner: "alarm",
		zh:    []string{"1 个报警：地下车库烟感烟雾报警", "红色", "有烟", "地点：", "现在：", "电话："},
		en:    []string{"1 alarm: Smoke detector B1: smoke alarm", "Red", "Smoke", "Where:", "Now:", "Call:"},
		check: `document.querySelector('.banner').classList.contains('danger') && ` + threeLines,
		spoil: `document.querySelector('.row.alarm .call a').href = 'tel:119'`,
	}, {
		name: "fault", banner: "fault",
		zh:    []string{"地下车库集水井读不到数据", "信号线断开", "故障", "最后有效值 0.620 m", "需要处理"},
		en:    []string{"Pump pit cannot be read", "wire", "Fault", "last good value 0.620 m", "Needs attention"},
		check: `document.querySelectorAll('.row.sensor.fault .value.none').length === 1 && !/\d/.test(document.querySelector('.row.sensor.fault .what .value').textContent)`,
		spoil: `document.querySelector('.row.sensor.fault .what .value').textContent = '0.620'`,
	}, {
		name: "uplink", banner: "uplink",
		zh:    []string{"平台连接中断", "条数据已安全保存在本机", "中断", "待上传", "事件 1", "按现速可存"},
		en:    []string{"The platform cannot be reached", "records are stored safely here", "Not connected", "Waiting to be sent", "events 1", "at this rate"},
		never: []string{"全部已上传", "Everything is sent", "一切正常", "All is well"},
		check: `document.querySelectorAll('.row.sensor.ok').length === 6`,
		spoil: `document.querySelector('.row.sensor').className = 'row sensor stale'`,
	}, {
		name: "clock", banner: "clock",
		zh:    []string{"时间未校准", "未校准", "秒前"},
		en:    []string{"The clock is not set", "Not set", "s ago"},
		never: []string{"1970", "08:00", "一切正常", "All is well"},
		check: `document.querySelectorAll('.row.sensor.ok').length === 6 && [...document.querySelectorAll('.log time')].every(e => /秒前|分钟前|ago/.test(e.textContent))`,
		spoil: `document.querySelector('.log time').textContent = '09:31:00'`,
	}, {
		name: "first", banner: "none",
		zh:    []string{"尚未配置传感器", "设置密码", "未配置平台"},
		en:    []string{"No sensors are configured", "Set up", "No platform is configured"},
		never: []string{"一切正常", "All is well"},
	}, {
		name: "first", path: "login",
		zh:    []string{"首次使用", "一次性安装码", "setup-code", "watchpost password"},
		en:    []string{"First use", "one-time code", "setup-code", "watchpost password"},
		check: `document.querySelector('input[name=code]').value === '' && !/[A-Z2-9]{4}-[A-Z2-9]{4}|[A-Z2-9]{8}/.test(document.documentElement.innerHTML)`,
		spoil: `document.querySelector('.hint').textContent += ' ABCD-2345'`,
	}}
}

// threeLines: each alarm that holds says where, what to do and whom to call, in
// text that can be selected, with a number that can be dialled.
const threeLines = `[...document.querySelectorAll('.row.alarm:not(.over)')].every(a => ['.where', '.todo', '.call'].every(c => {
	const e = a.querySelector(c);
	return e && e.offsetHeight > 0 && getComputedStyle(e).userSelect === 'text';
}) && a.querySelector('.call a').getAttribute('href') === 'tel:01088886666')`

// TestStates shows each state of the real agent on both widths in both languages:
// what must be said is said, nothing is wider than the screen or too small to tap,
// nothing is asked for elsewhere, and axe-core has nothing to say.
func TestStates(t *testing.T) {
	browser := startChromium(t)
	script := axe.source(t)
	lines, _ := startShowpage(t, "real")
	addresses := map[string]string{}
	for range 8 {
		if !lines.Scan() {
			t.Fatalf("showpage names %v: %v", addresses, lines.Err())
		}
		name, address, _ := strings.Cut(lines.Text(), " ")
		addresses[name] = address
	}
	var tabs []*tab
	for _, s := range screens() {
		tabs = append(tabs, openTab(t, browser, s))
	}
	for i, s := range []screen{phone("zh"), desktop("en")} { // without scripts
		s.name += "-plain"
		tabs = append(tabs, openTab(t, browser, s))
		if _, err := chromedp.Call(tabs[4+i].ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
			t.Fatal(err)
		}
	}
	var all sheet
	for _, s := range situations() {
		var each sync.WaitGroup
		for _, b := range tabs {
			each.Go(func() { s.see(b, addresses[s.name], script, &all) })
		}
		each.Wait()
	}
	leftAlone(t, tabs[:4], script, &all)
	all.write(t)
}

// see opens the state's page and checks it.
func (s situation) see(b *tab, address, script string, all *sheet) {
	b.t.Helper()
	plain := strings.HasSuffix(b.name, "-plain")
	address += s.path + "?lang=" + b.lang
	for deadline := time.Now().Add(hang); ; <-time.After(500 * time.Millisecond) {
		b.goTo(address)
		if s.banner == "" || ask[string](b, state) == s.banner || time.Now().After(deadline) {
			break
		}
	}
	what := b.name + ", " + s.name + " " + s.path
	if s.banner != "" {
		if got := ask[string](b, state); got != s.banner {
			b.t.Errorf("%s: banner %q, want %q", what, got, s.banner)
		}
		if !ask[bool](b, `[...document.querySelectorAll('.banner .i, .row > .i, dd > .i')].every(e => e.clientWidth >= 12)`) {
			b.t.Errorf("%s: a shape cannot be seen", what)
		}
	}
	b.says(what, map[string][]string{"zh": s.zh, "en": s.en}[b.lang], s.never)
	if s.check != "" && !ask[bool](b, s.check) {
		b.t.Errorf("%s: not so: %s\n%s", what, s.check, ask[string](b, `document.body.innerText`))
	}
	sound(b)
	if plain {
		return
	}
	b.load(script)
	for _, problem := range violations(b) {
		b.t.Errorf("%s: %s", what, problem)
	}
	if s.name == "flood" {
		picture(b, "")
	}
	all.add(b)
	if s.spoil != "" && ask[bool](b, `(`+s.spoil+`, `+s.check+`)`) {
		b.t.Errorf("%s: the check does not notice %s", what, s.spoil)
	}
}

// says checks which words can be read.
func (b *tab) says(what string, want, never []string) {
	b.t.Helper()
	text := ask[string](b, `document.body.innerText`)
	for _, word := range want {
		if !strings.Contains(text, word) {
			b.t.Errorf("%s: does not say %q:\n%s", what, word, text)
		}
	}
	for _, word := range never {
		if strings.Contains(text, word) {
			b.t.Errorf("%s: says %q:\n%s", what, word, text)
		}
	}
}

// tooLate is when a page whose gateway died must long have said so: it takes some
// seconds.
const tooLate = 20 * time.Second

// leftAlone: the gateway behind an open page of a calm compound dies.
func leftAlone(t *testing.T, tabs []*tab, script string, all *sheet) {
	lines, kill := startShowpage(t, "real", "normal")
	if !lines.Scan() {
		t.Fatalf("showpage gave no address: %v", lines.Err())
	}
	_, address, _ := strings.Cut(lines.Text(), " ")
	each := func(do func(*tab)) {
		var group sync.WaitGroup
		for _, b := range tabs {
			group.Go(func() { do(b) })
		}
		group.Wait()
	}
	each(func(b *tab) {
		b.goTo(address + "?lang=" + b.lang)
		b.until("all is well", state+` === 'ok'`)
		b.load(script)
		for _, problem := range b.faults() {
			t.Errorf("%s, before the gateway died: %s", b.name, problem)
		}
	})
	died := time.Now()
	kill()
	each(func(b *tab) {
		at := b.until("contact lost", lost)
		t.Logf("%s: contact lost %.1f s after the gateway died", b.name, at.Sub(died).Seconds())
		if at.Sub(died) > tooLate {
			t.Errorf("%s: it took %s to say that contact is lost", b.name, at.Sub(died))
		}
		what := b.name + ", stale"
		b.says(what, map[string][]string{"zh": {"与网关失去联系", "数据已过时"}, "en": {"No contact with the gateway", "Stale"}}[b.lang], nil)
		for _, wrong := range []string{
			`document.querySelectorAll('.row.sensor.ok, .row.sensor > .i.ok').length > 0`,
			`[...document.querySelectorAll('.sensor .value:not(.none)')].some(e => !getComputedStyle(e).textDecorationLine.includes('line-through'))`,
			`document.title.includes('一切正常') || document.title.includes('All is well')`,
			`document.getElementById('pulse').offsetHeight > 0`,
		} {
			if ask[bool](b, wrong) {
				t.Errorf("%s: %s", what, wrong)
			}
		}
		for _, problem := range violations(b) {
			t.Errorf("%s: %s", what, problem)
		}
		if small := ask[[]string](b, targets); len(small) > 0 {
			t.Errorf("%s: targets of less than 44 px: %q", what, small)
		}
		all.add(b)
	})
}
