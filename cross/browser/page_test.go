package browser

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// What the tests read on the page.
const (
	banner    = `document.querySelector('.banner .say').textContent.trim()`
	state     = `document.querySelector('.banner').dataset.state`
	values    = `[...document.querySelectorAll('.sensor .value:not(.none)')].map(e => e.textContent.trim())`
	age       = `/[1-9]/.test(document.querySelector('.banner .note').textContent)` // of a second or more
	staleRows = `document.querySelectorAll('.sensor.stale').length`
	lost      = `(() => { const e = document.getElementById('lost'); return e.offsetHeight > 0 && e.textContent.length > 10 })()`
)

// sensors are as many rows as the demo has sensors: door and reader have one each.
// All but the reader's have a value: what it counts is not for everybody.
const (
	sensors = "5"
	valued  = "4"
)

// round is one round of the story: the water's alarm holds for 6 s, and the smoke
// detector acts 0.7 s after its act begins.
const round = 60 * time.Second

// soon is how fast an alarm must be on an open page, counted from the beginning
// of its act: the page's own promise is a view each second.
const soon = 3 * time.Second

// TestPage follows one round of the demo on phone and desktop in both languages.
func TestPage(t *testing.T) {
	browser := startChromium(t)
	// Tabs first: opening them takes longer than the story's calm beginning.
	tabs := []*tab{
		openTab(t, browser, phone("zh")), openTab(t, browser, phone("en")),
		openTab(t, browser, desktop("zh")), openTab(t, browser, desktop("en")),
	}
	chart := openTab(t, browser, phone("zh"))
	chart.name = "chart"
	plain := openTab(t, browser, phone("zh"))
	plain.name = "without scripts"
	d := startDemo(t, "--page", "127.0.0.1:0", "--round", round.String())
	each := func(do func(*tab)) {
		var all sync.WaitGroup
		for _, b := range tabs {
			all.Go(func() { do(b) })
		}
		all.Wait()
	}

	each(func(b *tab) {
		b.goTo(d.page + "?lang=" + b.lang)
		b.until("all sensors with values", values+`.length === `+valued)
		ask[int](b, `window.opened = 1`)
	})
	each(words)
	each(live)
	var beside sync.WaitGroup // the story does not wait
	beside.Go(func() { liveChart(chart, d) })
	defer beside.Wait()
	withoutScripts(plain, d)

	alarms(t, d, each)
	forcedDoor(t, d, each)

	beside.Wait()
	d.wait("The uplink is down")
	each(outage)
	dead(t, d, each)
}

// alarms: flood and smoke are on the page while they hold.
func alarms(t *testing.T, d *demo, each func(func(*tab))) {
	flood := d.wait("Flash flood").at
	each(func(b *tab) {
		word := map[string]string{"zh": "集水井", "en": "Pump pit"}[b.lang]
		at := b.until("the pump pit's alarm", state+` === 'alarm' && `+banner+`.includes('`+word+`')`)
		t.Logf("%s: the flood's alarm is on the page %.1f s after the act began: %s", b.name, at.Sub(flood).Seconds(), ask[string](b, banner))
		b.until("the age of the alarm", age)
		if now := ask[string](b, state); now != "alarm" {
			t.Errorf("%s: the banner says %s a moment later, want alarm", b.name, now)
		}
	})

	d.wait("Smoke alarm, over")
	smoke := d.wait("Smoke alarm, over").at
	each(func(b *tab) {
		word := map[string]string{"zh": "烟", "en": "smoke alarm"}[b.lang]
		at := b.until("the smoke alarm", `document.querySelector('[data-part=alarms]').textContent.includes('`+word+`')`)
		t.Logf("%s: the smoke alarm is on the page %.2f s after its act began", b.name, at.Sub(smoke).Seconds())
		if at.Sub(smoke) > soon {
			t.Errorf("%s: the smoke alarm came %s after its act began, want %s at most", b.name, at.Sub(smoke), soon)
		}
	})
}

// liveChart: the pump pit has its chart and table from the running gateway, with
// the alarm's levels.
func liveChart(b *tab, d *demo) {
	b.goTo(d.page + "?lang=" + b.lang)
	b.goTo(d.page + strings.TrimPrefix(ask[string](b, `[...document.querySelectorAll('.go')].filter(e => e.textContent === '地下车库集水井')[0].getAttribute('href')`), "/"))
	b.until("the pit's chart", chartDrawn)
	b.until("the pit's table", `/\d\.\d+ m/.test(document.querySelector('.hours tbody').textContent)`)
	if n := ask[int](b, `document.querySelectorAll('.levels li').length`); n < 2 {
		b.t.Errorf("%s: %d thresholds are named, want where the alarm begins and where it ends", b.name, n)
	}
	sound(b)
}

// forcedDoor: the forced door is told; who passed, and when, is not, to
// somebody who gave no password.
func forcedDoor(t *testing.T, d *demo, each func(func(*tab))) {
	forced := d.wait("then the door is forced").at
	each(func(b *tab) {
		words := map[string]string{"zh": "强行打开", "en": "Forced open"}[b.lang]
		at := b.until("the forced door", row("door", words))
		t.Logf("%s: the forced door is on the page %.1f s after its act began", b.name, at.Sub(forced).Seconds())
		if ask[bool](b, `/\d|前|ago/.test(document.querySelector('.go[href="/t/reader"]').closest('.row').querySelector('.what').innerText)`) {
			b.t.Errorf("%s: the page shows when or how often cards were read", b.name)
		}
		if ask[bool](b, `/[0-9a-f]{16}|31337|[0-9a-f]{4}…/.test(document.getElementById('view').innerText.replace(document.querySelector('.mono').innerText, ''))`) {
			b.t.Errorf("%s: the page shows a card to somebody who gave no password", b.name)
		}
		for _, problem := range b.faults() {
			t.Errorf("%s, door forced: %s", b.name, problem)
		}
	})
}

// outage: the page says so, and nothing went wrong with it so far.
func outage(b *tab) {
	b.until("the outage", `document.querySelector('[data-part=uplink] dd').className === 'info'`)
	b.until("the backlog", `/[0-9]/.test(document.querySelector('[data-part=uplink] dd:last-of-type').textContent)`)
	for _, problem := range b.faults() {
		b.t.Errorf("%s: %s", b.name, problem)
	}
	if ask[int](b, `window.opened || 0`) != 1 {
		b.t.Errorf("%s: the page was loaded again", b.name)
	}
}

// dead: a dead gateway never looks like a calm one.
func dead(t *testing.T, d *demo, each func(func(*tab))) {
	killed := time.Now()
	d.kill()
	each(func(b *tab) {
		at := b.until("stale sensors", staleRows+` === `+sensors)
		t.Logf("%s: all sensors stale %.1f s after the gateway died", b.name, at.Sub(killed).Seconds())
		at = b.until("contact lost", lost)
		t.Logf("%s: contact lost %.1f s after the gateway died", b.name, at.Sub(killed).Seconds())
		if ask[bool](b, `document.getElementById('pulse').offsetHeight > 0`) {
			t.Errorf("%s: still says live", b.name)
		}
		if n := ask[int](b, `document.querySelectorAll('.sensor > .i.ok').length`); n > 0 {
			t.Errorf("%s: %d stale sensors still have the mark of a good one", b.name, n)
		}
		if !ask[bool](b, `[...document.querySelectorAll('#lost .i')].every(e => e.clientWidth >= 12 && getComputedStyle(e).padding === '0px')`) {
			t.Errorf("%s: the mark of the lost contact cannot be seen", b.name)
		}
	})
}

// row is an expression that tells whether the row of the door or of the reader
// shows a value.
func row(sensor, value string) string {
	name := map[string]string{"door": "水泵房门|Pump room door", "reader": "水泵房读卡器|Pump room reader"}[sensor]
	return `[...document.querySelectorAll('.sensor')].some(e => /^(` + name + `)$/.test(e.querySelector('b').textContent) &&
		e.querySelector('.value').textContent.startsWith('` + value + `'))`
}

// words: language, banner, names and values are what a reader expects.
func words(b *tab) {
	want := map[string][]string{
		"zh": {"zh-CN", "地下车库集水井", "小区门前道路", "无烟", "关闭", "刷卡次数登录后可见", "传感器"},
		"en": {"en", "Pump pit", "Street outside", "No smoke", "Closed", "count shown after logging in", "Sensors"},
	}[b.lang]
	if got := ask[string](b, `document.documentElement.lang`); got != want[0] {
		b.t.Errorf("%s: language %q, want %q", b.name, got, want[0])
	}
	text := ask[string](b, `document.getElementById('view').innerText`)
	for _, word := range want[1:] {
		if !strings.Contains(text, word) {
			b.t.Errorf("%s: the page does not say %q:\n%s", b.name, word, text)
		}
	}
	if ask[string](b, banner) == "" || !ask[bool](b, `document.querySelector('.banner').getBoundingClientRect().bottom < innerHeight / 2`) {
		b.t.Errorf("%s: no banner in the upper half of the screen", b.name)
	}
	b.t.Logf("%s: banner %q, values %q", b.name, ask[string](b, banner), ask[[]string](b, values))
}

// live: the stream brings new samples without a reload, and none of the sensors
// looks stale in between.
func live(b *tab) {
	const sampled = `Math.max(...[...document.querySelectorAll('.sensor time')].map(e => +e.dataset.at))`
	before := ask[float64](b, sampled)
	ask[int](b, `window.staleSeen = 0`)
	ask[bool](b, `(() => { setInterval(() => { if (`+staleRows+` > 0) window.staleSeen++ }, 20); return true })()`)
	for range 3 {
		was := ask[float64](b, sampled)
		b.until("a newer sample", sampled+` > `+ask[string](b, sampled+`.toString()`))
		if now := ask[float64](b, sampled); now <= was {
			b.t.Errorf("%s: newest sample went from %f to %f", b.name, was, now)
		}
	}
	if !ask[bool](b, `document.getElementById('pulse').offsetHeight > 0`) {
		b.t.Errorf("%s: does not say live", b.name)
	}
	if n := ask[int](b, `window.staleSeen`); n > 0 {
		b.t.Errorf("%s: a sensor looked stale while its samples came (%d looks of 20 ms)", b.name, n)
	}
	b.t.Logf("%s: newest sample moved on by %.1f s", b.name, (ask[float64](b, sampled)-before)/1000)
}

// withoutScripts: the page can be read where no script runs.
func withoutScripts(b *tab, d *demo) {
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		b.t.Fatal(err)
	}
	b.goTo(d.page + "?lang=zh")
	text := ask[string](b, `document.body.innerText`)
	for _, word := range []string{"地下车库集水井", "无烟", "关闭", "30 秒自动刷新"} {
		if !strings.Contains(text, word) {
			b.t.Errorf("%s: the page does not say %q:\n%s", b.name, word, text)
		}
	}
	if n := ask[string](b, values+`.length.toString()`); n != valued {
		b.t.Errorf("%s: %s sensors with values, want %s", b.name, n, valued)
	}
	if ask[bool](b, `document.getElementById('pulse').offsetHeight > 0`) {
		b.t.Errorf("%s: says live", b.name)
	}
	for _, problem := range b.faults() {
		b.t.Errorf("%s: %s", b.name, problem)
	}
}
