package browser

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// showPage serves the page with a made-up day behind it until the test ends, and
// returns its address.
func showPage(t *testing.T, state string) string {
	t.Helper()
	lines, _ := startShowpage(t, state)
	if !lines.Scan() {
		t.Fatalf("showpage %s gave no address: %v", state, lines.Err())
	}
	return lines.Text()
}

// startShowpage runs showpage until the test ends, or until kill, which ends it as
// a power cut would.
func startShowpage(t *testing.T, args ...string) (lines *bufio.Scanner, kill func()) {
	t.Helper()
	build := exec.Command("go", "build", "-o", "bin/showpage", "./cross/showpage")
	build.Dir, build.Stderr = "../..", os.Stderr
	if err := build.Run(); err != nil {
		t.Fatalf("build showpage: %v", err)
	}
	cmd := exec.Command("bin/showpage", args...)
	cmd.Dir, cmd.Stderr = "../..", os.Stderr
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // one that is killed cleans nothing up
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil && !killed {
			t.Errorf("showpage %q: %v", args, err)
		}
	})
	return bufio.NewScanner(out), func() {
		killed = true
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("kill showpage: %v", err)
		}
	}
}

// What the tests read of a chart.
const (
	chartDrawn = `document.querySelectorAll('.chart.drawn canvas').length === document.querySelectorAll('.chart').length && document.querySelectorAll('.chart').length > 0`
	// columns counts, in ten parts of the plot from the left, the spots that have
	// the colour of the values' line.
	columns = `(() => {
		const c = document.querySelector('.chart canvas'), x = c.getContext('2d'), over = document.querySelector('.u-over');
		const box = c.getBoundingClientRect(), plot = over.getBoundingClientRect(), scale = c.width / box.width;
		const probe = document.createElement('canvas').getContext('2d');
		probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--info');
		probe.fillRect(0, 0, 1, 1);
		const want = probe.getImageData(0, 0, 1, 1).data, out = [];
		const left = Math.round((plot.left - box.left) * scale), width = Math.round(plot.width * scale);
		const all = x.getImageData(left, 0, width, c.height).data;
		for (let i = 0; i < 144; i++) {
			let n = 0;
			for (let px = Math.floor(i * width / 144); px < Math.floor((i + 1) * width / 144); px++)
				for (let y = 0; y < c.height; y++) {
					const at = (y * width + px) * 4;
					if (Math.abs(all[at] - want[0]) + Math.abs(all[at + 1] - want[1]) + Math.abs(all[at + 2] - want[2]) < 24 && all[at + 3] > 200) n++;
				}
			out.push(n);
		}
		return out;
	})()`
	// targets lists what is too small to tap.
	targets = `[...document.querySelectorAll('a,button,input:not([type=hidden])')].filter(e => e.offsetParent).map(e => {
		const after = getComputedStyle(e, '::after'), own = e.getBoundingClientRect();
		const box = after.position === 'absolute' && after.content !== 'none' ? e.closest('.row').getBoundingClientRect() : own;
		return [e.textContent.trim() || e.name, Math.round(Math.min(box.width, box.height))];
	}).filter(([, size]) => size < 44).map(([name, size]) => name + ': ' + size + ' px')`
)

func screens() []screen { return []screen{phone("zh"), phone("en"), desktop("zh"), desktop("en")} }

// sound checks what must hold on any page.
func sound(b *tab) {
	b.t.Helper()
	for _, problem := range b.faults() {
		b.t.Errorf("%s: %s", b.name, problem)
	}
	if small := ask[[]string](b, targets); len(small) > 0 {
		b.t.Errorf("%s: targets of less than 44 px: %q", b.name, small)
	}
}

// TestSensorPage: the chart is drawn with its thresholds and gaps, its table says
// the same, in both languages and widths.
func TestSensorPage(t *testing.T) {
	browser := startChromium(t)
	address := showPage(t, "alarm")
	for _, s := range screens() {
		b := openTab(t, browser, s)
		b.goTo(address + "?lang=" + b.lang)
		sound(b)
		if to := ask[string](b, tapped); to != "/t/sump-1" {
			t.Errorf("%s: a tap on the value of the first row leads to %q", b.name, to)
		}
		b.goTo(address + "t/sump-1")
		b.until("the chart", chartDrawn)
		chartIsRight(b)
		sound(b)
		if b.name == "phone-zh" || b.name == "desktop-en" {
			picture(b, "sensor")
		}
		for _, path := range []string{"t/smoke-2f", "t/tank-1", "t/door-e", "log", "log?page=2"} {
			b.goTo(address + path)
			if strings.HasPrefix(path, "t/s") {
				b.until("the contact's chart", chartDrawn)
			}
			sound(b)
		}
		if b.name == "desktop-zh" { // last, since it makes the browser warn of slow reading
			b.goTo(address + "t/sump-1")
			b.until("the chart", chartDrawn)
			wrongChartsAreNoticed(b)
		}
	}
}

// chartIsRight looks at pixels: a line where there are values, none in the gaps.
func chartIsRight(b *tab) {
	b.t.Helper()
	for _, problem := range inkProblems(b) {
		b.t.Errorf("%s: %s", b.name, problem)
	}
	if label := ask[string](b, `document.querySelector('.chart canvas').getAttribute('role') + ' ' + document.querySelector('.chart canvas').getAttribute('aria-label')`); !strings.HasPrefix(label, "img ") || !strings.Contains(label, "1.800 m") {
		b.t.Errorf("%s: the chart is labelled %q", b.name, label)
	}
	differences := ask[[]string](b, tableAgainstAPI)
	if len(differences) > 0 {
		b.t.Errorf("%s: the table is not what the API says: %q", b.name, differences)
	}
	if !ask[bool](b, `document.querySelector('.hours').innerText.includes('`+map[string]string{"zh": "信号线断开", "en": "wire"}[b.lang]+`')`) {
		b.t.Errorf("%s: the table does not name the fault: %s", b.name, ask[string](b, `document.querySelector('.hours').innerText`))
	}
}

// inkProblems compares where the line is with where values are.
func inkProblems(b *tab) (problems []string) {
	ink := ask[[]int](b, columns)
	if len(ink) != 144 {
		return []string{fmt.Sprintf("%d columns", len(ink))}
	}
	for i, n := range ink {
		minute := i * 10
		silent := minute > 300 && minute+10 < 340 || minute > 700 && minute+10 < 790
		near := minute+10 >= 300 && minute <= 340 || minute+10 >= 700 && minute <= 790 // the edges of gaps
		if silent && n > 0 {
			problems = append(problems, fmt.Sprintf("%d spots of the line at minute %d, within a gap", n, minute))
		}
		if !near && i > 0 && i < 143 && n == 0 {
			problems = append(problems, fmt.Sprintf("no line at minute %d", minute))
		}
	}
	return problems
}

// wrongChartsAreNoticed: a line drawn through the gaps, and one that is missing,
// are seen.
func wrongChartsAreNoticed(b *tab) {
	const paint = `(() => { const c = document.querySelector('.chart canvas'), x = c.getContext('2d');
		x.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--info'); x.%s; return 0 })()`
	ask[int](b, fmt.Sprintf(paint, "fillRect(0, c.height / 2, c.width, 3)"))
	if found := strings.Join(inkProblems(b), "; "); !strings.Contains(found, "minute 720, within a gap") {
		b.t.Errorf("a line through the gaps is not noticed: %q", found)
	}
	ask[int](b, fmt.Sprintf(paint, "clearRect(0, 0, c.width, c.height)"))
	if found := strings.Join(inkProblems(b), "; "); !strings.Contains(found, "no line at minute 600") {
		b.t.Errorf("an empty chart is not noticed: %q", found)
	}
}

// tapped is where a tap on the value of the first sensor's row leads.
const tapped = `(() => {
	const box = document.querySelector('.sensor .what').getBoundingClientRect();
	const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
	return hit && hit.closest('a') ? hit.closest('a').getAttribute('href') : '';
})()`

// tableAgainstAPI asks the API anew and lists the hours that differ.
const tableAgainstAPI = `(() => {
	const r = new XMLHttpRequest();
	r.open('GET', document.querySelector('.chart').dataset.source, false);
	r.send();
	const d = JSON.parse(r.responseText), wrong = [];
	let rows = 0;
	document.querySelectorAll('.hours tbody th').forEach(th => {
		rows++;
		const from = Date.parse(th.querySelector('time').getAttribute('datetime')), cells = th.parentNode.querySelectorAll('td');
		const at = d.times.map((t, i) => i).filter(i => d.times[i] >= from && d.times[i] < from + 3600000 && d.last[i] !== null);
		const want = at.length ? [Math.min(...at.map(i => d.min[i])), Math.max(...at.map(i => d.max[i])), d.last[at[at.length - 1]]] : [NaN, NaN, NaN];
		want.forEach((v, i) => { if (!Object.is(parseFloat(cells[i].textContent), v)) wrong.push(th.textContent + ' ' + cells[i].textContent + ' not ' + v); });
	});
	if (rows !== 25) wrong.push(rows + ' rows');
	return wrong;
})()`

// TestSensorPageWithoutScripts: drawing, table and log are there all the same.
func TestSensorPageWithoutScripts(t *testing.T) {
	b := openTab(t, startChromium(t), phone("zh"))
	b.name = "without scripts"
	address := showPage(t, "fault")
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.goTo(address + "t/sump-1?lang=zh")
	if n := ask[int](b, `document.querySelectorAll('svg.sketch .line').length`); n != 3 {
		t.Errorf("%d stretches are drawn, want 3: two gaps", n)
	}
	if n := ask[int](b, `document.querySelectorAll('.hours tbody th').length`); n != 25 {
		t.Errorf("the table has %d hours, want 25", n)
	}
	sound(b)
	b.goTo(address + "log?lang=zh")
	if !ask[bool](b, `document.querySelectorAll('.log li').length === 50 && document.querySelector('[rel=next]').href.endsWith('/log?page=2')`) {
		t.Error("the log has no second page")
	}
	sound(b)
}
