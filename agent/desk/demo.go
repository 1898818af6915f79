package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"watchpost/agent/gateway"
	"watchpost/configs"
	"watchpost/drivers/sim"
)

// The demo's default addresses: loopback only.
const (
	pageAddress   = "127.0.0.1:8080"
	brokerAddress = "127.0.0.1:1883"

	// reconnect is a time-lapse of its own: a gateway waits up to a minute.
	reconnect = 2 * time.Second
)

// demoCommand runs the real agent on a simulated board.
type demoCommand struct {
	Page   string        `placeholder:"HOST:PORT" help:"Address of the page; default 127.0.0.1:8080 or the next free port."`
	Broker string        `placeholder:"HOST:PORT" help:"Address of the broker; default 127.0.0.1:1883 or the next free port."`
	Data   string        `placeholder:"DIR" help:"Keep the data directory; default a new one that is removed at the end."`
	Round  time.Duration `default:"84s" help:"How long one round of the story takes."`
	Rounds int           `help:"End after so many rounds; 0 goes on until Ctrl-C."`
	Plain  bool          `help:"Print lines only, no line that is drawn over."`
}

// Run is the demo from first line to Ctrl-C.
func (c *demoCommand) Run(s *session) error {
	if c.Round < 10*time.Second {
		return fmt.Errorf("read flag --round=%v: want at least 10s, so that the story can be followed", c.Round)
	}
	cfg, err := demoConfig()
	if err != nil {
		return err
	}
	brokerListener, err := listen("broker", c.Broker, brokerAddress)
	if err != nil {
		return err
	}
	pageListener, err := listen("page", c.Page, pageAddress)
	if err != nil {
		return err
	}
	cfg.Page.Listen = pageListener.Addr().String()
	cfg.Platforms[0].Server = "tcp://" + brokerListener.Addr().String()
	remove, err := dataDirectory(cfg, c.Data)
	if err != nil {
		return err
	}
	defer remove()

	view := newTerminal(os.Stdout, c.Plain, s.started)
	platform, err := newBroker(brokerListener, view.received)
	if err != nil {
		return err
	}
	view.addresses(cfg.Page.Listen, platform.address)
	err = c.play(s.ctx, cfg, pageListener, platform, view)
	view.end()
	if downErr := platform.down(); err == nil {
		err = downErr
	}
	return err
}

// play runs agent, story and terminal until the story or ctx ends, and stops
// them in that order.
func (c *demoCommand) play(ctx context.Context, cfg *configs.Config, pageListener net.Listener, platform *broker, view *terminal) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	demo, err := sim.NewDemo()
	if err != nil {
		return err
	}
	agentEnded := make(chan error, 1)
	go func() {
		agentEnded <- gateway.Run(ctx, cfg, gateway.Options{
			Host: audible{demo.Board, view.siren}, Page: pageListener, Version: "demo", Reconnect: reconnect, Log: slog.New(slog.DiscardHandler),
		})
		cancel()
	}()
	var others sync.WaitGroup
	others.Go(func() { view.follow(ctx, "http://"+cfg.Page.Listen, cfg.Data) })
	storyErr := sim.PlayDemo(ctx, demo, sim.DemoOptions{
		Round:    c.Round,
		Rounds:   c.Rounds,
		Announce: view.act,
		Uplink: func(up bool) {
			if up {
				view.failed(platform.up())
			} else {
				view.failed(platform.down())
			}
		},
	})
	cancel()
	others.Wait()
	if err := <-agentEnded; err != nil {
		return err
	}
	if errors.Is(storyErr, context.Canceled) {
		return nil
	}
	return storyErr
}

// demoConfig reads the demo's configuration as a gateway reads its own.
func demoConfig() (*configs.Config, error) {
	cfg, problems := configs.Parse("demo.yaml", configs.Demo(), gateway.Catalogue{})
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("read demo configuration: %w", err)
	}
	return cfg, nil
}

// dataDirectory is the one asked for, or a fresh one and how to remove it.
func dataDirectory(cfg *configs.Config, asked string) (remove func(), err error) {
	if asked != "" {
		cfg.Data, err = filepath.Abs(asked)
		return func() {}, err
	}
	dir, err := os.MkdirTemp("", "watchpost-demo-")
	if err != nil {
		return nil, fmt.Errorf("make data directory: %w", err)
	}
	cfg.Data = dir
	return func() {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, "watchpost-desk: error: remove data directory:", err)
		}
	}, nil
}
