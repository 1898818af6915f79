package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"watchpost/agent/message"
	"watchpost/agent/receive"
)

// followPrinter prints what a follower sees, in one language or as JSON.
type followPrinter struct {
	out     io.Writer
	zh      bool
	colour  bool
	json    *json.Encoder // nil: text
	classes []string
	said    map[string]string // gateway and class: what was printed of a document last
	err     error             // the first that writing met
}

func newFollowPrinter(out *os.File, zh, asJSON bool, classes []string) *followPrinter {
	_, err := unix.IoctlGetTermios(int(out.Fd()), unix.TCGETS)
	p := &followPrinter{out: out, zh: zh, colour: err == nil && os.Getenv("NO_COLOR") == "", classes: classes, said: map[string]string{}}
	if asJSON {
		p.json = json.NewEncoder(out)
		p.json.SetEscapeHTML(false)
	}
	return p
}

func (p *followPrinter) pick(zh, en string) string {
	if p.zh {
		return zh
	}
	return en
}

// line prints one line of text.
func (p *followPrinter) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.out, format+"\n", args...); err != nil && p.err == nil {
		p.err = fmt.Errorf("print: %w", err)
	}
}

// object prints one line of JSON.
func (p *followPrinter) object(v any) {
	if err := p.json.Encode(v); err != nil && p.err == nil {
		p.err = fmt.Errorf("print: %w", err)
	}
}

// wants reports whether a class is to be printed.
func (p *followPrinter) wants(class string) bool {
	return slices.Contains(p.classes, class) || class == message.ClassActiveAlarms && slices.Contains(p.classes, message.ClassState)
}

// followedJSON is one message as --json prints it. Members are added, never
// renamed.
type followedJSON struct {
	At       string            `json:"at"`
	Topic    string            `json:"topic"`
	Retained bool              `json:"retained,omitempty"`
	Message  json.RawMessage   `json:"message,omitempty"` // as it came
	Raw      []byte            `json:"raw,omitempty"`     // what is no JSON, in Base64
	Findings []receive.Finding `json:"findings,omitempty"`
}

// message prints one message and what it shows. What is found is printed of all
// classes.
func (p *followPrinter) message(m arrival, v receive.Verdict) {
	if p.json != nil {
		if !p.wants(v.Class) && len(v.Findings) == 0 {
			return
		}
		o := followedJSON{At: m.at.UTC().Format("2006-01-02T15:04:05.000Z"), Topic: m.topic, Retained: m.retained, Findings: v.Findings}
		if json.Valid(m.payload) {
			o.Message = m.payload
		} else {
			o.Raw = m.payload
		}
		p.object(o)
		return
	}
	head := m.at.Format("15:04:05") + "  " + v.Gateway + "  "
	if text := p.words(m, v); text != "" && p.wants(v.Class) {
		p.line("%s%s", head, text)
	}
	for _, text := range p.findings(v) {
		p.line("%s%s", head, text)
	}
}

// words say a message; empty for what was printed already.
func (p *followPrinter) words(m arrival, v receive.Verdict) string {
	if v.New == 0 && isRecord(v.Body) {
		return "" // a double
	}
	text := ""
	switch b := v.Body.(type) {
	case *receive.Alarm:
		return p.alarm(b.Step)
	case *receive.Event:
		return "◆ " + p.pick("事件 ", "event ") + p.event(b, m.payload)
	case *receive.Readings:
		return "· " + p.readings(b)
	case *receive.State:
		text = "◔ " + p.state(b)
	case *receive.Active:
		text = "≡ " + p.active(b)
	default:
		return ""
	}
	key := v.Gateway + "/" + v.Class
	if p.said[key] == text || slices.ContainsFunc(v.Findings, func(f receive.Finding) bool { return f.Kind == receive.Outdated }) {
		return ""
	}
	p.said[key] = text
	return text
}

func isRecord(body any) bool {
	switch body.(type) {
	case *receive.Alarm, *receive.Event, *receive.Readings:
		return true
	}
	return false
}

// findings say what a message shows; doubles in one line.
func (p *followPrinter) findings(v receive.Verdict) (lines []string) {
	doubles := 0
	for _, f := range v.Findings {
		switch f.Kind {
		case receive.Double:
			doubles++
		case receive.FoundGap:
			lines = append(lines, p.paint("red", p.pick("✕ 缺失 ", "✕ missing "))+f.Lane+" "+p.gap(*f.Gap))
		case receive.FilledGap:
			lines = append(lines, p.pick("✓ 补到 ", "✓ came late ")+f.Lane+" "+short(f.At.Run)+"/"+fmt.Sprint(f.At.Seq)+p.pick("，属于缺口 ", ", of the gap ")+p.gap(*f.Gap))
		case receive.Differs:
			lines = append(lines, p.paint("red", p.pick("✕ 重复但内容不同 ", "✕ double with other content "))+f.Lane+" "+f.At.Run+"/"+fmt.Sprint(f.At.Seq))
		case receive.Violation:
			lines = append(lines, p.paint("red", p.pick("✕ 违反约定 ", "✕ against the contract "))+v.Class+p.pick("：", ": ")+p.pick(cmp.Or(f.ZH, f.Text), f.Text))
		case receive.NewRun:
			lines = append(lines, p.pick("● 运行 ", "● run ")+f.Text)
		case receive.Outdated:
			lines = append(lines, p.pick("○ 忽略过期文档：", "○ older document ignored: ")+p.pick(cmp.Or(f.ZH, f.Text), f.Text))
		}
	}
	if doubles > 0 {
		lines = append(lines, fmt.Sprintf(p.pick("= 重复 %s %d 条", "= doubles %s %d"), v.Class, doubles))
	}
	return lines
}

// gap says a gap: its seqs where it is of one run, and its ends where it is not.
func (p *followPrinter) gap(g receive.Gap) string {
	run, last := short(g.Through.Run), g.Through.Seq
	switch {
	case g.After == nil:
		return fmt.Sprintf(p.pick("%s 到 %d 为止", "%s up to %d"), run, last)
	case g.After.Run != g.Through.Run:
		return fmt.Sprintf(p.pick("%s/%d 之后到 %s/%d", "after %s/%d up to %s/%d"), short(g.After.Run), g.After.Seq, run, last)
	case g.After.Seq+1 == last:
		return fmt.Sprintf("%s seq %d", run, last)
	}
	return fmt.Sprintf("%s seq %d-%d", run, g.After.Seq+1, last)
}

// short is the run's n with the beginning of its epoch.
func short(run string) string {
	epoch, n, _ := strings.Cut(run, "-")
	return epoch[:min(4, len(epoch))] + "…-" + n
}

// paint colours a word by a warning's level, on a terminal.
func (p *followPrinter) paint(level, text string) string {
	code, ok := map[string]string{"red": "1;31", "orange": "1;38;5;208", "yellow": "1;33", "blue": "1;34"}[level]
	if !p.colour || !ok {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// followedSummary is the last line of --json.
type followedSummary struct {
	Complete bool            `json:"complete"`
	Summary  receive.Summary `json:"summary"`
}

// summary prints what is known at the end.
func (p *followPrinter) summary(s receive.Summary) {
	if p.json != nil {
		p.object(followedSummary{s.Complete(), s})
		return
	}
	p.line("")
	for _, g := range s.Gateways {
		p.line(p.pick("%s  %s，见到 %d 次运行，告知放弃 %d 条", "%s  %s, %d runs seen, %d records told as given up"), g.Gateway, p.online(g.Online), len(g.Runs), g.GivenUp)
		for _, l := range g.Lanes {
			p.line(p.pick("  %-8s  收到 %d  重复 %d  缺口 %d  已说明的缺口 %d  违约 %d", "  %-8s  received %d  doubles %d  gaps %d  explained %d  violations %d"),
				l.Lane, l.Received, l.Doubles, uint64(len(l.Gaps))+l.MoreGaps, len(l.Explained), l.Violations+l.Differing)
			for _, gap := range l.Gaps {
				p.line("    %s%s", p.paint("red", p.pick("✕ 缺失 ", "✕ missing ")), p.gap(gap))
			}
			for _, gap := range l.Explained {
				p.line("    %s%s", p.pick("网关已说明放弃 ", "given up, as the gateway says: "), p.gap(gap))
			}
		}
		if g.Violations > 0 {
			p.line(p.pick("  文档      违约 %d", "  documents  violations %d"), g.Violations)
		}
	}
	if s.Complete() {
		p.line(p.pick("完整：收到 %d 条，没有不明的缺失", "complete: %d records, nothing missing without a word"), s.Received)
	} else {
		p.line(p.pick("不完整：收到 %d 条，缺口 %d 处，违约 %d 处", "not complete: %d records, %d gaps, %d violations"), s.Received, s.Missing, s.Wrong)
	}
}

func (p *followPrinter) online(online *bool) string {
	switch {
	case online == nil:
		return p.pick("状态未知", "state unknown")
	case *online:
		return p.pick("在线", "online")
	}
	return p.pick("离线", "offline")
}

// duration is how long in words as Go has them.
func duration(ms uint64) time.Duration { return time.Duration(ms) * time.Millisecond }
