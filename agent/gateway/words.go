package gateway

import (
	"fmt"
	"time"

	"watchpost/agent/alarm"
	"watchpost/agent/record"
)

// words says an event in both languages.
func (g *gateway) words(e record.Event) (zh, en string) {
	nameZH, nameEN := g.sensorName(e.Sensor, alarm.Chinese), g.sensorName(e.Sensor, alarm.English)
	switch e.Kind {
	case record.EventSmoke:
		switch {
		case e.First && e.State == "alarm":
			return nameZH + "：开始监测时已在报警", nameEN + ": in alarm when watching began"
		case e.First:
			return nameZH + "：开始监测时正常", nameEN + ": normal when watching began"
		case e.State == "alarm":
			return nameZH + "：触点报警", nameEN + ": contact in alarm"
		}
		return nameZH + "：触点恢复", nameEN + ": contact back to normal"
	case record.EventDoor:
		zh, en = doorWords(e)
		return nameZH + "：" + zh, nameEN + ": " + en
	case record.EventCard:
		return nameZH + "：刷卡" + cardMark(e.Card), nameEN + ": card" + cardMark(e.Card)
	case record.EventTime:
		if e.Time == nil {
			break
		}
		step := e.Time.Step.Round(time.Second)
		if step.Abs() < time.Second {
			return "时钟已校准", "clock set"
		}
		return fmt.Sprintf("时钟已校准，调整 %v", step), fmt.Sprintf("clock set, moved by %v", step)
	case record.EventRun:
		return "网关启动", "gateway started"
	case record.EventLoss:
		return fmt.Sprintf("存储不足，放弃 %d 条记录", e.Loss.Count), fmt.Sprintf("%d records given up", e.Loss.Count)
	}
	return string(e.Kind), string(e.Kind)
}

func doorWords(e record.Event) (zh, en string) {
	switch {
	case e.First && e.State == "closed":
		return "开始监测时是关闭的", "closed when watching began"
	case e.First && e.State == "open":
		return "开始监测时是打开的", "open when watching began"
	case e.State == "open":
		return "打开", "opened"
	case e.State == "forced":
		return "被强行打开", "forced open"
	case e.State == "held":
		return "长时间未关", "held open"
	case e.State == "released":
		return "不再判为强行打开或未关", "no longer forced or held"
	}
	return "关闭", "closed"
}

// cardMark tells cards apart on the page without saying whose they are: the
// beginning of the pseudonym.
func cardMark(c *record.Card) string {
	const shown = 4
	if c == nil || len(c.Pseudonym) < shown {
		return ""
	}
	return " " + c.Pseudonym[:shown] + "…"
}
