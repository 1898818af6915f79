package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"watchpost/agent/gateway"
	"watchpost/agent/health"
	"watchpost/agent/people"
	"watchpost/configs"
)

const (
	// askWait is what the agent's page may take to answer: it waits for nothing.
	askWait = 2 * time.Second
	// askMost is more than any view has: another program there may have no end.
	askMost = 16 << 20
)

// runningAgent is the agent of this configuration at work, asked over its page.
type runningAgent struct {
	url  string
	data string // its data directory, where the proof for what card readers say is
}

// findAgent looks for the agent at the page's address. Another gateway's agent,
// or another program there, does not count.
func findAgent(ctx context.Context, cfg *configs.Config) (runningAgent, bool) {
	if cfg.Page.Off() {
		return runningAgent{}, false
	}
	host, port, err := net.SplitHostPort(cfg.Page.Listen)
	if err != nil {
		return runningAgent{}, false
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	agent := runningAgent{data: cfg.Data, url: "http://" + net.JoinHostPort(host, port) + "/api/v1/view"}
	view, err := agent.ask(ctx)
	return agent, err == nil && view.Gateway.ID == cfg.Gateway.ID
}

// agentView is what read takes from the page's API.
type agentView struct {
	Gateway struct {
		ID string `json:"id"`
	} `json:"gateway"`
	Sensors []struct {
		ID string `json:"id"`
		readout
	} `json:"sensors"`
}

func (a runningAgent) ask(ctx context.Context) (view agentView, err error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return view, fmt.Errorf("ask the running agent: %w", err)
	}
	// Read each time, since the agent makes it anew when it starts. Without it, what
	// is withheld says so.
	if proof, err := people.Local(a.data); err == nil {
		request.Header.Set("Authorization", "Bearer "+proof)
	}
	// Straight to the page, which is near: past any proxy, and nowhere that another
	// program there may point to.
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(request)
	if err != nil {
		return view, fmt.Errorf("ask the running agent: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // read to its end, or of no use
	if answer.StatusCode != http.StatusOK {
		return view, fmt.Errorf("ask the running agent: %s", answer.Status)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, askMost)).Decode(&view); err != nil {
		return view, fmt.Errorf("read the running agent's answer: %w", err)
	}
	return view, nil
}

func (a runningAgent) once(ctx context.Context, plan []gateway.Observed) ([]readout, error) {
	view, err := a.ask(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[gateway.Observed]readout{}
	for _, s := range view.Sensors {
		r := s.readout
		r.Sensor, r.Source = s.ID, "agent"
		if r = r.explained(); r.Withheld && r.Says == nil {
			r.Says = &health.Text{ZH: "读数只给能读数据目录的用户看", EN: "its count is for those who may read the data directory"}
			r.Advice = &health.Text{ZH: "前面加 sudo 再执行一次", EN: "run this again with sudo"}
		}
		seen[r.key()] = r
	}
	for _, o := range plan {
		if _, has := seen[o]; !has {
			seen[o] = unknownToAgent(o)
		}
	}
	return inOrder(plan, seen, "agent"), nil
}

// unknownToAgent is said of a sensor that was configured after the agent began.
func unknownToAgent(o gateway.Observed) readout {
	return readout{
		Sensor: o.Sensor, Quantity: o.Quantity, Quality: "none", Source: "agent",
		Says:   &health.Text{ZH: "运行中的 watchpost 还没有它", EN: "the running agent does not have it"},
		Advice: &health.Text{ZH: "改过配置后要重启 watchpost", EN: "restart watchpost after a change of its configuration"},
	}
}

// watch asks once a second and hands on what is new.
func (a runningAgent) watch(ctx context.Context, plan []gateway.Observed, each func(readout) error) error {
	told := map[gateway.Observed]readout{}
	again := func(r readout) bool { return sameReading(told[r.key()], r) }
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		rows, err := a.once(ctx, plan)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, r := range slices.DeleteFunc(rows, again) {
			told[r.key()] = r
			if err := each(r); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// sameReading reports whether b is what a was already. What is withheld has no time
// to tell it by.
func sameReading(a, b readout) bool {
	if a.Withheld && b.Withheld {
		return a.Quality == b.Quality && a.Stale == b.Stale
	}
	return sameMoment(a.At, b.At)
}

func sameMoment(a, b *time.Time) bool { return a != nil && b != nil && a.Equal(*b) }
