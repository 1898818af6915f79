package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"watchpost/agent/gateway"
	"watchpost/agent/watchdog"
	"watchpost/configs"
	"watchpost/drivers/board"
)

// memoryLimit is what the Go heap may grow to before the collector works
// harder: room enough on the smallest gateways, which have 128 MB. The store's
// mapped file is not counted in it.
const memoryLimit = 48 << 20

type runCommand struct {
	Config string `default:"/etc/watchpost/watchpost.yaml" placeholder:"FILE" help:"The configuration, ${default} unless given."`
}

// Run is the agent until SIGINT or SIGTERM.
func (c runCommand) Run(to streams) error {
	l := configs.LanguageOf(os.Getenv)
	cfg, err := load(c.Config, to, l)
	if err != nil {
		return err
	}
	if os.Getenv("GOMEMLIMIT") == "" { // the environment, when it is set, has been obeyed already
		debug.SetMemoryLimit(memoryLimit)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	log := newLog(to.err)
	self, err := os.Executable()
	if err != nil {
		log.Warn("own program not found: the store is checked in this process", "error", err)
		self = ""
	}
	manager, err := watchdog.FromEnvironment(os.Getenv, os.Getpid())
	if err != nil {
		log.Warn("service manager is not told how the agent does", "err", err)
	}
	err = gateway.Run(ctx, cfg, gateway.Options{
		Host:       board.Periph(log),
		Executable: self,
		Version:    release,
		BuiltAt:    readBuild().at,
		Manager:    manager,
		Language:   l,
		Log:        log,
	})
	if err != nil {
		return fmt.Errorf("run gateway %s: %w", cfg.Gateway.ID, err)
	}
	return nil
}

func newLog(to io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }

// load reads the configuration. Mistakes in it are printed one a line, and
// then counted in the error.
func load(path string, to streams, l configs.Language) (*configs.Config, error) {
	cfg, err := configs.Load(path, gateway.Catalogue{})
	problems, broken := errors.AsType[configs.Problems](err)
	switch {
	case broken:
		for _, p := range problems {
			to.say("error", p.In(l))
		}
		return nil, countMistakes(path, problems, l, configs.Words{Zh: "；没有启动", En: "; nothing was started"})
	case err != nil:
		return nil, &failure{exitUsage, unreadable(path, err, l), configs.Words{Zh: "用 --config 指定配置文件", En: "name the file with --config"}.In(l)}
	}
	return cfg, nil
}
