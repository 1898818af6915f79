package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"watchpost/agent/people"
	"watchpost/drivers/sim"
)

// The terminal's pace.
const (
	lookEvery  = 250 * time.Millisecond // at the page
	firstLook  = 20 * time.Millisecond  // until its first reading
	plainEvery = 5 * time.Second        // a status line where none can be drawn over
)

// terminal shows what a newcomer should see: what the platform received, and
// below it one line with what the page says. It is safe for concurrent use.
type terminal struct {
	out     io.Writer
	fd      int  // of out
	draw    bool // the status line can be drawn over
	started time.Time
	client  http.Client

	// mu guards everything that follows.
	mu         sync.Mutex
	status     string
	readings   int
	atPlatform time.Duration // first reading at the broker; 0: none yet
	atPage     time.Duration // first reading on the page
}

func newTerminal(out *os.File, plain bool, started time.Time) *terminal {
	fd := int(out.Fd())
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return &terminal{out: out, fd: fd, draw: err == nil && !plain, started: started, client: http.Client{Timeout: 2 * time.Second}}
}

// columns is how wide the terminal is now; 80 when it does not say.
func (t *terminal) columns() int {
	size, err := unix.IoctlGetWinsize(t.fd, unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 {
		return 80
	}
	return int(size.Col)
}

// line prints one line above the status line.
func (t *terminal) line(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := time.Now().Format("15:04:05") + "  " + fmt.Sprintf(format, args...)
	if t.draw {
		fmt.Fprintf(t.out, "\r\x1b[K%s\n%s", text, t.status)
		return
	}
	fmt.Fprintln(t.out, text)
}

// addresses says where to look.
func (t *terminal) addresses(page, broker string) {
	fmt.Fprintf(t.out, `watchpost 演示 demo   Ctrl-C 结束 ends it
  页面 page     http://%s/
  代理 broker   mqtt://%s   watchpost/v1/GW-DEMO/#

`, page, broker)
}

func (t *terminal) act(a sim.Act) { t.line("── %s / %s", a.ZH, a.EN) }

// siren is called when the siren's line was switched.
func (t *terminal) siren(on bool) { t.line("♪ 输出 output  %s", sirenWords(on)) }

// failed shows what went wrong with the demo itself.
func (t *terminal) failed(err error) {
	if err != nil {
		t.line("✕ %v", err)
	}
}

// end leaves the cursor on a line of its own.
func (t *terminal) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draw {
		fmt.Fprint(t.out, "\r\x1b[K")
	}
	fmt.Fprintf(t.out, "演示结束 demo ended: 平台收到 %d 条读数 readings at the platform\n", t.readings)
}

// payload is the part of the contract's messages that the terminal shows.
type payload struct {
	event
	Level    string            `json:"level"`
	Online   *bool             `json:"online"`
	Session  uint64            `json:"session"`
	Sentence map[string]string `json:"sentence"`
	Readings []json.RawMessage `json:"readings"`
}

// received is called by the broker with each message it took in.
func (t *terminal) received(topic string, body []byte) {
	var p payload
	if err := json.Unmarshal(body, &p); err != nil {
		t.line("✕ %s: %v", topic, err)
		return
	}
	switch {
	case strings.HasSuffix(topic, "/readings"):
		t.countReadings(len(p.Readings))
	case strings.HasSuffix(topic, "/alarms"):
		t.line("▲ 报警 alarm   %-6s %-7s  %s / %s", p.Level, p.State, p.Sentence["zh"], p.Sentence["en"])
	case strings.HasSuffix(topic, "/events"):
		t.line("◆ 事件 event   %-5s  %s", p.Kind, p.words())
	case strings.HasSuffix(topic, "/state") && p.Online != nil && !*p.Online:
		t.line("◔ 状态 state   网关离线 / the gateway is offline")
	}
}

func (t *terminal) countReadings(n int) {
	t.mu.Lock()
	t.readings += n
	first := t.atPlatform == 0
	if first {
		t.atPlatform = time.Since(t.started)
	}
	at := t.atPlatform
	t.mu.Unlock()
	if first {
		t.line("● 第一条读数到达平台 first reading at the broker %.2f s after start", at.Seconds())
	}
}

// pageView is the part of the page's JSON that the status line shows.
type pageView struct {
	Sensors []struct {
		ID   string `json:"id"`
		Name struct {
			ZH string `json:"zh"`
		} `json:"name"`
		Value    *float64 `json:"value"`
		Unit     string   `json:"unit"`
		Quantity string   `json:"quantity"`
		Quality  string   `json:"quality"`
		Reason   string   `json:"reason"`
		Withheld bool     `json:"withheld"` // what a card reader counts
	} `json:"sensors"`
	Platforms []struct {
		Connected bool              `json:"connected"`
		Backlog   map[string]uint64 `json:"backlog"`
	} `json:"platforms"`
}

// follow looks at the page until ctx ends, as somebody would who may read the
// data directory.
func (t *terminal) follow(ctx context.Context, base, data string) {
	pause := firstLook
	var printed time.Time
	for {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		view, err := t.look(ctx, base+"/api/v1/view", data)
		if err != nil {
			continue
		}
		if t.seen(view) {
			pause = lookEvery
		}
		status := t.describe(view)
		switch {
		case t.draw:
			t.mu.Lock()
			status = fit(status, t.columns())
			t.status = status
			fmt.Fprintf(t.out, "\r\x1b[K%s", status)
			t.mu.Unlock()
		case time.Since(printed) >= plainEvery:
			printed = time.Now()
			t.line("%s", status)
		}
	}
}

func (t *terminal) look(ctx context.Context, url, data string) (view pageView, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return view, err
	}
	if proof, err := people.Local(data); err == nil {
		req.Header.Set("Authorization", "Bearer "+proof)
	}
	res, err := t.client.Do(req)
	if err != nil {
		return view, err
	}
	defer res.Body.Close()
	return view, json.NewDecoder(res.Body).Decode(&view)
}

// seen notes when the page had its first reading, and reports whether it has.
func (t *terminal) seen(view pageView) bool {
	for _, s := range view.Sensors {
		if s.Value == nil {
			continue
		}
		t.mu.Lock()
		first := t.atPage == 0
		if first {
			t.atPage = time.Since(t.started)
		}
		at := t.atPage
		t.mu.Unlock()
		if first {
			t.line("● 第一条读数显示在页面 first reading on the page %.2f s after start", at.Seconds())
		}
		return true
	}
	return false
}

// describe is the status line: the uplink, then each sensor once.
func (t *terminal) describe(view pageView) string {
	var parts []string
	for _, p := range view.Platforms {
		mark := "◔ 上行中断 down"
		if p.Connected {
			mark = "● 上行 up"
		}
		parts = append(parts, fmt.Sprintf("%s 待传 backlog %d", mark, p.Backlog["alarms"]+p.Backlog["events"]+p.Backlog["readings"]))
	}
	t.mu.Lock()
	parts = append(parts, fmt.Sprintf("已收 received %d", t.readings))
	t.mu.Unlock()
	last := ""
	for _, s := range view.Sensors {
		word := ""
		switch {
		case s.Quality == "none":
			word = "…"
		case s.Value == nil && s.Withheld && s.Quality != "fault":
			word = "正常 works"
		case s.Value == nil:
			word = "✕ " + s.Reason
		case s.Unit == "m":
			word = fmt.Sprintf("%.3f m", *s.Value)
		case s.Quantity == "card":
			word = fmt.Sprintf("刷卡 cards %.0f", *s.Value)
		case s.Quantity == "misread":
			if *s.Value > 0 {
				word = fmt.Sprintf("误读 misread %.0f", *s.Value)
			}
		default:
			word = contactWord(s.Quantity, *s.Value != 0)
		}
		switch {
		case s.ID != last:
			parts = append(parts, s.Name.ZH+" "+word)
		case word != "" && !strings.HasSuffix(parts[len(parts)-1], word):
			parts[len(parts)-1] += " " + word
		}
		last = s.ID
	}
	return strings.Join(parts, " │ ")
}

// fit cuts a line to the terminal's width, so that it can be drawn over. A
// Chinese character takes two columns, and so may what else is not ASCII.
func fit(line string, columns int) string {
	used := 0
	for i, r := range line {
		if r < 0x80 {
			used++
		} else {
			used += 2
		}
		if used >= columns {
			return line[:i]
		}
	}
	return line
}
