package main

import (
	"context"
	_ "embed" // the compound's configuration is part of the program
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"watchpost/agent/clock"
	"watchpost/agent/gateway"
	"watchpost/agent/people"
	"watchpost/configs"
)

//go:embed site.yaml
var siteYAML string

// fresh is the configuration that the package installs, seen from the repository.
const fresh = "cross/package/watchpost.yaml"

// calm is how long all is well before something happens, so that there is a last
// good value and a connection to lose.
const calm = 4 * time.Second

// Password is what those ask for whose page is set up.
const password = "four plain words"

// situation is what happens to a gateway.
type situation struct {
	name   string
	happen func(*hardware, *platform) error // after calm; nil: nothing
	unset  bool                             // the clock was never set
	first  bool                             // as it comes from the package
}

// situations are the states that the real agent is brought into.
func situations() []situation {
	return []situation{
		{name: "normal"},
		{name: "warning", happen: func(h *hardware, _ *platform) error {
			h.streetCM.Store(37)
			return nil
		}},
		{name: "flood", happen: func(h *hardware, _ *platform) error {
			h.streetCM.Store(37)
			h.pitMM.Store(1620)
			return nil
		}},
		{name: "smoke", happen: func(h *hardware, _ *platform) error {
			h.smoke.Set(gpio.Low)
			return nil
		}},
		{name: "fault", happen: func(h *hardware, _ *platform) error {
			h.pit.BreakWire()
			return nil
		}},
		{name: "uplink", happen: func(h *hardware, p *platform) error {
			h.leave()
			return p.close()
		}},
		{name: "clock", unset: true},
		{name: "first", first: true},
	}
}

// serveSituations runs a gateway for each of the situations named, or for all,
// prints name and address of each, and ends when the input does.
func serveSituations(names []string) error {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // whoever started this is gone, or dies
		end()
	}()
	dir, err := os.MkdirTemp("", "showpage-")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	var (
		running sync.WaitGroup
		mu      sync.Mutex // guards all
		all     []error
	)
	for _, s := range situations() {
		if len(names) > 0 && !strings.Contains(" "+strings.Join(names, " ")+" ", " "+s.name+" ") {
			continue
		}
		running.Go(func() {
			if err := s.serve(ctx, filepath.Join(dir, s.name)); err != nil {
				mu.Lock()
				all = append(all, fmt.Errorf("%s: %w", s.name, err))
				mu.Unlock()
				end()
			}
		})
	}
	running.Wait()
	return errors.Join(append(all, os.RemoveAll(dir))...)
}

// serve runs one gateway until ctx ends.
func (s situation) serve(ctx context.Context, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	far, err := newPlatform(dir)
	if err != nil {
		return err
	}
	cfg, err := s.config(dir, far)
	if err != nil {
		return err
	}
	if !s.first {
		if err := setUp(dir); err != nil {
			return err
		}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("open page: %w", err)
	}
	h, now := newHardware(), s.clock()
	var beside sync.WaitGroup
	defer beside.Wait()
	if s.happen != nil {
		beside.Go(func() {
			select {
			case <-ctx.Done():
			case <-time.After(calm):
				if err := s.happen(h, far); err != nil {
					fmt.Fprintln(os.Stderr, s.name, err)
				}
			}
		})
	}
	fmt.Printf("%s http://%s/\n", s.name, l.Addr())
	return errors.Join(
		gateway.Run(ctx, cfg, gateway.Options{Host: h.board, Page: l, Version: "0.1.0", Reconnect: 2 * time.Second, Clock: &now, BuiltAt: morning().AddDate(0, 0, -1)}),
		far.close(),
	)
}

// config is the site's, or that of a gateway somebody has just installed.
func (s situation) config(dir string, far *platform) (*configs.Config, error) {
	name, text := "site.yaml", strings.NewReplacer("PLATFORM", far.address, "CA", far.ca).Replace(siteYAML)
	if s.first {
		b, err := os.ReadFile(fresh)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		name, text = fresh, string(b)
	}
	cfg, problems := configs.Parse(name, []byte(text), gateway.Catalogue{})
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	cfg.Data = dir
	return cfg, nil
}

// setUp chooses the page's password as an installer does.
func setUp(dir string) error {
	keeper, err := people.Open(dir, nil)
	if err != nil {
		return err
	}
	code, err := os.ReadFile(filepath.Join(dir, people.CodeFile))
	if err != nil {
		return fmt.Errorf("read set-up code: %w", err)
	}
	_, err = keeper.SetUp(netip.IPv6Loopback(), strings.TrimSpace(string(code)), "安装员", password)
	return err
}

// morning is when the gateways were switched on, so that pictures are alike.
func morning() time.Time { return time.Date(2026, 11, 23, 1, 31, 0, 0, time.UTC) }

// clock was set at the start, or never.
func (s situation) clock() clock.Source {
	began, wall := time.Now(), morning()
	if s.unset {
		wall = time.Unix(50, 0)
	}
	return clock.Source{
		Boot:        clock.BootID{1},
		SinceBoot:   func() time.Duration { return time.Since(began) + 50*time.Second },
		Wall:        func() time.Time { return wall.Add(time.Since(began)) },
		Disciplined: func() bool { return !s.unset },
	}
}
