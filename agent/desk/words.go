package main

import (
	"cmp"
	"fmt"
	"time"
)

// event is the part of an event's message that the terminal shows.
type event struct {
	Kind   string `json:"kind"`
	Sensor string `json:"sensor"`
	State  string `json:"state"`
	First  bool   `json:"first"`
	Name   struct {
		ZH string `json:"zh"`
		EN string `json:"en"`
	} `json:"name"`
	Card struct {
		Pseudonym string `json:"pseudonym"`
	} `json:"card"`
	Time struct {
		StepMS int64 `json:"step_ms"`
	} `json:"time_fix"`
	Loss struct {
		Lane  string `json:"lane"`
		Count uint64 `json:"count"`
	} `json:"loss"`
}

// words says an event in both languages.
func (e event) words() string {
	zh, en := e.what()
	if e.Sensor == "" {
		return zh + " / " + en
	}
	name := cmp.Or(e.Name.ZH, e.Sensor)
	return name + "：" + zh + " / " + cmp.Or(e.Name.EN, name) + ": " + en
}

func (e event) what() (zh, en string) {
	switch e.Kind {
	case "card":
		mark := cardMark(e.Card.Pseudonym)
		return "刷卡 " + mark, "card " + mark
	case "door", "smoke":
		if e.First {
			return firstWords(e.Kind, e.State)
		}
		return contactWords(e.Kind, e.State)
	case "time":
		step := (time.Duration(e.Time.StepMS) * time.Millisecond).Round(time.Second)
		return fmt.Sprintf("时钟已校准，调整 %v", step), fmt.Sprintf("clock set, moved by %v", step)
	case "run":
		return "网关启动", "gateway started"
	case "loss":
		return fmt.Sprintf("放弃 %d 条记录", e.Loss.Count), fmt.Sprintf("%d records given up (%s)", e.Loss.Count, e.Loss.Lane)
	}
	return e.Kind, e.Kind
}

// firstWords is what is said of a contact when watching it began.
func firstWords(kind, state string) (zh, en string) {
	switch kind + " " + state {
	case "smoke alarm":
		return "开始监测时已在报警", "in alarm when watching began"
	case "smoke normal":
		return "开始监测时正常", "normal when watching began"
	case "door open":
		return "开始监测时是打开的", "open when watching began"
	case "door closed":
		return "开始监测时是关闭的", "closed when watching began"
	}
	return contactWords(kind, state)
}

// contactWords is what an event says of a contact or a door.
func contactWords(kind, state string) (zh, en string) {
	switch kind + " " + state {
	case "smoke alarm":
		return "触点报警", "contact in alarm"
	case "smoke normal":
		return "触点正常", "contact normal"
	case "door open":
		return "打开", "opened"
	case "door closed":
		return "关闭", "closed"
	case "door forced":
		return "被强行打开", "forced open"
	case "door held":
		return "长时间未关", "held open"
	case "door released":
		return "不再判为强行打开或未关", "no longer forced or held"
	}
	return state, state
}

// cardMark is the beginning of a card's pseudonym: enough to see the same card
// come again.
func cardMark(pseudonym string) string {
	const shown = 4
	if len(pseudonym) < shown {
		return "?"
	}
	return pseudonym[:shown] + "…"
}

// sirenWords say what the siren does.
func sirenWords(on bool) string {
	if on {
		return "声光报警器鸣响 / the siren sounds"
	}
	return "声光报警器停止 / the siren is silent"
}

// contactWord is the present state of a contact, for the status line; empty for
// one that is as it should be beside its door.
func contactWord(quantity string, active bool) string {
	switch {
	case quantity == "smoke" && active:
		return "有烟 smoke"
	case quantity == "smoke":
		return "无烟 clear"
	case quantity == "door_forced" && active:
		return "强行打开 forced"
	case quantity == "door_held" && active:
		return "未关 held"
	case quantity != "door":
		return ""
	case active:
		return "打开 open"
	}
	return "关闭 closed"
}
