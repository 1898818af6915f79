package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"watchpost/agent/receive"
)

// alarm says an alarm's step.
func (p *followPrinter) alarm(a receive.Step) string {
	level := "▲ " + p.pick("报警 ", "alarm ") + p.known(a.Level, levelWords)
	return p.paint(a.Level, level) + " " + p.known(a.State, stepWords) + "  " + p.sentence(a)
}

func (p *followPrinter) sentence(a receive.Step) string {
	if a.Sentence == nil {
		return a.Sensor + " " + a.Kind
	}
	text := p.pick(cmp.Or(a.Sentence.ZH, a.Sentence.EN), cmp.Or(a.Sentence.EN, a.Sentence.ZH))
	if a.By != "" {
		text += p.pick("，确认人 ", ", by ") + a.By
	}
	return text
}

// levelWords and stepWords are words of the contract in Chinese and English; one
// that is not here is printed as it is, since a later v1 may add some.
func levelWords(word string) (zh, en string) {
	switch word {
	case "blue":
		return "蓝色", "blue"
	case "yellow":
		return "黄色", "yellow"
	case "orange":
		return "橙色", "orange"
	case "red":
		return "红色", "red"
	}
	return word, word
}

func stepWords(word string) (zh, en string) {
	switch word {
	case "raised":
		return "触发", "raised"
	case "escalated":
		return "升级", "escalated"
	case "lowered":
		return "降级", "lowered"
	case "restored":
		return "已恢复", "restored"
	case "acknowledged":
		return "已知晓", "acknowledged"
	case "cleared":
		return "解除", "cleared"
	}
	return word, word
}

func (p *followPrinter) known(word string, words func(string) (zh, en string)) string {
	return p.pick(words(word))
}

// event says an event in the words of the demo, and more of runs and losses.
func (p *followPrinter) event(e *receive.Event, payload []byte) string {
	switch {
	case e.Start != nil:
		return p.start(e.Start)
	case e.Loss != nil:
		return fmt.Sprintf(p.pick("放弃 %s %d 条，原因 %s", "given up: %s, %d records, reason %s"), e.Loss.Lane, e.Loss.Count, e.Loss.Reason)
	}
	var words event
	if err := json.Unmarshal(payload, &words); err != nil {
		return e.Kind
	}
	what := p.pick(words.what())
	if e.Sensor == "" {
		return what
	}
	name := p.pick(cmp.Or(words.Name.ZH, words.Name.EN, e.Sensor), cmp.Or(words.Name.EN, words.Name.ZH, e.Sensor))
	return name + p.pick("：", ": ") + what
}

func (p *followPrinter) start(s *receive.Start) string {
	if s.Predecessor == nil {
		return p.pick("网关启动，数据目录是新的", "gateway started with a fresh data directory")
	}
	text := p.pick("网关启动，此前运行 ", "gateway started, the run before was ") + short(*s.Predecessor)
	switch s.Ended {
	case "clean":
		text += p.pick("，正常结束", ", ended cleanly")
	case "unclean":
		text += fmt.Sprintf(p.pick("，异常结束，最多丢失 %d 条读数（最后 %v 内）", ", ended uncleanly, at most %d readings lost (of its last %v)"), s.LostAtMost, duration(s.LostWithinMS))
	}
	if s.Quarantined {
		text += fmt.Sprintf(p.pick("；损坏的存储已隔离，救回 %d 条", "; a damaged store was set aside, %d records salvaged"), s.Salvaged)
	}
	return text
}

// readings say the newest of each sensor's quantities.
func (p *followPrinter) readings(b *receive.Readings) string {
	var order []string
	newest := map[string]string{}
	for _, r := range b.Readings {
		what := r.Sensor
		if r.Quantity != "level" {
			what += "." + r.Quantity
		}
		value := "✕ " + r.Reason
		if r.Value != nil {
			value = r.Value.String()
			if r.Unit != "/" && r.Unit != "count" {
				value += " " + r.Unit
			}
			if r.Quality != "good" {
				value += " (" + r.Quality + ", " + r.Reason + ")"
			}
		}
		if _, ok := newest[what]; !ok {
			order = append(order, what)
		}
		newest[what] = value
	}
	for i, what := range order {
		order[i] = what + " " + newest[what]
	}
	return fmt.Sprintf(p.pick("读数 %d 条  ", "%d readings  "), len(b.Readings)) + strings.Join(order, ", ")
}

// state says what the gateway says of itself.
func (p *followPrinter) state(s *receive.State) string {
	text := p.pick("状态 ", "state ") + p.online(&s.Online)
	if s.Will {
		text += p.pick("（遗嘱：连接已结束）", " (last will: the connection has ended)")
	}
	text += fmt.Sprintf(p.pick("，运行 %s，会话 %d", ", run %s, session %d"), short(s.Run), s.Session)
	for _, c := range s.Conditions {
		text += "\n              " + c.Severity + " " + c.Code + "  " + p.pick(cmp.Or(c.ZH, c.EN), cmp.Or(c.EN, c.ZH))
	}
	return text
}

// active says which alarms are active.
func (p *followPrinter) active(a *receive.Active) string {
	text := fmt.Sprintf(p.pick("当前报警 %d 条", "%d active alarms"), a.Total)
	for _, step := range a.Alarms {
		text += "\n              " + p.alarm(step)
	}
	return text
}
