package main

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"watchpost/agent/budget"
	"watchpost/agent/gateway"
	"watchpost/configs"
)

// listCosts says what the configuration costs in readings, data and flash.
func listCosts(out io.Writer, cfg *configs.Config, l configs.Language) error {
	f, err := gateway.Forecast(cfg)
	if err != nil {
		return err
	}
	say := func(zh, en string) string { return configs.Words{Zh: zh, En: en}.In(l) }
	upTo := func(r budget.Range, form func(float64) string) string {
		calm, most := form(r.Calm), form(r.Most)
		if calm == most {
			return calm
		}
		return calm + say("（时时在变则最多 ", " (at most ") + most + say("）", ", if every sample changes)")
	}
	rows := [][]string{
		{say("采样", "samples"), say("每天 ", "") + count(f.SamplesPerDay) + say(" 次", " a day")},
		{say("上报", "readings"), say("每天 ", "") + upTo(f.ReadingsPerDay, count) + say(" 条", " a day")},
	}
	if len(cfg.Platforms) > 0 {
		rows = append(rows, []string{say("流量", "data"), say("每月 ", "") + upTo(f.SentPerMonth, size) + say("", " a month") + more(f, l)})
	}
	flash, events := say("闪存", "flash"), say("；每个事件另加 ", "; each event adds ")+size(f.FlashPerEvent)
	if len(cfg.Platforms) == 0 {
		rows = append(rows, []string{flash, say("每月 0 B：没有平台，读数不用保存", "0 B a month: without a platform no reading is kept for one") + events})
		return table(out, rows)
	}
	rows = append(rows,
		[]string{flash, say("平台在线时每月 ", "") + upTo(f.FlashOnline, size) + say("；断网时每月 ", " a month online; ") +
			upTo(f.FlashOffline, size) + say("", " a month offline") + events},
		[]string{say("断网", "offline"), say("可保存 ", "holds ") + upTo(f.HoldsDays, days(l))},
	)
	return table(out, rows)
}

// more is what comes on top of a month's data, or takes its place.
func more(f budget.Forecast, l configs.Language) string {
	text := fmt.Sprintf(configs.Words{Zh: "；每个事件另加 %s", En: "; each event adds %s"}.In(l), size(f.SentPerEvent))
	if f.SentPerAlarmHour > 0 {
		text += fmt.Sprintf(configs.Words{Zh: "，全部传感器报警每小时另加 %s", En: ", an hour of alarm on every sensor %s"}.In(l), size(f.SentPerAlarmHour))
	}
	if f.SecondPerMonth.Calm > 0 {
		text += fmt.Sprintf(configs.Words{Zh: "；一直走 HTTPS 则每月 %s", En: "; all by HTTPS %s a month"}.In(l), size(f.SecondPerMonth.Calm))
	}
	return text
}

// count writes a number for people, with a comma at each thousand.
func count(n float64) string {
	s := strconv.FormatInt(int64(math.Round(n)), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes bytes with three digits at the most, in decimal units as in a data
// plan.
func size(bytes float64) string {
	for _, unit := range []struct {
		name  string
		bytes float64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if bytes >= unit.bytes {
			return short(bytes/unit.bytes) + " " + unit.name
		}
	}
	return fmt.Sprintf("%.0f B", bytes)
}

// short is a number with a decimal only where it is small.
func short(n float64) string {
	if n < 10 {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return count(n)
}

func days(l configs.Language) func(float64) string {
	return func(n float64) string {
		const longest = 3650
		word := configs.Words{Zh: " 天", En: " days"}.In(l)
		if n > longest {
			return configs.Words{Zh: "十年以上", En: "over ten years"}.In(l)
		}
		if n < 1 {
			return short(n*24) + configs.Words{Zh: " 小时", En: " hours"}.In(l)
		}
		return short(n) + word
	}
}
