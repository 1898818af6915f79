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
	_, err := unix.IoctlGetTermios(int(out.Fd()), unix.TCGETS)
	return &terminal{out: out, draw: err == nil && !plain, started: started, client: http.Client{Timeout: 2 * time.Second}}
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
	Kind     string            `json:"kind"`
	Sensor   string            `json:"sensor"`
	State    string            `json:"state"`
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
		t.line("▲ alarm   %-7s %-7s %s / %s", p.Level, p.State, p.Sentence["zh"], p.Sentence["en"])
	case strings.HasSuffix(topic, "/events"):
		t.line("◆ event   %s %s %s", p.Kind, p.Sensor, p.State)
	case strings.HasSuffix(topic, "/state") && p.Online != nil && !*p.Online:
		t.line("◔ state   offline")
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
		Name struct {
			ZH string `json:"zh"`
		} `json:"name"`
		Value    *float64 `json:"value"`
		Unit     string   `json:"unit"`
		Quantity string   `json:"quantity"`
		Quality  string   `json:"quality"`
		Reason   string   `json:"reason"`
	} `json:"sensors"`
	Platforms []struct {
		Connected bool              `json:"connected"`
		Backlog   map[string]uint64 `json:"backlog"`
	} `json:"platforms"`
}

// follow looks at the page as a browser would, until ctx ends.
func (t *terminal) follow(ctx context.Context, base string) {
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
		view, err := t.look(ctx, base+"/api/v1/view")
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
			t.status = status
			fmt.Fprintf(t.out, "\r\x1b[K%s", status)
			t.mu.Unlock()
		case time.Since(printed) >= plainEvery:
			printed = time.Now()
			t.line("%s", status)
		}
	}
}

func (t *terminal) look(ctx context.Context, url string) (view pageView, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return view, err
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

// describe is the status line.
func (t *terminal) describe(view pageView) string {
	var parts []string
	for _, s := range view.Sensors {
		switch {
		case s.Quality == "none":
			parts = append(parts, s.Name.ZH+" …")
		case s.Value == nil:
			parts = append(parts, fmt.Sprintf("✕ %s %s", s.Name.ZH, s.Reason))
		case s.Unit == "m":
			parts = append(parts, fmt.Sprintf("%s %.3f m", s.Name.ZH, *s.Value))
		default:
			parts = append(parts, s.Name.ZH+" "+contactWord(s.Quantity, *s.Value != 0))
		}
	}
	for _, p := range view.Platforms {
		mark := "◔ 上行中断 down"
		if p.Connected {
			mark = "● 上行 up"
		}
		parts = append(parts, fmt.Sprintf("%s 待传 backlog %d", mark, p.Backlog["alarms"]+p.Backlog["events"]+p.Backlog["readings"]))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(parts, " │ ") + fmt.Sprintf(" │ 已收 received %d", t.readings)
}

// contactWord is a contact's state for people.
func contactWord(quantity string, active bool) string {
	switch {
	case quantity == "smoke" && active:
		return "有烟 smoke"
	case quantity == "smoke":
		return "无烟 clear"
	case active:
		return "打开 open"
	}
	return "关闭 closed"
}
