package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"watchpost/agent/gateway"
	"watchpost/agent/health"
	"watchpost/agent/sense"
	"watchpost/configs"
	"watchpost/drivers"
	"watchpost/drivers/board"
)

type readCommand struct {
	Sensors []string `arg:"" optional:"" name:"sensor" help:"The sensors to read, by id; all when none is named."`
	Config  string   `default:"/etc/watchpost/watchpost.yaml" placeholder:"FILE" help:"The configuration, ${default} unless given."`
	Watch   bool     `short:"w" help:"Go on reading until Ctrl-C."`
	JSON    bool     `name:"json" help:"One JSON object a line for each quantity."`
	Lang    string   `enum:"zh,en,auto" default:"auto" help:"Language of the words: zh, en, or auto for the locale's."`
}

// readWait is what a sensor may take to give its first reading: longer than the
// deadline after which supervision calls it stuck.
const readWait = 8 * time.Second

// Run prints what the sensors say now. While the agent runs it is asked, since
// it has the lines and ports for itself; else the hardware is read.
func (c readCommand) Run(to streams) error {
	lang := languageFor(c.Lang)
	cfg, err := load(c.Config, to, lang)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	p := printer{to: to.out, json: c.JSON, lang: lang}
	if !c.Watch {
		return readOnce(ctx, cfg, c.Sensors, p)
	}
	plan, err := readPlan(cfg, c.Sensors, lang)
	if err != nil {
		return err
	}
	return sourceOf(ctx, cfg, c.Sensors).watch(ctx, plan, func(r readout) error { return p.print([]readout{r}) })
}

// readOnce prints one reading of each quantity of the sensors. The error counts
// those that could not be read.
func readOnce(ctx context.Context, cfg *configs.Config, sensors []string, p printer) error {
	plan, err := readPlan(cfg, sensors, p.lang)
	if err != nil {
		return err
	}
	rows, err := sourceOf(ctx, cfg, sensors).once(ctx, plan)
	if err != nil {
		return err
	}
	if err := p.print(rows); err != nil {
		return err
	}
	if n := faults(rows); n > 0 {
		text := configs.Words{Zh: "%d 个读数中有 %d 个读不到", En: "values: %d, not read: %d"}
		return fmt.Errorf(text.In(p.lang), len(rows), n)
	}
	return nil
}

func readPlan(cfg *configs.Config, sensors []string, l configs.Language) ([]gateway.Observed, error) {
	plan, err := gateway.Plan(cfg, sensors)
	if unknown, ok := errors.AsType[*gateway.UnknownSensorError](err); ok && l == configs.Chinese {
		err = fmt.Errorf("配置中没有传感器 %q；有 %s", unknown.ID, strings.Join(unknown.Known, "、"))
	}
	if err != nil {
		return nil, &failure{exitUsage, err, configs.Words{Zh: "传感器要写它的编号", En: "name sensors by their id"}.In(l)}
	}
	return plan, nil
}

// sourceOf is the running agent, or else the hardware itself.
func sourceOf(ctx context.Context, cfg *configs.Config, sensors []string) readSource {
	if agent, running := findAgent(ctx, cfg); running {
		return agent
	}
	return hardware{cfg: cfg, host: board.Periph(nil), sensors: sensors}
}

// languageFor is the language a flag names, or the locale's.
func languageFor(flag string) configs.Language {
	switch l := configs.Language(flag); l {
	case configs.Chinese, configs.English:
		return l
	}
	return configs.LanguageOf(os.Getenv)
}

// readSource is where readings come from.
type readSource interface {
	// once is the newest reading of each of the plan, in its order.
	once(ctx context.Context, plan []gateway.Observed) ([]readout, error)
	// watch hands on readings of the plan until ctx ends, which is no error.
	watch(ctx context.Context, plan []gateway.Observed, each func(readout) error) error
}

// readout is one reading as read prints it. Members are added, never renamed.
type readout struct {
	Sensor   string           `json:"sensor"`
	Quantity drivers.Quantity `json:"quantity"`
	Value    *drivers.Decimal `json:"value"` // null when there is none: never 0 for a fault
	Unit     drivers.Unit     `json:"unit,omitempty"`
	Raw      *drivers.Decimal `json:"raw,omitempty"`
	RawUnit  drivers.Unit     `json:"raw_unit,omitempty"`
	Quality  string           `json:"quality"`
	Reason   drivers.Reason   `json:"reason,omitempty"`
	Says     *health.Text     `json:"says,omitempty"`
	Advice   *health.Text     `json:"advice,omitempty"`
	Error    string           `json:"error,omitempty"` // the driver's own words; only from the hardware
	At       *time.Time       `json:"at,omitempty"`
	Stale    bool             `json:"stale,omitempty"` // older than it should be: the agent is behind
	// Withheld says that the running agent has a value and does not give it to
	// whoever may not read its data directory.
	Withheld bool   `json:"withheld,omitempty"`
	Source   string `json:"source"` // "hardware" or "agent"
}

func (r readout) key() gateway.Observed {
	return gateway.Observed{Sensor: r.Sensor, Quantity: r.Quantity}
}

// explained adds the reason's words.
func (r readout) explained() readout {
	if words, ok := health.Reasons()[string(r.Reason)]; ok {
		r.Says, r.Advice = &words.What, &words.Advice
	}
	return r
}

func faults(rows []readout) (n int) {
	for _, r := range rows {
		if r.Value == nil && (!r.Withheld || r.Quality == drivers.Fault.String()) {
			n++
		}
	}
	return n
}

// hardware reads the sensors themselves.
type hardware struct {
	cfg     *configs.Config
	host    board.Host
	sensors []string
}

func (h hardware) watch(ctx context.Context, _ []gateway.Observed, each func(readout) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	err := gateway.Readout(ctx, h.cfg, h.sensors, h.host, nil, func(o sense.Observation) {
		if failed == nil {
			if failed = each(measured(o)); failed != nil {
				cancel()
			}
		}
	})
	return cmp.Or(failed, err)
}

func (h hardware) once(ctx context.Context, plan []gateway.Observed) ([]readout, error) {
	ctx, cancel := context.WithTimeout(ctx, readWait)
	defer cancel()
	seen := map[gateway.Observed]readout{}
	err := h.watch(ctx, plan, func(r readout) error {
		seen[r.key()] = r
		if settled(plan, seen) {
			cancel()
		}
		return nil
	})
	return inOrder(plan, seen, "hardware"), err
}

// settled reports whether each of the plan has said something final. One that is
// stuck may only have waited its turn on a bus of dead ones: it gets another.
func settled(plan []gateway.Observed, seen map[gateway.Observed]readout) bool {
	return !slices.ContainsFunc(plan, func(o gateway.Observed) bool {
		r, known := seen[o]
		return !known || r.Value == nil && r.Reason == drivers.Stuck
	})
}

// inOrder lists what was seen in the order of the plan, and what was not as
// stuck.
func inOrder(plan []gateway.Observed, seen map[gateway.Observed]readout, source string) (rows []readout) {
	for _, o := range plan {
		r, ok := seen[o]
		if !ok {
			r = readout{Sensor: o.Sensor, Quantity: o.Quantity, Quality: drivers.Fault.String(), Reason: drivers.Stuck, Source: source}.explained()
		}
		rows = append(rows, r)
	}
	return rows
}

// measured is an observation as read prints it.
func measured(o sense.Observation) readout {
	r := readout{Sensor: o.Sensor, Quantity: o.Quantity, Quality: o.Quality.String(), Reason: o.Reason, Source: "hardware", At: &o.At.Wall}
	if o.HasValue() {
		r.Value, r.Unit = &o.Value, o.Unit
	}
	if o.Err != nil {
		r.Error = o.Err.Error()
	}
	if o.Raw.Unit != "" {
		r.Raw, r.RawUnit = &o.Raw.Value, o.Raw.Unit
	}
	return r.explained()
}

// printer prints readings for people or programs.
type printer struct {
	to   io.Writer
	json bool
	lang configs.Language
}

func (p printer) print(rows []readout) error {
	if p.json {
		enc := json.NewEncoder(p.to)
		enc.SetEscapeHTML(false)
		for _, r := range rows {
			if err := enc.Encode(r); err != nil {
				return fmt.Errorf("print reading: %w", err)
			}
		}
		return nil
	}
	var lines [][]string
	for _, r := range rows {
		lines = append(lines, p.line(r))
		if r.Error != "" {
			lines = append(lines, []string{"  " + r.Error})
		}
		if r.Advice != nil {
			lines = append(lines, []string{"  → " + r.Advice.In(string(p.lang))})
		}
	}
	if err := table(p.to, lines); err != nil {
		return fmt.Errorf("print readings: %w", err)
	}
	return nil
}

// line is sensor, quantity, value, raw value, quality and reason.
func (p printer) line(r readout) []string {
	zh := p.lang == configs.Chinese
	value, raw := "-", ""
	switch {
	case r.Value != nil && r.Quantity.Contact():
		value = contactWord(r.Quantity, r.Value.Coefficient != 0, zh)
	case r.Value != nil:
		value = amount(*r.Value, r.Unit)
	}
	if r.Raw != nil {
		raw = amount(*r.Raw, r.RawUnit)
	}
	says := string(r.Reason)
	if r.Says != nil {
		says = strings.TrimSpace(says + " " + r.Says.In(string(p.lang)))
	}
	if r.Stale {
		says = strings.TrimSpace(says + " " + word("旧值|old", zh))
	}
	return []string{r.Sensor, quantityWord(r.Quantity, zh), value, raw, qualityWord(r.Quality, zh), says}
}
