package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"watchpost/agent/gateway"
	"watchpost/agent/sense"
	"watchpost/agent/trust"
	"watchpost/configs"
	"watchpost/drivers"
	"watchpost/drivers/all"
)

// checkCommand looks at a configuration as run would and starts nothing. What it
// finds goes to standard output, one mistake a line, so that an editor can jump
// to file:line:column.
type checkCommand struct {
	File string `arg:"" default:"/etc/watchpost/watchpost.yaml" help:"The configuration, ${default} unless given."`
	Live bool   `help:"Also read the files of secrets, and open and read the hardware, unless the running agent has it: then that is asked."`
	Lang string `enum:"zh,en,auto" default:"auto" help:"Language: zh, en, or auto for that of LC_ALL, LC_MESSAGES or LANG (zh when they name none)."`
}

// Help states what the exit codes mean here.
func (checkCommand) Help() string {
	return `All mistakes are reported at once, each with line, column, what was expected and the nearest correct name.

Exit codes: 0 the configuration is right; 1 the file cannot be read, or with --live a sensor or a file of secrets; 2 there are mistakes in it, or wrong usage.`
}

// Run prints every mistake, or what a right configuration sets up.
func (c checkCommand) Run(to streams) error {
	l := languageFor(c.Lang)
	cfg, err := configs.Load(c.File, gateway.Catalogue{})
	if problems, broken := errors.AsType[configs.Problems](err); broken {
		if _, err := fmt.Fprintln(to.out, problems.In(l)); err != nil {
			return fmt.Errorf("print mistakes: %w", err)
		}
		return countMistakes(c.File, problems, l, configs.Words{})
	}
	if err != nil {
		return &failure{exitError, unreadable(c.File, err, l), configs.Words{Zh: "用法：watchpost check 文件", En: "usage: watchpost check FILE"}.In(l)}
	}
	for _, part := range checkSections() {
		if err := part(to.out, cfg, l); err != nil {
			return fmt.Errorf("print what %s sets up: %w", c.File, err)
		}
	}
	if !c.Live {
		return nil
	}
	unfit := readFiles(cfg, l)
	for _, line := range unfit {
		if _, err := fmt.Fprintln(to.out, line); err != nil {
			return fmt.Errorf("print files: %w", err)
		}
	}
	err = readOnce(context.Background(), cfg, nil, printer{to: to.out, lang: l})
	if err == nil && len(unfit) > 0 {
		err = fmt.Errorf(configs.Words{Zh: "%d 个密码或密钥文件不能用", En: "files that cannot be used: %d"}.In(l), len(unfit))
	}
	return err
}

// readFiles says of the files of secrets that the configuration names which of
// them the agent could not use.
func readFiles(cfg *configs.Config, l configs.Language) (unfit []string) {
	note := configs.Words{Zh: "不能用的文件：", En: "file that cannot be used: "}.In(l)
	if cfg.Cards.KeyFile != "" {
		if _, err := sense.LoadSiteKey(cfg.Cards.KeyFile); err != nil {
			unfit = append(unfit, note+err.Error())
		}
	}
	var secrets []string
	tls := map[configs.TLS]bool{} // the same files are named once
	var settings []configs.TLS
	named := func(t configs.TLS, files ...string) {
		secrets = append(secrets, files...)
		if !tls[t] {
			settings = append(settings, t)
		}
		tls[t] = true
	}
	for _, p := range cfg.Platforms {
		named(p.TLS, p.PasswordFile)
		if f := p.Fallback; f != nil {
			named(f.TLS, f.TokenFile, f.PasswordFile)
		}
	}
	for _, file := range secrets {
		if file == "" {
			continue
		}
		if _, err := configs.ReadSecret(file); err != nil {
			unfit = append(unfit, note+err.Error())
		}
	}
	for _, t := range settings {
		if bad, ok := errors.AsType[*trust.Error](gateway.Trust(t).Check()); ok {
			unfit = append(unfit, note+strings.Join(bad.Args, ": "))
		}
	}
	return unfit
}

// checkSection is one part of what is said of a right configuration.
type checkSection func(out io.Writer, cfg *configs.Config, l configs.Language) error

// checkSections are the parts in the order they are printed.
func checkSections() []checkSection {
	return []checkSection{listSensors, listRemarks, listCosts}
}

// countMistakes is the error that ends a list of mistakes.
func countMistakes(path string, problems configs.Problems, l configs.Language, more configs.Words) error {
	text := configs.Words{Zh: "%s 有 %d 处错误", En: "mistakes in %s: %d"}.In(l) + "%s"
	hint := configs.Words{Zh: "改正上面列出的各行", En: "correct the lines named above"}.In(l)
	return &failure{exitUsage, fmt.Errorf(text, path, len(problems), more.In(l)), hint}
}

// unreadable says in one language why a file could not be read.
func unreadable(path string, err error, l configs.Language) error {
	switch {
	case l == configs.English:
		return err // the loader's own words
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("没有文件 %s", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("没有权限读取 %s", path)
	}
	return fmt.Errorf("无法读取 %s：%w", path, err)
}

// listSensors prints one line for each sensor.
func listSensors(out io.Writer, cfg *configs.Config, l configs.Language) error {
	title := configs.Words{Zh: "配置正确：网关 %s，%d 个传感器，%d 个平台\n", En: "configuration is right: gateway %s, sensors: %d, platforms: %d\n"}
	if _, err := fmt.Fprintf(out, title.In(l), cfg.Gateway.ID, len(cfg.Sensors), len(cfg.Platforms)); err != nil || len(cfg.Sensors) == 0 {
		return err
	}
	rows := [][]string{{
		configs.Words{Zh: "编号", En: "id"}.In(l), configs.Words{Zh: "驱动", En: "driver"}.In(l), configs.Words{Zh: "接在", En: "on"}.In(l),
		configs.Words{Zh: "采样", En: "sample"}.In(l), configs.Words{Zh: "上报", En: "report"}.In(l),
	}}
	for _, s := range cfg.Sensors {
		on := ""
		if options, ok := s.Options.(all.Options); ok {
			on = strings.Join(options.Claims(), " ")
		}
		rows = append(rows, []string{s.ID, s.Driver, on, configs.ShortDuration(s.Sample), reporting(s, l)})
	}
	return table(out, rows)
}

// reporting is what becomes of a sensor's report policy: nothing is reported more
// often than it is sampled, and an alarm does not slow anything down.
func reporting(s configs.Sensor, l configs.Language) string {
	r := s.Report
	text := fmt.Sprintf(configs.Words{Zh: "每 %s", En: "every %s"}.In(l), configs.ShortDuration(r.Every))
	if r.Change != nil {
		text += fmt.Sprintf(configs.Words{Zh: "，变化 %s", En: ", change %s"}.In(l), r.Change)
	}
	inAlarm := max(min(r.InAlarm, r.Every), s.Sample)
	if s.Alarm == nil || inAlarm == r.Every {
		return text
	}
	return text + fmt.Sprintf(configs.Words{Zh: "，报警时每 %s", En: ", in alarm every %s"}.In(l), configs.ShortDuration(inAlarm))
}

// listRemarks says what is right but may not be meant.
func listRemarks(out io.Writer, cfg *configs.Config, l configs.Language) error {
	var remarks []configs.Words
	alarms := 0
	reached := cfg.Output == nil
	for _, s := range cfg.Sensors {
		if s.Alarm != nil {
			alarms++
			reached = reached || !milder(s.Alarm.Worst(), cfg.Output.Level)
			remarks = append(remarks, alarmRemarks(s)...)
		}
	}
	if len(cfg.Sensors) > 0 && alarms == 0 {
		remarks = append(remarks, configs.Words{Zh: "没有一个传感器设了报警", En: "no sensor has an alarm"})
	}
	if !reached {
		remarks = append(remarks, configs.Words{
			Zh: "输出不会接通：没有报警达到级别 " + string(cfg.Output.Level),
			En: "the output is never switched on: no alarm reaches level " + string(cfg.Output.Level),
		})
	}
	if len(cfg.Platforms) == 0 {
		remarks = append(remarks, configs.Words{Zh: "没有平台：数据只留在网关上", En: "no platform: what is read stays on the gateway"})
	}
	for _, p := range cfg.Platforms {
		if gateway.InClear(p) {
			remarks = append(remarks, configs.Words{
				Zh: "发往 " + p.ID + " 的数据不加密：沿途任何人都能看到，也能改动",
				En: p.ID + ": what goes there is not encrypted; anyone on the way can read and change it",
			})
		}
	}
	for _, r := range remarks {
		if _, err := fmt.Fprintln(out, configs.Words{Zh: "注意：", En: "note: "}.In(l)+r.In(l)); err != nil {
			return err
		}
	}
	return nil
}

// alarmRemarks says what the alarm of a sensor leaves out.
func alarmRemarks(s configs.Sensor) (remarks []configs.Words) {
	const byDefault = time.Second // of in_alarm, which nobody need have written
	if s.Report.InAlarm > max(s.Report.Every, byDefault) {
		remarks = append(remarks, configs.Words{
			Zh: s.ID + " 的 report.in_alarm 比 every 长，不起作用",
			En: s.ID + ": report.in_alarm is longer than every and does nothing",
		})
	}
	driver, known := all.Lookup(s.Driver)
	if !known {
		return remarks
	}
	quantities := driver.Quantities(s.Options)
	if slices.Contains(quantities, drivers.DoorHeld) && !slices.Contains(quantities, drivers.DoorForced) {
		remarks = append(remarks, configs.Words{
			Zh: s.ID + " 只在门久开不关时报警：没有 rex 或 unlock，分辨不出强行开门",
			En: s.ID + " is in alarm only while held open: without rex or unlock nobody can tell that it was forced",
		})
	}
	return remarks
}

func milder(a, b configs.Level) bool {
	rank := map[configs.Level]int{}
	for i, name := range a.Values() {
		rank[configs.Level(name)] = i
	}
	return rank[a] < rank[b]
}
